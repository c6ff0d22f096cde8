package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"syscall"
	"time"
)

// drain is SIXTY_DRAIN_DELAY: longer than the proxy takes to notice that /readyz fails.
const drain = 2 * time.Second

// instance is one process of the program on a fixed port, which outlives the process.
type instance struct {
	m      *machine
	number int
	port   int
	env    []string
	*process
}

func (i *instance) base() string { return fmt.Sprintf("http://127.0.0.1:%d", i.port) }

// start starts a binary and waits until it is ready.
func (i *instance) start(ctx context.Context, binary string) error {
	name := fmt.Sprintf("sixty-%d", i.number)
	dir, err := i.m.folder(name)
	if err != nil {
		return err
	}
	c := i.m.command(context.WithoutCancel(ctx), syscall.SIGKILL, binary, "serve")
	c.Dir = dir
	c.Env = append(c.Env, "NODE_ENV=test", "LOG_LEVEL=warn", "SIXTY_RATE_LIMITS=off", "SIXTY_DATA_DIR="+filepath.Join(dir, "data"),
		"SIXTY_ADDR=127.0.0.1", fmt.Sprint("PORT=", i.port), fmt.Sprint("SIXTY_DRAIN_DELAY=", drain))
	c.Env = append(c.Env, i.env...)
	i.process, err = i.m.start(ctx, name, c, syscall.SIGKILL, i.ready)
	return err
}

func (i *instance) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.base()+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		return fmt.Errorf("/readyz: %s %s", res.Status, text)
	}
	return nil
}

// stop asks the process to end, and waits until it has.
func (i *instance) stop() error {
	if !i.signal(syscall.SIGTERM, drain+stopBound) {
		return fmt.Errorf("%s does not end after SIGTERM", i.name)
	}
	return nil
}
