package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"sixty/internal/config"
	"sixty/internal/cursor"
	"sixty/internal/server"
)

// The server's bounds on its clients.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second // of a whole request
	writeTimeout      = 90 * time.Second // from the end of the request's header to the end of the response
	idleTimeout       = 2 * time.Minute  // of a connection between requests
	maxHeaderBytes    = 128 << 10        // a search may be ten thousand emoji, percent-encoded
)

const (
	pingTimeout = 2 * time.Second // of the database at the start and the end
	cutOffGrace = 5 * time.Second // for cancelled requests to end
)

// settingPaginationKey is the database-wide setting with the key of the cursors, for when
// none is configured.
const settingPaginationKey = "pagination_key"

var errCutOff = errors.New("the server has shut down")

// App is the server. New opens it, Run serves until its context ends, Close frees its
// resources.
type App struct {
	core     *Core
	settings config.Config // those that apply; only Reload changes them
	serving  *serving
	sealer   *cursor.Sealer
	listener net.Listener
	server   *http.Server
	cert     *certificate // nil: a proxy terminates TLS
	drain    *drain
	timeout  time.Duration           // of the requests in flight at shutdown
	cutOff   context.CancelCauseFunc // ends the context of every request
	// requests is locked for reading by each request in flight, so that a lock for writing
	// waits for all of them.
	requests sync.RWMutex
	closing  func() error
}

// New opens everything and listens: Addr is known and clients queue, but requests are
// served from Run on. Close must follow.
func New(ctx context.Context, cfg config.Config, o Options) (*App, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	core, err := Open(ctx, cfg.Base, o)
	if err != nil {
		return nil, err
	}
	a, err := newApp(ctx, core, cfg)
	if err != nil {
		return nil, errors.Join(err, core.Close())
	}
	return a, nil
}

func newApp(ctx context.Context, core *Core, cfg config.Config) (*App, error) {
	sealer, err := newSealer(ctx, core, cfg.PaginationKeys)
	if err != nil {
		return nil, err
	}
	if err := core.openFiles(ctx, cfg); err != nil {
		return nil, err
	}
	if err := core.openMail(cfg); err != nil {
		return nil, err
	}
	serving, err := newServing(ctx, core, cfg.Server)
	if err != nil {
		return nil, err
	}
	a := &App{core: core, settings: cfg, serving: serving, sealer: sealer, drain: newDrain(cfg.Drain()), timeout: cfg.ShutdownTimeout}
	if cfg.ServesTLS() {
		if a.cert, err = openCertificate(cfg.TLS, core.Log); err != nil {
			serving.close()
			return nil, err
		}
	}
	if err := a.open(ctx, cfg); err != nil {
		a.closeCertificate()
		serving.close()
		return nil, err
	}
	return a, nil
}

// open creates the HTTP server, and listens.
func (a *App) open(ctx context.Context, cfg config.Config) error {
	core := a.core
	proxies, err := cfg.Proxies()
	if err != nil {
		return err // never: Check has validated them
	}
	faces, err := a.faces(cfg, proxies)
	if err != nil {
		return err
	}
	core.metrics.ObserveEach(faces.ObserveOverload)
	core.turn.give(faces.Background)
	a.serving.face.Store(faces)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.ListenAddress())
	if err != nil {
		return fmt.Errorf("%s, %s: %w", config.NameOf(cfg.Server, "Addr"), config.NameOf(cfg.Server, "Port"), err)
	}
	connections := newBoundedListener(server.CoalesceWrites(listener), cfg.MaxConnections, cfg.MaxConnsPerAddress, proxies)
	a.listener = connections
	requests, cutOff := context.WithCancelCause(context.Background())
	a.cutOff = cutOff
	a.server = &http.Server{
		Handler:           a.counted(a.drain.closing(faces)),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ConnContext:       server.ConnContext,
		ConnState:         connections.note,
		ErrorLog:          serverErrors(core.Log),
		HTTP2:             http2Config(),
	}
	if a.cert != nil {
		a.server.TLSConfig = a.cert.config()
	}
	if cfg.Env == config.Development && !cfg.Loopback() {
		core.Log.Warn("the server can be reached from other hosts with the settings of development: cookies and passwords may travel unencrypted, and pages of "+
			"other origins are trusted. Set "+config.NameOf(cfg.Base, "Env")+" to "+config.Production+", or listen on 127.0.0.1", "setting", config.NameOf(cfg.Server, "Addr"))
	}
	a.server.RegisterOnShutdown(faces.EndStreams)
	a.closing = sync.OnceValue(a.close)
	return nil
}

// newSealer returns the sealer of cursors, with the configured keys or, without any, with
// the one in the database, which the first process creates and all share.
func newSealer(ctx context.Context, core *Core, keys []config.Secret) (*cursor.Sealer, error) {
	secrets := reveal(keys)
	if len(secrets) == 0 {
		key, err := core.Store.Setting(ctx, settingPaginationKey, cursor.GenerateKey)
		if err != nil {
			return nil, fmt.Errorf("read the key of the cursors: %w", err)
		}
		secrets = append(secrets, key)
	}
	sealer, err := cursor.NewSealer(secrets...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.NameOf(config.Server{}, "PaginationKeys"), err)
	}
	return sealer, nil
}

// Core returns the storage and the use cases of the server.
func (a *App) Core() *Core { return a.core }

// Addr returns the address that the server listens on, as HOST:PORT.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Run serves requests until ctx ends. Then readiness checks fail, while requests are served
// for the drain delay. After that it rejects connections, and waits for the requests in
// flight. After the shutdown timeout they are cancelled. The error is nil unless the
// listener failed by itself.
func (a *App) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- a.serve() }()
	a.core.Log.Info("listening", "address", a.Addr())
	a.core.lines.Flush()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return a.shutdown(ctx, served)
	}
}

// serve serves the listener, over TLS if there is a certificate.
func (a *App) serve() error {
	if a.cert != nil {
		return a.server.ServeTLS(a.listener, "", "")
	}
	return a.server.Serve(a.listener)
}

func (a *App) closeCertificate() {
	if a.cert != nil {
		a.cert.close()
	}
}

// Close cancels requests that Run has left, and frees everything, the database last. It
// may be called more than once, but not while Run runs.
func (a *App) Close() error { return a.closing() }

func (a *App) close() error {
	a.endRequests()
	_ = a.listener.Close() // closed already if Run ran
	a.closeCertificate()
	a.serving.close()
	return a.core.Close()
}

// endRequests cancels the requests in flight and waits for them, so that none uses what is
// closed next.
func (a *App) endRequests() {
	a.cutOff(errCutOff)
	_ = a.server.Close() // the error would be the listener's, which is closed anyway
	ended := make(chan struct{})
	go func() {
		a.requests.Lock()
		defer a.requests.Unlock()
		close(ended)
	}()
	grace := time.NewTimer(cutOffGrace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		a.core.Log.Error("requests did not end although they were cancelled", "grace", cutOffGrace)
	}
}

// counted tracks the requests in flight.
func (a *App) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.requests.RLock()
		defer a.requests.RUnlock()
		next.ServeHTTP(w, r)
	})
}
