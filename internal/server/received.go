package server

import (
	"bytes"
	"io"
)

// A receivedBody is a body that was read, for another reader.
type receivedBody struct {
	io.Reader
	text []byte
}

// Close implements io.Closer.
func (*receivedBody) Close() error { return nil }

// receiveBody reads a body, whose size is bounded already. Its reader gets the error that it
// ended in.
func receiveBody(body io.ReadCloser) *receivedBody {
	if r, ok := body.(*receivedBody); ok {
		return r
	}
	text, err := io.ReadAll(body)
	if err == nil {
		err = io.EOF
	}
	return &receivedBody{io.MultiReader(bytes.NewReader(text), failingReader{err}), text}
}

// failingReader is a reader that has failed.
type failingReader struct{ err error }

// Read implements io.Reader.
func (f failingReader) Read([]byte) (int, error) { return 0, f.err }
