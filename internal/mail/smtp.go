package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync/atomic"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// An SMTP is a server that messages are handed over to. It is safe for concurrent use.
type SMTP struct {
	Host string
	Port int
	// TLS is used from the first byte on; otherwise by STARTTLS, which is required unless Plain.
	TLS, Plain bool
	// User and Password, if not "", are what the server wants to know.
	User, Password string
	// Roots are the authorities that its certificate is verified by; nil: those of the system.
	Roots *x509.CertPool
	// Timeout bounds the delivery of a message; 0: a minute.
	Timeout time.Duration
}

const defaultTimeout = time.Minute

// A permanentError is one that another attempt would end with, too.
type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// IsPermanent reports whether a message that failed with the error would fail again: the server has
// rejected it (5xx), or cannot be given it.
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

// send hands a message over. It returns nil only when the server has accepted it. When the
// connection is lost before the server's answer, it may have; the next attempt sends it again,
// with the same Message-ID.
func (s *SMTP) send(ctx context.Context, from From, e Entry, c Content) error {
	m, err := from.compose(e, c)
	if err != nil {
		return err
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("the SMTP server %s has not accepted the message within %v", s.Host, timeout))
	defer cancel()
	var conn atomic.Pointer[net.Conn]
	client, err := gomail.NewClient(s.Host, s.options(&conn, timeout)...)
	if err != nil {
		return &permanentError{err}
	}
	// The library's own bound is one of each command. This one also ends what does not end a command.
	stop := context.AfterFunc(ctx, func() {
		if c := conn.Load(); c != nil {
			_ = (*c).Close()
		}
	})
	defer stop()
	defer func() { // the library leaves it open after some failures
		if c := conn.Load(); c != nil {
			_ = (*c).Close()
		}
	}()
	return s.failure(ctx, s.talk(ctx, client, m, from, e))
}

func (s *SMTP) talk(ctx context.Context, client *gomail.Client, m *gomail.Msg, from From, e Entry) error {
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return &sessionError{err}
	}
	if ok, _ := session.Extension("SMTPUTF8"); !ok && (!isASCII(localOf(e.Recipient)) || !isASCII(from.address.Address)) {
		return &permanentError{fmt.Errorf("the SMTP server %s does not take addresses with other characters than ASCII (SMTPUTF8)", s.Host)}
	}
	if err := client.SendWithSMTPClient(session, m); err != nil {
		return err
	}
	_ = client.CloseWithSMTPClient(session) // the message is accepted, whatever comes after it
	return nil
}

// localOf returns what is before the domain of an address, which is sent in ASCII.
func localOf(address string) string { return address[:strings.LastIndexByte(address, '@')+1] }

// options configure the library's client. conn is set to the connection that it opens.
func (s *SMTP) options(conn *atomic.Pointer[net.Conn], timeout time.Duration) []gomail.Option {
	config := &tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
	policy := gomail.TLSMandatory
	if s.Plain {
		policy = gomail.NoTLS
	}
	options := []gomail.Option{
		gomail.WithPort(s.Port), gomail.WithTimeout(timeout), gomail.WithTLSConfig(config), gomail.WithTLSPolicy(policy),
		// Neither command says anything about the message, and their failure is not its failure.
		gomail.WithoutNoop(), gomail.WithoutRset(),
		gomail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			conn.Store(&c)
			if s.TLS {
				return tls.Client(c, config), nil
			}
			return c, nil
		}),
	}
	if s.TLS {
		options = append(options, gomail.WithSSL())
	}
	if s.User != "" {
		// The password itself is sent over TLS only, unless there is to be none.
		mechanisms := []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin}
		if s.Plain {
			mechanisms = []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlainNoEnc, gomail.SMTPAuthLoginNoEnc}
		}
		options = append(options, gomail.WithUsername(s.User), gomail.WithPassword(s.Password), gomail.WithOpportunisticSMTPAuth(mechanisms...))
	}
	return options
}

// A sessionError is a failure before the message: whatever the server says then, it says nothing
// about the message.
type sessionError struct{ error }

func (e *sessionError) Unwrap() error { return e.error }

// failure returns what an error of the library means.
func (s *SMTP) failure(ctx context.Context, err error) error {
	var before *sessionError
	var rejected *gomail.SendError
	switch {
	case err == nil || IsPermanent(err):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &before):
		var reply *textproto.Error
		if errors.As(err, &reply) {
			return fmt.Errorf("the SMTP server %s: %w", s.Host, reply)
		}
		return fmt.Errorf("the SMTP server %s cannot be used: %w", s.Host, before.error)
	case errors.As(err, &rejected) && rejected.ErrorCode() >= 500:
		return &permanentError{fmt.Errorf("the SMTP server %s has rejected the message: %w", s.Host, err)}
	}
	return fmt.Errorf("the SMTP server %s: %w", s.Host, err)
}
