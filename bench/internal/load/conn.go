// Package load is a client that costs little, because it shares the machine with the
// server that it measures: ready-made requests on kept connections, and a reader of
// answers that looks at nothing but what it counts.
package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// readBuffer is what is read of an answer at once.
const readBuffer = 32 << 10

// A Conn is a kept connection to a server. It is for one goroutine.
type Conn struct {
	c net.Conn
	r *bufio.Reader
}

// Answer is what is counted of an answer.
type Answer struct {
	Status int
	Hit    bool // Cache-Status (RFC 9211) says that it was kept
}

// Dial connects to a server, for at most as long as the connection is wanted.
func Dial(addr string, until time.Time) (*Conn, error) {
	c, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(until); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &Conn{c, bufio.NewReaderSize(c, readBuffer)}, nil
}

// Close ends the connection.
func (c *Conn) Close() { _ = c.c.Close() } // nothing is lost with it

// Request writes out a GET, signed with a key unless that is ""; headers are names and
// values by turns.
func Request(host, path, key string, headers ...string) []byte {
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, host)
	if key != "" {
		b = fmt.Appendf(b, "Authorization: Bearer %s\r\n", key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		b = fmt.Appendf(b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	return append(b, "\r\n"...)
}

// Do sends a request and reads its answer to the end.
func (c *Conn) Do(request []byte) (Answer, error) {
	if _, err := c.c.Write(request); err != nil {
		return Answer{}, err
	}
	line, err := c.line()
	if err != nil {
		return Answer{}, err
	}
	// "HTTP/1.1 200 OK"
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return Answer{}, fmt.Errorf("the answer begins with %q", line)
	}
	a := Answer{}
	if a.Status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, err
	}
	length, chunked := 0, false
	for {
		if line, err = c.line(); err != nil {
			return a, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return a, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		case bytes.EqualFold(name, []byte("Cache-Status")):
			a.Hit = IsHit(string(value))
		}
	}
	if chunked {
		return a, c.chunks()
	}
	if a.Status == http.StatusNotModified || a.Status == http.StatusNoContent {
		return a, nil // they have no body, whatever the length says
	}
	_, err = c.r.Discard(length)
	return a, err
}

// line reads a line without its end.
func (c *Conn) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// chunks reads a body in chunks (RFC 9112, section 7.1) without trailers.
func (c *Conn) chunks() error {
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return err
		}
		if _, err := c.r.Discard(int(size)); err != nil {
			return err
		}
		if _, err := c.line(); err != nil || size == 0 {
			return err
		}
	}
}
