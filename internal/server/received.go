package server

import (
	"bytes"
	"io"
)

// received reads a body, whose size is bounded already, and returns it for another
// reader, with the error that it ended in.
func received(body io.Reader) io.ReadCloser {
	text, err := io.ReadAll(body)
	if err == nil {
		err = io.EOF
	}
	return io.NopCloser(io.MultiReader(bytes.NewReader(text), failingReader{err}))
}

// failingReader is a reader that has failed.
type failingReader struct{ err error }

// Read implements io.Reader.
func (f failingReader) Read([]byte) (int, error) { return 0, f.err }
