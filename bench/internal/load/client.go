package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	requestTimeout = 20 * time.Second // more than the server's own limit
	maxAnswer      = 16 << 20
)

// Client sends arbitrary requests and returns complete responses, for light load. It is safe
// for concurrent use.
type Client struct {
	http     *http.Client
	received atomic.Int64
}

// NewClient returns a client with a maximum number of idle connections per server. The caller
// must Close it.
func NewClient(connections int) *Client {
	c := &Client{}
	dialer := &net.Dialer{}
	c.http = &http.Client{Timeout: requestTimeout, Transport: &http.Transport{
		MaxIdleConnsPerHost: connections,
		DisableCompression:  true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			return &counted{conn, &c.received}, err
		},
	}}
	return c
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Received returns the number of bytes received, HTTP overhead included.
func (c *Client) Received() int64 { return c.received.Load() }

// counted counts the bytes read from a connection.
type counted struct {
	net.Conn
	received *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.received.Add(int64(n))
	return n, err
}

// Call is a request.
type Call struct {
	Addr, Method, Path, Key string
	Body                    []byte   // JSON
	Headers                 []string // alternating names and values; those without a value are omitted
}

// Reply is a response with its content coding decoded.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request. A response of any status is not an error.
func (c *Client) Do(ctx context.Context, call Call) (Reply, error) {
	req, err := http.NewRequestWithContext(ctx, call.Method, "http://"+call.Addr+call.Path, bytes.NewReader(call.Body))
	if err != nil {
		return Reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+call.Key)
	if len(call.Body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(call.Headers); i += 2 {
		if call.Headers[i+1] != "" {
			req.Header.Set(call.Headers[i], call.Headers[i+1])
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Reply{}, err
	}
	if text, err = Decode(resp.Header.Get("Content-Encoding"), text); err != nil {
		return Reply{}, fmt.Errorf("%s %s: %w", call.Method, call.Path, err)
	}
	return Reply{resp.StatusCode, resp.Header, text}, nil
}
