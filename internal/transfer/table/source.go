package table

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// maxSpooled bounds a temporary file: what a compressed file unpacks to, or a stream.
const maxSpooled = 16 << 30

// Source is a file to import.
type Source struct {
	Name string // for messages
	Size int64  // in bytes; -1: not known
	// Open opens it at its beginning. A Close must end a Read that is under way.
	Open func() (io.ReadCloser, error)
	// Once says that it cannot be opened again, such as standard input.
	Once bool

	temporary string // the file to remove
}

// Remove removes what Spool made. A source that is anything else stays.
func (s Source) Remove() error {
	if s.temporary == "" {
		return nil
	}
	return os.Remove(s.temporary)
}

// File returns the source of a path.
func File(path string) (Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Source{}, err
	}
	if info.IsDir() {
		return Source{}, fmt.Errorf("%s is a folder, not a file", path)
	}
	s := Source{Name: path, Size: -1, Once: !info.Mode().IsRegular(), Open: func() (io.ReadCloser, error) { return os.Open(path) }}
	if !s.Once {
		s.Size = info.Size()
	}
	return s, nil
}

// Spool reads a stream to its end into a temporary file of dir, so that it can be
// read several times. "" is the system's folder for such files. The caller removes
// the source at the end.
func Spool(ctx context.Context, name string, r io.Reader, dir string) (Source, error) {
	file, size, err := spool(ctx, r, dir, maxSpooled)
	if err != nil {
		return Source{}, fmt.Errorf("%s: %w", name, err)
	}
	path := file.Name()
	if err := file.Close(); err != nil {
		return Source{}, errors.Join(err, os.Remove(path))
	}
	return Source{Name: name, Size: size, Open: func() (io.ReadCloser, error) { return os.Open(path) }, temporary: path}, nil
}

// spool copies r to a new temporary file, at most so many bytes.
func spool(ctx context.Context, r io.Reader, dir string, most int64) (file *os.File, size int64, err error) {
	file, err = os.CreateTemp(dir, "sixty-import-*") // that only its user can read
	if err != nil {
		return nil, 0, err
	}
	size, err = io.Copy(file, io.LimitReader(cancelled{ctx, r}, most+1))
	if err == nil && size > most {
		err = fmt.Errorf("it is longer than %d bytes", most)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("the disk of %s is full, where the content is kept while it is imported (TMPDIR names another place): %w", filepath.Dir(file.Name()), err)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return file, size, nil
}

// cancelled is a reader that fails when its context has ended.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (c cancelled) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
