// Package load is a cheap client, because it shares the machine with the measured server: it
// sends prepared requests on persistent connections, and parses only what it counts.
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

// readBuffer is the size of reads.
const readBuffer = 32 << 10

// A Conn is a persistent connection to a server. It is for one goroutine.
type Conn struct {
	c net.Conn
	r *bufio.Reader
}

// Answer is the counted part of a response.
type Answer struct {
	Status int
	Hit    bool // by Cache-Status (RFC 9211)
}

// Dial connects to a server, with a deadline for the whole connection.
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

// Close closes the connection.
func (c *Conn) Close() { _ = c.c.Close() }

// Request formats a GET, with a bearer token unless key is ""; headers are alternating names
// and values.
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

// Do sends a request and reads the whole response.
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
		return Answer{}, fmt.Errorf("unexpected status line %q", line)
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
		return a, nil // no body, despite Content-Length
	}
	_, err = c.r.Discard(length)
	return a, err
}

// line reads a line without its line break.
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

// chunks reads a chunked body (RFC 9112, section 7.1) without trailers.
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
