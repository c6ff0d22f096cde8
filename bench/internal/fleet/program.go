package fleet

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Build builds the program into a directory and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "sixty")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "sixty/cmd/sixty")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w: %s", err, out)
	}
	return path, nil
}

// Program describes how to run the program.
type Program struct {
	Path string
	Dir  string   // of its data and logs
	Env  []string // NAME=VALUE, in addition to this process's environment
}

// Command returns a command of the program, which is interrupted when ctx ends.
func (p Program) Command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, p.Path, args...)
	c.Env = append(append(os.Environ(), "SIXTY_DATA_DIR="+p.Dir), p.Env...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = stopTimeout
	return c
}

// Serve starts a server on addr, or on a free address if that is "". Env is added to the
// program's.
func (p Program) Serve(ctx context.Context, addr string, env ...string) (*Process, error) {
	if addr == "" {
		var err error
		if addr, err = FreeAddr(); err != nil {
			return nil, err
		}
	}
	c := p.Command(ctx, "serve", "--addr", addr)
	// All requests come from one address and one key, at full speed.
	c.Env = append(c.Env, "SIXTY_RATE_LIMITS=off", "SIXTY_MAX_CONNS_PER_ADDRESS=0")
	c.Env = append(c.Env, env...)
	return Start(ctx, c, addr, p.Dir, Ready)
}

// Ready calls a server's readiness check.
func Ready(ctx context.Context, addr string) bool {
	resp, err := get(ctx, addr, "/readyz")
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func get(ctx context.Context, addr, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Close = true // another process may use this address next
	return http.DefaultClient.Do(req)
}
