package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// OutputFile is a file that is there only once it is complete: it is written under a
// temporary name beside its own, readable by its owner alone, because it holds customers'
// data.
type OutputFile struct {
	path string
	file *os.File
	done bool
	// direct says that the path is no regular file but, say, a pipe or a device:
	// it is written as it is, for it cannot be replaced.
	direct bool
}

// CreateFile begins a file, which takes the place of one that exists when it is
// complete. Close must follow.
func CreateFile(path string) (*OutputFile, error) {
	o := &OutputFile{path: path}
	var err error
	switch info, statErr := os.Stat(path); {
	case statErr == nil && info.IsDir():
		return nil, fmt.Errorf("%s is a folder", path)
	case statErr == nil && !info.Mode().IsRegular():
		o.direct = true
		o.file, err = os.OpenFile(path, os.O_WRONLY, 0)
	default:
		if target, err := filepath.EvalSymlinks(path); err == nil {
			o.path = target // the link remains one
		}
		o.file, err = os.CreateTemp(filepath.Dir(o.path), "."+filepath.Base(o.path)+".*.part")
	}
	if err != nil {
		return nil, o.explain(err)
	}
	return o, nil
}

// Write writes to the file.
func (o *OutputFile) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	return n, o.explain(err)
}

// Complete puts the file on the disk and in its place.
func (o *OutputFile) Complete() error {
	o.done = true
	if o.direct {
		return o.explain(o.file.Close())
	}
	err := errors.Join(o.file.Sync(), o.file.Close())
	if err == nil {
		err = os.Rename(o.file.Name(), o.path)
	}
	if err != nil {
		_ = os.Remove(o.file.Name())
	}
	return o.explain(err)
}

// Close removes a file that was not completed.
func (o *OutputFile) Close() error {
	if o.done {
		return nil
	}
	o.done = true
	err := o.file.Close()
	if !o.direct {
		err = errors.Join(err, os.Remove(o.file.Name()))
	}
	return o.explain(err)
}

// explain names the requested file rather than the temporary one.
func (o *OutputFile) explain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s cannot be written: %w", o.path, err)
}
