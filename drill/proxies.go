package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// proxyMade is the header of what the proxy answers itself. Its bodies are problems too, as
// an operator would configure it.
const (
	proxyMade   = "X-Drill-Proxy"
	proxyServer = "X-Drill-Server" // the instance that answered
)

const haproxyConfig = `
global
  maxconn 4000
  stats socket %s level admin
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout check 1s
  retries 0
  default-server inter 200ms fall 2 rise 1
  http-error status 502 content-type application/problem+json string '{"status":502}' hdr X-Drill-Proxy 502
  http-error status 503 content-type application/problem+json string '{"status":503}' hdr X-Drill-Proxy 503
  http-error status 504 content-type application/problem+json string '{"status":504}' hdr X-Drill-Proxy 504
frontend drill
  bind 127.0.0.1:%d
  default_backend instances
backend instances
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
  http-response set-header X-Drill-Server %%s
%s`

// haproxy is HAProxy in front of the instances.
type haproxy struct {
	port   int
	socket string
}

// newHAProxy starts HAProxy in front of instances. It does not repeat requests.
func newHAProxy(ctx context.Context, m *machine, ports []int) (*haproxy, error) {
	program, err := find("haproxy")
	if err != nil {
		return nil, err
	}
	h := &haproxy{socket: filepath.Join(m.dir, "haproxy.sock")}
	if h.port, err = m.port(); err != nil {
		return nil, err
	}
	var servers strings.Builder
	for i, one := range ports {
		fmt.Fprintf(&servers, "  server %d 127.0.0.1:%d check\n", i, one)
	}
	file := filepath.Join(m.dir, "haproxy.cfg")
	if err := m.write(file, fmt.Sprintf(haproxyConfig, h.socket, h.port, servers.String())); err != nil {
		return nil, err
	}
	c := m.command(context.WithoutCancel(ctx), syscall.SIGKILL, program, "-db", "-f", file)
	_, err = m.start(ctx, "haproxy", c, syscall.SIGTERM, accepts(h.port))
	return h, err
}

// set has the proxy send requests to an instance ("ready"), or no new ones ("drain").
func (h *haproxy) set(ctx context.Context, instance int, state string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", h.socket)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := fmt.Fprintf(conn, "set server instances/%d state %s\n", instance, state); err != nil {
		return err
	}
	text, err := io.ReadAll(conn)
	if said := strings.TrimSpace(string(text)); err == nil && said != "" {
		err = fmt.Errorf("haproxy: %s", said)
	}
	return err
}

// accepts returns a check that a server accepts connections.
func accepts(port int) func(context.Context) error {
	return func(ctx context.Context) error {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// newPgBouncer starts PgBouncer in transaction mode in front of a server.
func newPgBouncer(ctx context.Context, m *machine, server *postgres) (string, error) {
	program, err := find("pgbouncer")
	if err != nil {
		return "", err
	}
	port, err := m.port()
	if err != nil {
		return "", err
	}
	file := filepath.Join(m.dir, "pgbouncer.ini")
	if err := m.write(file, fmt.Sprintf(`[databases]
sixty = host=127.0.0.1 port=%d dbname=sixty user=sixty
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 12
max_client_conn = 500
`, server.port, port)); err != nil {
		return "", err
	}
	c := m.command(context.WithoutCancel(ctx), syscall.SIGKILL, program, file)
	if _, err := m.start(ctx, "pgbouncer", c, syscall.SIGINT, accepts(port)); err != nil {
		return "", err
	}
	return fmt.Sprintf("postgres://sixty@127.0.0.1:%d/sixty?sslmode=disable", port), nil
}
