// Package fleet starts what is measured and tried, each as a process of its own on
// loopback: the program, a Redis, a database of its own, and proxies between them
// that can be cut and slowed. What it starts it ends by the process that it started.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	startTimeout = 30 * time.Second // from the start of a process to its being ready
	stopTimeout  = 20 * time.Second // from being told to end to being killed
)

// A Process is a server that was started and was ready then.
type Process struct {
	Addr string        // HOST:PORT that it listens on
	Took time.Duration // from its start to its being ready

	command *exec.Cmd
	log     string // the file that it prints to
	exited  chan struct{}
}

// Start starts a server and waits until it is ready. What it prints goes to a file in
// the folder logs.
func Start(ctx context.Context, command *exec.Cmd, addr, logs string, ready func(ctx context.Context, addr string) bool) (*Process, error) {
	file, err := os.CreateTemp(logs, filepath.Base(command.Path)+"-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // the process has its own
	command.Stdout, command.Stderr = file, file
	p := &Process{Addr: addr, command: command, log: file.Name(), exited: make(chan struct{})}
	begin := time.Now()
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = command.Wait() // how it ended is in its log
		close(p.exited)
	}()
	limit, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-p.exited:
			return nil, fmt.Errorf("%s ended: %w: %s", filepath.Base(command.Path), errors.New(command.ProcessState.String()), p.lastWords())
		case <-limit.Done():
			p.Stop()
			return nil, fmt.Errorf("%s was not ready: %w: %s", filepath.Base(command.Path), limit.Err(), p.lastWords())
		case <-ticker.C:
		}
		if ready(limit, addr) {
			p.Took = time.Since(begin)
			return p, nil
		}
	}
}

// lastWords is the end of what it printed.
func (p *Process) lastWords() string {
	const most = 2000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// Stop asks the process to end, and kills it when it does not. It returns when the
// process is gone; that it has ended before is no error.
func (p *Process) Stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	limit := time.NewTimer(stopTimeout)
	defer limit.Stop()
	select {
	case <-p.exited:
	case <-limit.C:
		p.Kill()
	}
}

// Kill ends the process without its having a say (SIGKILL).
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.exited
}

// FreeAddr gives a loopback address that nobody listens on.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
