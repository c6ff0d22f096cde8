package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const redisPassword = "drill"

// redis is a Redis server, or a sentinel.
type redis struct {
	*process
	m        *machine
	name     string
	port     int
	password string
	args     []string
}

func (r *redis) start(ctx context.Context) error {
	program, err := find("redis-server")
	if err != nil {
		return err
	}
	c := r.m.command(context.WithoutCancel(ctx), syscall.SIGKILL, program, r.args...)
	r.process, err = r.m.start(ctx, r.name, c, syscall.SIGTERM, func(ctx context.Context) error {
		_, err := r.do(ctx, "PING")
		return err
	})
	return err
}

// do sends one inline command and returns the first line of its answer.
func (r *redis) do(ctx context.Context, command string) (string, error) {
	var dialer net.Dialer
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := dialer.DialContext(ctx, "tcp", r.host())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	lines := bufio.NewReader(conn)
	var line string
	if r.password != "" {
		command = "AUTH " + r.password + "\r\n" + command
	}
	for _, one := range strings.Split(command, "\r\n") {
		if _, err := fmt.Fprintf(conn, "%s\r\n", one); err != nil {
			return "", err
		}
		if line, err = lines.ReadString('\n'); err != nil {
			return "", err
		}
		if strings.HasPrefix(line, "-") {
			return "", fmt.Errorf("%s: %s", one, strings.TrimSpace(line))
		}
	}
	return strings.TrimSpace(line), nil
}

func (r *redis) host() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }

// newRedis starts a Redis without a password that keeps nothing on disk.
func newRedis(ctx context.Context, m *machine, name string) (*redis, error) {
	return newRedisWith(ctx, m, name, "")
}

func newRedisWith(ctx context.Context, m *machine, name, password string, args ...string) (*redis, error) {
	port, err := m.port()
	if err != nil {
		return nil, err
	}
	dir, err := m.folder(name)
	if err != nil {
		return nil, err
	}
	r := &redis{m: m, name: name, port: port, password: password}
	r.args = append([]string{"--bind", "127.0.0.1", "--port", fmt.Sprint(port), "--dir", dir, "--save", "", "--appendonly", "no"}, args...)
	if password != "" {
		r.args = append(r.args, "--requirepass", password, "--masterauth", password)
	}
	err = r.start(ctx)
	return r, err
}

// sentinels are a master, a replica and three sentinels, all with a password.
type sentinels struct {
	master, replica *redis
	sentinels       []*redis
}

const sentinelMaster = "drill"

func newSentinels(ctx context.Context, m *machine) (*sentinels, error) {
	s := &sentinels{}
	var err error
	if s.master, err = newRedisWith(ctx, m, "redis-1", redisPassword); err != nil {
		return nil, err
	}
	if s.replica, err = newRedisWith(ctx, m, "redis-2", redisPassword, "--replicaof", "127.0.0.1", fmt.Sprint(s.master.port)); err != nil {
		return nil, err
	}
	for i := range 3 {
		one := &redis{m: m, name: fmt.Sprintf("sentinel-%d", i+1), password: redisPassword}
		if one.port, err = m.port(); err != nil {
			return nil, err
		}
		dir, err := m.folder(one.name)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, "sentinel.conf")
		if err := m.write(file, strings.Join([]string{
			"bind 127.0.0.1", fmt.Sprint("port ", one.port), "dir " + dir, "requirepass " + redisPassword, "sentinel sentinel-pass " + redisPassword,
			fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 2", sentinelMaster, s.master.port),
			fmt.Sprintf("sentinel auth-pass %s %s", sentinelMaster, redisPassword),
			fmt.Sprintf("sentinel down-after-milliseconds %s 1000", sentinelMaster),
			fmt.Sprintf("sentinel failover-timeout %s 5000", sentinelMaster), "",
		}, "\n")); err != nil {
			return nil, err
		}
		one.args = []string{file, "--sentinel"}
		if err := one.start(ctx); err != nil {
			return nil, err
		}
		s.sentinels = append(s.sentinels, one)
	}
	// A failover needs sentinels that know each other and the replica.
	return s, until(ctx, 100*time.Millisecond, func() error {
		_, err := s.sentinels[0].do(ctx, "SENTINEL CKQUORUM "+sentinelMaster)
		return err
	})
}

// promoted waits until the replica is the master.
func (s *sentinels) promoted(ctx context.Context) error {
	return until(ctx, 100*time.Millisecond, func() error {
		line, err := s.replica.do(ctx, "SET drill:probe 1")
		if err == nil && line != "+OK" {
			err = fmt.Errorf("redis answers %q", line)
		}
		return err
	})
}

// env is the program's settings for these sentinels.
func (s *sentinels) env() []string {
	var hosts []string
	for _, one := range s.sentinels {
		hosts = append(hosts, one.host())
	}
	return []string{
		"REDIS_URL=redis://:" + redisPassword + "@" + strings.Join(hosts, ","), "SIXTY_REDIS_MODE=sentinel", "SIXTY_REDIS_MASTER=" + sentinelMaster,
		"SIXTY_REDIS_SENTINEL_PASSWORD=" + redisPassword,
	}
}
