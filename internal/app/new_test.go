package app_test

import (
	"errors"
	"strings"
	"testing"

	"sixty/internal/app"
	"sixty/internal/config"
)

func TestNewRejects(t *testing.T) {
	t.Parallel()
	taken := newApp(t, "sqlite")
	t.Cleanup(func() { _ = taken.Close() })
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		want   string
	}{
		{"Settings", func(cfg *config.Config) { cfg.Port = 70000 }, "--port (PORT)"},
		{"AddressInUse", func(cfg *config.Config) { cfg.Addr = taken.Addr() }, "--addr (SIXTY_ADDR), --port (PORT): "},
		{"NoSuchDatabase", func(cfg *config.Config) { cfg.DatabaseURL = "postgres://sixty:geheim@127.0.0.1:1/sixty" }, "database"},
		{"DataFolderIsAFile", func(cfg *config.Config) { cfg.DataDir = "new_test.go" }, "database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := config.Default()
			cfg.Port, cfg.DataDir = 0, t.TempDir()
			c.change(&cfg)
			a, err := app.New(t.Context(), cfg, app.Options{})
			if err == nil {
				t.Fatal(errors.Join(errors.New("it was accepted"), a.Close()))
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("error %q; want it to name %q, and no password", err, c.want)
			}
		})
	}
}
