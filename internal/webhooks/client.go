package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// requestTime bounds a request, from the resolution of the name to the end of the response.
	requestTime = 10 * time.Second
	// maxRequest bounds the body of a request, maxResponse what is read of that of a response, and
	// maxAnswer what is kept of it.
	maxRequest  = 256 << 10
	maxResponse = 4 << 10
	maxAnswer   = 1 << 10
	// maxRetryAfter bounds what a receiver may ask for by Retry-After.
	maxRetryAfter = time.Hour

	maxIdleConns = 20
	idleTime     = 30 * time.Second
)

// A Client sends requests to endpoints, as far as its Guard lets it.
type Client struct {
	guard *Guard
	http  *http.Client
	limit time.Duration
}

// NewClient returns a client. roots are the authorities of the endpoints' certificates; nil: the
// system's. Close must follow.
func NewClient(guard *Guard, roots *x509.CertPool) *Client {
	c := &Client{guard: guard, limit: requestTime}
	c.http = &http.Client{
		// A redirect could lead anywhere; it is a response like any other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: c.dial, // and no proxy: it would resolve the name itself
			TLSClientConfig: &tls.Config{
				MinVersion: tls.VersionTLS12, RootCAs: roots,
			},
			DisableCompression:     true,
			MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConns:           maxIdleConns, MaxIdleConnsPerHost: 1, IdleConnTimeout: idleTime,
		},
	}
	return c
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// dial connects to a host, after it is resolved and all of its addresses are checked. The address
// of the connection itself is checked as it is made.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	found, err := c.guard.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Control: c.guard.control(host)}
	var failed error
	for _, a := range found {
		conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

// A response is what came of a request.
type response struct {
	status     int // 0: there was none
	body       string
	took       time.Duration
	retryAfter time.Duration // what the receiver has asked for
	failure    string        // why it counts as failed; "" if it does not
}

// send posts a body. It never returns an error: whatever happens is a response.
func (c *Client) send(ctx context.Context, url, id string, secrets []string, now time.Time, body []byte) response {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	began := time.Now()
	r := c.exchange(ctx, url, id, secrets, now, body)
	r.took = time.Since(began)
	return r
}

func (c *Client) exchange(ctx context.Context, url, id string, secrets []string, now time.Time, body []byte) response {
	if u, violation := c.guard.parse(url); violation != "" { // the settings have changed since
		return response{failure: "the URL " + violation}
	} else if u.String() != url {
		return response{failure: "the URL is not in its normal form: set it again"}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return response{failure: "the URL cannot be used"}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "sixty")
	request.Header.Set("Webhook-Id", id)
	request.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	request.Header.Set("Webhook-Signature", signatures(secrets, id, now.Unix(), body))
	answer, err := c.http.Do(request)
	if err != nil {
		return response{failure: failureOf(err)}
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxResponse))
	r := response{status: answer.StatusCode, body: clean(text), retryAfter: retryAfter(answer, now)}
	switch {
	case r.status >= 200 && r.status <= 299 && err != nil:
		r.failure = "the response ended early"
	case r.status >= 300 && r.status <= 399:
		r.failure = "redirects are not followed: the status was " + strconv.Itoa(r.status)
	case r.status < 200 || r.status > 299:
		r.failure = "the status was " + strconv.Itoa(r.status)
	}
	return r
}

// clean returns what is kept of a response's body, as text that every database stores.
func clean(text []byte) string {
	text = text[:min(len(text), maxAnswer)]
	return strings.ReplaceAll(strings.ToValidUTF8(string(text), ""), "\x00", "")
}

// retryAfter returns what a response asks for (RFC 9110 section 10.2.3), within bounds.
func retryAfter(r *http.Response, now time.Time) time.Duration {
	if r.StatusCode != http.StatusTooManyRequests && r.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	text := r.Header.Get("Retry-After")
	pause := time.Duration(0)
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		pause = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		pause = at.Sub(now)
	}
	return min(max(pause, 0), maxRetryAfter)
}

// failureOf returns why there was no response, without what it tells of the network here.
func failureOf(err error) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, errForbidden):
		return errForbidden.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "there was no response within " + requestTime.String()
	case errors.As(err, &name):
		return "the host's name could not be resolved"
	case errors.As(err, &certificate):
		return "the server's certificate is not valid for the host"
	case errors.As(err, &alert), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "the connection could not be encrypted"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	}
	return "the connection failed"
}
