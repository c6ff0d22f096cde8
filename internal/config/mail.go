package config

import (
	"errors"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
)

// Mail configures the server that messages are sent by, if there is one, and their links.
type Mail struct {
	SMTPURL   Secret `name:"smtp-url" env:"SIXTY_SMTP_URL" placeholder:"URL" help:"SMTP server, smtp://user:password@host:587 with STARTTLS, or smtps://; smtp://…?tls=off without TLS, not in production. If not set, messages are kept and shown in the outbox." group:"server"`
	SMTPCA    string `name:"smtp-ca" env:"SIXTY_SMTP_CA" placeholder:"FILE" help:"Certificates of the authorities (PEM) that the SMTP server is verified by, instead of the system's." group:"server"`
	MailFrom  string `name:"mail-from" env:"SIXTY_MAIL_FROM" placeholder:"ADDRESS" help:"Sender of messages, such as Sales <sales@example.com>." group:"server"`
	PublicURL string `name:"public-url" env:"SIXTY_PUBLIC_URL" placeholder:"URL" help:"URL of the front end, for links in messages; if not set, the first allowed CORS origin." group:"server"`
}

const (
	portSubmission  = 587 // RFC 6409
	portSubmissions = 465 // RFC 8314, with TLS from the first byte on
)

// SMTPEndpoint is the location of the SMTP server.
type SMTPEndpoint struct {
	Host     string
	Port     int
	TLS      bool // from the first byte on
	Plain    bool // no TLS at all; otherwise STARTTLS is required
	User     string
	Password Secret
}

// SMTP returns the location of the SMTP server; ok is false if there is none. Its error has no
// secret in it.
func (m Mail) SMTP() (e SMTPEndpoint, ok bool, err error) {
	text := m.SMTPURL.Reveal()
	if text == "" {
		return e, false, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return e, true, errors.New("must be a URL such as smtp://user:password@mail.example.com:587, or smtps://…")
	}
	e = SMTPEndpoint{Host: u.Hostname(), Port: portSubmission, TLS: u.Scheme == "smtps"}
	if e.TLS {
		e.Port = portSubmissions
	}
	if p := u.Port(); p != "" {
		if e.Port, err = strconv.Atoi(p); err != nil || e.Port < 1 || e.Port > maxPort {
			return e, true, errors.New("must have a port between 1 and 65535")
		}
	}
	switch u.RawQuery {
	case "":
	case "tls=off":
		if e.Plain = true; e.TLS {
			return e, true, errors.New("must not have tls=off with smtps://")
		}
	default:
		return e, true, errors.New("must have no parameters besides tls=off")
	}
	if u.User != nil {
		password, _ := u.User.Password()
		if e.User, e.Password = u.User.Username(), Secret(password); e.User == "" || password == "" {
			return e, true, errors.New("must have a user and a password, or neither")
		}
	}
	return e, true, nil
}

// FrontEnd returns the URL that links in messages begin with, without a slash at its end; "" if
// there is none.
func (c Config) FrontEnd() string {
	if c.PublicURL != "" {
		return strings.TrimSuffix(c.PublicURL, "/")
	}
	if origins := c.Origins(); len(origins) > 0 {
		return origins[0]
	}
	return ""
}

// mailProblems returns what is wrong.
func (c Config) mailProblems() []string {
	k := checker{settings: c.Mail}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		switch {
		case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(c.PublicURL, "?#"):
			k.add("PublicURL", "must be a URL such as https://sales.example.com, without a query, not %q", c.PublicURL)
		case c.Production() && u.Scheme != "https":
			k.add("PublicURL", "must begin with https:// in production, not %q", c.PublicURL)
		}
	}
	if c.MailFrom != "" {
		if _, err := mail.ParseAddress(c.MailFrom); err != nil {
			k.add("MailFrom", "must be an address such as Sales <sales@example.com>, not %q", c.MailFrom)
		}
	}
	if c.SMTPCA != "" && c.SMTPURL == "" {
		k.add("SMTPCA", "must not be given without %s", NameOf(c.Mail, "SMTPURL"))
	}
	if c.SMTPURL == "" {
		return k.found
	}
	switch e, _, err := c.SMTP(); {
	case err != nil:
		k.add("SMTPURL", "%s", err)
	case e.Plain && c.Production():
		k.add("SMTPURL", "must not have tls=off in production")
	}
	if c.MailFrom == "" {
		k.add("MailFrom", "must be given with %s", NameOf(c.Mail, "SMTPURL"))
	}
	if c.FrontEnd() == "" {
		k.add("PublicURL", "must be given with %s, or %s", NameOf(c.Mail, "SMTPURL"), NameOf(c.Server, "FrontendURLs"))
	}
	return k.found
}
