package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startBound = 30 * time.Second // from the start of a process until it is ready
	stopBound  = 15 * time.Second // from a signal until the process is killed

	firstPort = 15000
	portCount = 17000 // below the ephemeral ports
)

// machine starts processes as an unprivileged user in one directory, and ends all of them.
type machine struct {
	dir string
	uid uint32 // of the servers; 0: the current user
	gid uint32

	mu        sync.Mutex
	processes []*process
	ports     map[int]bool
}

// newMachine creates the directory. PostgreSQL and PgBouncer do not run as root.
func newMachine() (*machine, error) {
	dir, err := os.MkdirTemp("", "sixty-drill-")
	if err != nil {
		return nil, err
	}
	m := &machine{dir: dir, ports: map[int]bool{}}
	if os.Geteuid() != 0 {
		return m, nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		found, err = user.LookupId("65534") // that of unprivileged processes
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	m.uid, m.gid = uint32(uid), uint32(gid)
	return m, errors.Join(os.Chown(dir, int(m.uid), int(m.gid)), os.Chmod(dir, 0o755))
}

// folder creates a directory that belongs to the servers' user.
func (m *machine) folder(name string) (string, error) {
	path := filepath.Join(m.dir, name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", err
	}
	if m.uid == 0 {
		return path, nil
	}
	return path, os.Chown(path, int(m.uid), int(m.gid))
}

// write writes a file that the servers' user may read and change.
func (m *machine) write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	if m.uid == 0 {
		return nil
	}
	return os.Chown(path, int(m.uid), int(m.gid))
}

// port returns a free loopback port below the ephemeral ones, so that no outgoing connection
// takes it while its server is down. Each is returned once.
func (m *machine) port() (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	start := rand.IntN(portCount)
	for i := range portCount {
		port := firstPort + (start+i)%portCount
		if m.ports[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = l.Close()
		m.ports[port] = true
		return port, nil
	}
	return 0, errors.New("no free port")
}

// portsOf returns n free ports.
func (m *machine) portsOf(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		var err error
		if ports[i], err = m.port(); err != nil {
			return nil, err
		}
	}
	return ports, nil
}

// command prepares a command as the servers' user. The kernel ends it with this program.
func (m *machine) command(ctx context.Context, dying syscall.Signal, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = m.dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=" + m.dir}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: dying}
	if m.uid != 0 {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: m.uid, Gid: m.gid}
	}
	return c
}

// find returns the path of a program; distributions have servers outside a user's PATH.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		return "", fmt.Errorf("%s is not installed (make drill installs it): %w", name, err)
	}
	return path, nil
}

// run runs a command to its end.
func (m *machine) run(ctx context.Context, name string, args ...string) (string, error) {
	return output(m.command(ctx, syscall.SIGKILL, name, args...))
}

// output runs a command and returns what it prints.
func output(c *exec.Cmd) (string, error) {
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s%s", filepath.Base(c.Path), err, out.String(), errs.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// process is a server that was started.
type process struct {
	name   string
	c      *exec.Cmd
	log    string
	exited chan struct{}
	// quit ends the process at once, together with its children.
	quit syscall.Signal
}

// start starts a server and waits until it is ready. Its output goes to a file.
func (m *machine) start(ctx context.Context, name string, c *exec.Cmd, quit syscall.Signal, ready func(context.Context) error) (*process, error) {
	p := &process{name: name, c: c, log: filepath.Join(m.dir, name+".log"), exited: make(chan struct{}), quit: quit}
	file, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // the process has its own descriptor
	c.Stdout, c.Stderr = file, file
	if err := c.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = c.Wait()
		close(p.exited)
	}()
	m.mu.Lock()
	m.processes = append(m.processes, p)
	m.mu.Unlock()
	limit, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	if err := until(limit, 20*time.Millisecond, func() error {
		if p.ended() {
			return fmt.Errorf("%w: %s", errEnded, p.c.ProcessState)
		}
		return ready(limit)
	}); err != nil {
		m.end(p)
		return nil, fmt.Errorf("%s is not ready: %w\n%s", name, err, p.lastWords())
	}
	return p, nil
}

var errEnded = errors.New("the process ended")

// until repeats a check until it succeeds, the context ends, or the process has ended.
func until(ctx context.Context, pause time.Duration, check func() error) error {
	for {
		err := check()
		if err == nil || errors.Is(err, errEnded) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}

func (p *process) pid() int { return p.c.Process.Pid }

func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// lastWords returns the end of the log.
func (p *process) lastWords() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-1500):])
}

// signal sends a signal, and waits for the end of the process for at most the given time.
func (p *process) signal(s syscall.Signal, wait time.Duration) bool {
	if p.ended() {
		return true
	}
	_ = p.c.Process.Signal(s)
	if wait == 0 {
		return false
	}
	select {
	case <-p.exited:
		return true
	case <-time.After(wait):
		return false
	}
}

// family returns the process and its children, the process first.
func (p *process) family() []int {
	all := []int{p.pid()}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.pid(), p.pid()))
	if err != nil {
		return all
	}
	for _, field := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// freeze stops the process and its children without ending them; the result continues them.
func (p *process) freeze() (thaw func()) {
	family := p.family()
	for _, pid := range family {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	return func() {
		for _, pid := range family {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}
}

// end ends a process: first as it ends its children too, then by force.
func (m *machine) end(p *process) {
	if !p.ended() {
		for _, pid := range p.family() {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}
	if !p.signal(p.quit, stopBound) {
		p.signal(syscall.SIGKILL, stopBound)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.processes = slices.DeleteFunc(m.processes, func(q *process) bool { return p == q })
}

// endAll ends what was started since mark, the last first.
func (m *machine) endAll(mark int) {
	for {
		m.mu.Lock()
		if len(m.processes) <= mark {
			m.mu.Unlock()
			return
		}
		p := m.processes[len(m.processes)-1]
		m.mu.Unlock()
		m.end(p)
	}
}

// close ends everything and removes the directory.
func (m *machine) close() {
	m.endAll(0)
	_ = os.RemoveAll(m.dir)
}
