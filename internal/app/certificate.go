package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sixty/internal/config"
)

const (
	// certificateInterval is how often the files are compared with what was read.
	certificateInterval = time.Minute
	// maxPEM bounds the size of a file of certificates or keys.
	maxPEM = 1 << 20
	// maxHTTP2Streams bounds the concurrent requests of one connection.
	maxHTTP2Streams = 100
)

// certificate is the server's, which is replaced when its files change.
type certificate struct {
	files config.TLS
	log   *slog.Logger

	current atomic.Pointer[tls.Certificate]
	mu      sync.Mutex
	read    [sha256.Size]byte // the digest of the files when they were read last, valid or not

	end     context.CancelFunc
	running sync.WaitGroup
}

// openCertificate reads the certificate, and begins to watch its files. close must follow.
func openCertificate(files config.TLS, log *slog.Logger) (*certificate, error) {
	c := &certificate{files: files, log: log}
	pair, digest, err := c.load()
	if err != nil {
		return nil, err
	}
	c.current.Store(pair)
	c.read = digest
	ctx, end := context.WithCancel(context.Background())
	c.end = end
	c.running.Go(func() { c.watch(ctx) })
	return c, nil
}

func (c *certificate) close() {
	c.end()
	c.running.Wait()
}

// load reads the pair, and returns the digest of both files also if they are not one.
func (c *certificate) load() (pair *tls.Certificate, digest [sha256.Size]byte, err error) {
	cert, err := readPEM(c.files.TLSCert)
	if err != nil {
		return nil, digest, fmt.Errorf("%s: %w", config.NameOf(c.files, "TLSCert"), err)
	}
	key, err := readPEM(c.files.TLSKey)
	if err != nil {
		return nil, digest, fmt.Errorf("%s: %w", config.NameOf(c.files, "TLSKey"), err)
	}
	h := sha256.New()
	for _, text := range [][]byte{cert, {0}, key} {
		h.Write(text)
	}
	h.Sum(digest[:0])
	loaded, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, digest, fmt.Errorf("%s and %s: %w", config.NameOf(c.files, "TLSCert"), config.NameOf(c.files, "TLSKey"), err)
	}
	return &loaded, digest, nil
}

// refresh takes over the files, if they have changed and hold a pair; otherwise the former
// certificate remains. Files that are wrong are logged once, until they change again.
func (c *certificate) refresh() {
	c.mu.Lock()
	defer c.mu.Unlock()
	pair, digest, err := c.load()
	if digest == c.read {
		return
	}
	c.read = digest
	if err != nil {
		c.log.Error("the certificate was not replaced", "error", err)
		return
	}
	c.current.Store(pair)
	c.log.Info("the certificate was replaced", "not_after", pair.Leaf.NotAfter)
}

func (c *certificate) watch(ctx context.Context) {
	tick := time.NewTicker(certificateInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.refresh()
		}
	}
}

// config returns the server's configuration of TLS.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// readPEM reads a file of certificates or keys.
func readPEM(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxPEM:
		return nil, fmt.Errorf("%s is no file of certificates or keys", name)
	}
	return os.ReadFile(name) //nolint:gosec // the setting names it
}

// authorities returns the certificates of a file; nil, which stands for the system's, for "".
func authorities(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // see above
	}
	text, err := readPEM(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("there is no certificate in " + name)
	}
	return pool, nil
}

// http2Config bounds what one connection can ask for.
func http2Config() *http.HTTP2Config {
	return &http.HTTP2Config{MaxConcurrentStreams: maxHTTP2Streams}
}

// clientsErrors are in lines of the HTTP server's log that any client can cause. A semicolon in
// a query is no error here.
var clientsErrors = [][]byte{[]byte("TLS handshake error"), []byte("URL query contains semicolon")}

// serverErrors returns the log of the HTTP server, in which what clients cause is of level debug.
func serverErrors(to *slog.Logger) *log.Logger {
	warn := slog.NewLogLogger(to.Handler(), slog.LevelWarn)
	debug := slog.NewLogLogger(to.Handler(), slog.LevelDebug)
	return log.New(writerFunc(func(line []byte) (int, error) {
		if slices.ContainsFunc(clientsErrors, func(text []byte) bool { return bytes.Contains(line, text) }) {
			debug.Print(string(line))
		} else {
			warn.Print(string(line))
		}
		return len(line), nil
	}), "", 0)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
