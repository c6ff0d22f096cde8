// Package fleet starts the processes for measurements and trials, on loopback: the program,
// Redis, databases, and proxies between them that can be disconnected and delayed.
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
	startTimeout = 30 * time.Second // from the start of a process until it is ready
	stopTimeout  = 20 * time.Second // from the signal until it is killed
)

// A Process is a server that has started and become ready.
type Process struct {
	Addr string        // HOST:PORT that it listens on
	Took time.Duration // from the start until it was ready

	command *exec.Cmd
	log     string // the file with its output
	exited  chan struct{}
}

// Start starts a server and waits until it is ready. Its output goes to a file in the
// directory logs.
func Start(ctx context.Context, command *exec.Cmd, addr, logs string, ready func(ctx context.Context, addr string) bool) (*Process, error) {
	file, err := os.CreateTemp(logs, filepath.Base(command.Path)+"-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // the process has its own descriptor
	command.Stdout, command.Stderr = file, file
	p := &Process{Addr: addr, command: command, log: file.Name(), exited: make(chan struct{})}
	begin := time.Now()
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = command.Wait() // see its log
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

// lastWords returns the end of its output.
func (p *Process) lastWords() string {
	const most = 2000
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// Stop terminates the process, and kills it if necessary. It returns when the process has ended,
// also if it had ended before.
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

// Kill kills the process (SIGKILL).
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.exited
}

// FreeAddr returns a free loopback address.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
