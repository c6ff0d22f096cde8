package app

import (
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"sixty/internal/config"
	"sixty/internal/servertest"
)

// A changed certificate is taken over within the interval, without a signal.
func TestCertificateIsWatched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	servertest.Certify(t, dir, "127.0.0.1")
	synctest.Test(t, func(t *testing.T) {
		c, err := openCertificate(config.TLS{TLSCert: filepath.Join(dir, "cert.pem"), TLSKey: filepath.Join(dir, "key.pem")}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		first := c.current.Load()
		time.Sleep(2 * certificateInterval)
		if c.current.Load() != first {
			t.Error("an unchanged certificate is replaced")
		}
		servertest.Certify(t, dir, "127.0.0.1")
		time.Sleep(certificateInterval + time.Second)
		synctest.Wait()
		if c.current.Load() == first {
			t.Error("a changed certificate is not replaced")
		}
	})
}
