package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"sixty/internal/crm"
)

const (
	// placeFile has the name of the folder.
	placeFile = ".place"
	// begunSuffix ends the name of what is being written.
	begunSuffix = ".part"
	// Only one account can read the folder: it has customers' data.
	folderMode = 0o700
	fileMode   = 0o600
)

// folder keeps contents as files, in a folder of each organisation.
type folder struct {
	path string

	mu   sync.Mutex
	name string // "" until it is known
}

func (d *folder) place() string {
	name, _ := d.opened()
	return name
}

func (d *folder) ready(context.Context) error {
	_, err := d.opened()
	return err
}

// opened makes the folder if there is none yet, and returns its name.
func (d *folder) opened() (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.name != "" {
		return d.name, nil
	}
	if err := os.MkdirAll(d.path, folderMode); err != nil {
		return "", explain(err)
	}
	name, err := readPlace(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = writePlace(d.path, crm.NewID().String()); err == nil || errors.Is(err, fs.ErrExist) {
			name, err = readPlace(d.path) // of whichever process was first
		}
	}
	if err != nil {
		return "", explain(err)
	}
	d.name = name
	return name, nil
}

func readPlace(path string) (string, error) {
	text, err := os.ReadFile(filepath.Join(path, placeFile)) //nolint:gosec // the operator's
	if err != nil {
		return "", err
	}
	id, err := crm.ParseID(strings.TrimSpace(string(text)))
	if err != nil {
		return "", fmt.Errorf("%s holds no name of the folder: it %w", placeFile, err)
	}
	return id.String(), nil
}

// writePlace writes the name, unless there is one: fs.ErrExist.
func writePlace(path, name string) error {
	file, err := os.CreateTemp(path, placeFile+".*"+begunSuffix)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.WriteString(name + "\n")
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Link(file.Name(), filepath.Join(path, placeFile))
}

func (d *folder) of(org crm.ID) string         { return filepath.Join(d.path, org.String()) }
func (d *folder) pathOf(org, id crm.ID) string { return filepath.Join(d.of(org), id.String()) }

func (d *folder) put(_ context.Context, org, id crm.ID, write func(io.Writer) error) error {
	if _, err := d.opened(); err != nil {
		return err
	}
	if err := os.MkdirAll(d.of(org), folderMode); err != nil {
		return explain(err)
	}
	path := d.pathOf(org, id)
	begun := path + begunSuffix
	file, err := os.OpenFile(begun, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode) //nolint:gosec // made of ids
	if err != nil {
		return explain(err)
	}
	keep := false
	defer func() {
		if !keep {
			_ = os.Remove(begun)
		}
	}()
	if err := write(explaining{file}); err != nil {
		_ = file.Close()
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return explain(err)
	}
	if err := os.Rename(begun, path); err != nil {
		return explain(err)
	}
	keep = true
	if err := syncFolder(d.of(org)); err != nil {
		return errors.Join(explain(err), os.Remove(path))
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	dir, err := os.Open(path) //nolint:gosec // made of ids
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (d *folder) open(_ context.Context, org, id crm.ID, _ int64) (Content, error) {
	file, err := os.Open(d.pathOf(org, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errMissing
	}
	if err != nil {
		return nil, explain(err)
	}
	return file, nil
}

func (d *folder) has(_ context.Context, org, id crm.ID) (bool, error) {
	_, err := os.Stat(d.pathOf(org, id))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, explain(err)
}

func (d *folder) remove(_ context.Context, org, id crm.ID) error {
	if err := os.Remove(d.pathOf(org, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain(err)
	}
	return nil
}

// entries calls each with the files in the folder of an organisation by name, until it returns false.
func (d *folder) entries(org crm.ID, each func(entry fs.DirEntry) bool) error {
	entries, err := os.ReadDir(d.of(org))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain(err)
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() && !each(entry) {
			return nil
		}
	}
	return nil
}

func (d *folder) list(_ context.Context, org crm.ID, each func(kept) bool) error {
	return d.entries(org, func(entry fs.DirEntry) bool {
		id, err := crm.ParseID(entry.Name())
		if err != nil {
			return true
		}
		info, err := entry.Info()
		return err != nil || each(kept{id, info.ModTime()}) // it has just been removed
	})
}

func (d *folder) removeBegun(_ context.Context, org crm.ID, before time.Time) error {
	var failed error
	err := d.entries(org, func(entry fs.DirEntry) bool {
		if !strings.HasSuffix(entry.Name(), begunSuffix) {
			return true
		}
		if info, err := entry.Info(); err == nil && info.ModTime().Before(before) {
			failed = os.Remove(filepath.Join(d.of(org), entry.Name()))
		}
		return failed == nil
	})
	return errors.Join(err, failed)
}

// explaining turns the errors of writing into those of files.
type explaining struct{ file *os.File }

func (e explaining) Write(p []byte) (int, error) {
	n, err := e.file.Write(p)
	return n, explain(err)
}

// explain returns an error without the path, which is for the log alone.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return full(err)
	}
	return unavailable(err)
}
