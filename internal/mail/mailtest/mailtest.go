// Package mailtest runs an SMTP server for tests.
package mailtest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"sixty/internal/servertest"
)

// The credentials that a server asks for.
const (
	User     = "sixty"
	Password = "hunter2 but longer"
)

// Options say how a server differs from one that takes everything by STARTTLS, with its
// credentials.
type Options struct {
	NoTLS       bool // it has no STARTTLS
	ImplicitTLS bool // TLS from the first byte on
	SMTPUTF8    bool
	// Reply, if not nil, is called after each message (or before, with "" for it: at the recipient),
	// and returns the error that the client gets.
	Reply func(to, message string) error
}

// A Received is a message that the server has accepted.
type Received struct {
	From, To string
	Message  string // RFC 5322
	TLS      bool
}

// A Server is an SMTP server on the loopback address.
type Server struct {
	Host  string
	Port  int
	Roots *x509.CertPool // that verify its certificate
	CA    string         // the same, as a file

	mu       sync.Mutex
	received []Received
	arrived  chan Received
}

// arrivals bounds the messages that are not yet taken by Next.
const arrivals = 100

// Serve starts a server, which the end of the test ends.
func Serve(tb testing.TB, o Options) *Server {
	tb.Helper()
	dir := tb.TempDir()
	const host = "127.0.0.1"
	s := &Server{Host: host, Roots: servertest.Certify(tb, dir, host), CA: filepath.Join(dir, "cert.pem"), arrived: make(chan Received, arrivals)}
	cert, err := tls.LoadX509KeyPair(s.CA, filepath.Join(dir, "key.pem"))
	if err != nil {
		tb.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		tb.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	s.Port, _ = strconv.Atoi(port)
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, o: o, conn: c}, nil
	}))
	server.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableSMTPUTF8, server.AllowInsecureAuth = o.SMTPUTF8, o.NoTLS
	switch {
	case o.ImplicitTLS:
		listener = tls.NewListener(listener, config)
	case !o.NoTLS:
		server.TLSConfig = config
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	tb.Cleanup(func() {
		_ = server.Close()
		_ = listener.Close() // which the server does not know if it has not begun to serve
		<-ended
	})
	return s
}

// Next waits for the next message, until the test's time is over.
func (s *Server) Next(tb testing.TB) Received {
	tb.Helper()
	select {
	case r := <-s.arrived:
		return r
	case <-tb.Context().Done():
		tb.Fatal("no message has arrived")
		return Received{}
	}
}

// Received returns the messages that were accepted.
func (s *Server) Received() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Received(nil), s.received...)
}

func (s *Server) accept(r Received) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = append(s.received, r)
	select {
	case s.arrived <- r:
	default: // no test waits for so many
	}
}

type session struct {
	server *Server
	o      Options
	conn   *smtp.Conn

	authenticated bool
	from, to      string
}

func (*session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != User || password != Password {
			return errors.New("wrong credentials")
		}
		s.authenticated = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.from = from; !s.authenticated {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.reply("")
}

func (s *session) Data(r io.Reader) error {
	message, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.reply(string(message)); err != nil {
		return err
	}
	_, encrypted := s.conn.TLSConnectionState()
	s.server.accept(Received{s.from, s.to, string(message), encrypted})
	return nil
}

func (s *session) reply(message string) error {
	if s.o.Reply == nil {
		return nil
	}
	return s.o.Reply(s.to, message)
}

func (*session) Reset()        {}
func (*session) Logout() error { return nil }
