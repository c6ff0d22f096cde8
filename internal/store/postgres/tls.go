package postgres

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ErrUnverified says that a URL has an sslmode with which another host is not verified.
var ErrUnverified = errors.New("the sslmode of the database URL does not verify the server, which is on another host")

// VerificationError is a failure of TLS where the URL has no sslmode, and verify-full was added.
type VerificationError struct{ Err error }

// Error returns the driver's message.
func (e *VerificationError) Error() string { return e.Err.Error() }

// Unwrap returns the failure.
func (e *VerificationError) Unwrap() error { return e.Err }

// asVerification returns a VerificationError for an error of TLS if verify-full was added. Most of
// these errors have no types.
func (e *Engine) asVerification(err error) error {
	if err == nil || !e.addedMode {
		return err
	}
	for _, sign := range [...]string{"tls error: ", "tls: ", "x509: "} {
		if strings.Contains(err.Error(), sign) {
			return &VerificationError{err}
		}
	}
	return err
}

// Verified returns a URL with which every server on another host is verified: with verify-full,
// if no sslmode is given.
func Verified(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	c, err := pgx.ParseConfig(text)
	switch {
	case err != nil:
		return "", errURL
	case verifies(c):
		return text, nil
	case hasMode(text):
		return "", ErrUnverified
	}
	separator := "?"
	if strings.Contains(text, "?") {
		separator = "&"
	}
	text += separator + "sslmode=verify-full"
	if c, err = pgx.ParseConfig(text); err != nil {
		return "", errURL
	}
	if !verifies(c) {
		return "", ErrUnverified
	}
	return text, nil
}

// hasMode reports whether an sslmode is given, in the URL or as libpq's variable.
func hasMode(text string) bool {
	_, query, _ := strings.Cut(text, "?")
	parameters, err := url.ParseQuery(query)
	return err != nil || parameters.Get("sslmode") != "" || os.Getenv("PGSSLMODE") != ""
}

// verifies reports whether every server that is tried is on this host, or is verified.
func verifies(c *pgx.ConnConfig) bool {
	if !isVerified(c.Host, c.TLSConfig) {
		return false
	}
	for _, f := range c.Fallbacks {
		if !isVerified(f.Host, f.TLSConfig) {
			return false
		}
	}
	return true
}

// isVerified reports whether a server is on this host or is verified: by the standard library, or
// with verify-ca by pgx.
func isVerified(host string, c *tls.Config) bool {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || strings.EqualFold(host, "localhost") {
		return true
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Unmap().IsLoopback() {
		return true
	}
	return c != nil && (!c.InsecureSkipVerify || c.VerifyPeerCertificate != nil)
}
