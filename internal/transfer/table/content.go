package table

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
)

// prefixSize is how much of a source is looked at to recognise its format.
const prefixSize = 4 << 10

// randomly is a file that can be read from any place.
type randomly interface {
	io.ReadCloser
	io.Seeker
	io.ReaderAt
	Stat() (fs.FileInfo, error)
}

// content is what is read: the source itself, or a temporary file with what it
// unpacks to.
type content struct {
	stream io.ReadCloser // of the source
	file   randomly      // nil: it can be read once, from its beginning to its end
	size   int64         // of file
	prefix []byte        // its first bytes

	source    int64 // the source's size, or -1
	temporary []*os.File
	replaced  bool // file is a temporary one
	closing   sync.Once
	closed    error
}

// openContent opens a source and looks at its beginning.
func openContent(s Source) (*content, error) {
	stream, err := s.Open()
	if err != nil {
		return nil, err
	}
	c := &content{stream: stream, size: -1, source: s.Size}
	if file, ok := stream.(randomly); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			c.file, c.size = file, info.Size()
		}
	}
	return c, nil
}

// look reads the prefix. What is read of a stream is read again later.
func (c *content) look() error {
	prefix := make([]byte, prefixSize)
	var n int
	var err error
	if c.file != nil {
		n, err = c.file.ReadAt(prefix, 0)
	} else {
		n, err = io.ReadFull(c.stream, prefix)
		c.stream = &prefixed{Reader: io.MultiReader(bytes.NewReader(prefix[:n]), c.stream), Closer: c.stream}
	}
	c.prefix = prefix[:n]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// prefixed is a stream of which the beginning was read before.
type prefixed struct {
	io.Reader
	io.Closer
}

// reader returns the content from its beginning.
func (c *content) reader() (io.Reader, error) {
	if c.file == nil {
		return c.stream, nil
	}
	_, err := c.file.Seek(0, io.SeekStart)
	return c.file, err
}

// settle makes sure that the content can be read from any place.
func (c *content) settle(ctx context.Context) error {
	if c.file != nil {
		return nil
	}
	return c.replace(ctx, c.stream, maxSpooled)
}

// replace makes what r yields the content, in a temporary file.
func (c *content) replace(ctx context.Context, r io.Reader, most int64) error {
	file, size, err := spool(ctx, r, "", most)
	if err != nil {
		return err
	}
	c.temporary = append(c.temporary, file)
	c.file, c.size, c.replaced = file, size, true
	return nil
}

// scratch returns a temporary file that Close removes.
func (c *content) scratch() (*os.File, error) {
	file, err := os.CreateTemp("", "sixty-import-*")
	if err == nil {
		c.temporary = append(c.temporary, file)
	}
	return file, err
}

// offset returns how many bytes of the source have been taken when so many of the
// content have.
func (c *content) offset(taken int64) int64 {
	if !c.replaced || c.source < 0 || c.size <= 0 {
		return taken
	}
	return int64(float64(c.source) * min(1, float64(taken)/float64(c.size)))
}

// Close closes the content, also while it is read, and removes its temporary files.
func (c *content) Close() error {
	c.closing.Do(func() {
		c.closed = c.stream.Close()
		for _, file := range c.temporary {
			c.closed = errors.Join(c.closed, file.Close(), os.Remove(file.Name()))
		}
	})
	return c.closed
}
