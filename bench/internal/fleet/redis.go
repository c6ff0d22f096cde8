package fleet

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"
)

// redisTimeout bounds one command to a Redis on loopback.
const redisTimeout = 2 * time.Second

// StartRedis starts a Redis without persistence on addr, or on a free address if that is "".
func StartRedis(ctx context.Context, dir, addr string) (*Process, error) {
	if addr == "" {
		var err error
		if addr, err = FreeAddr(); err != nil {
			return nil, err
		}
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, "redis-server", "--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no", "--logfile", "")
	return Start(ctx, c, addr, dir, func(ctx context.Context, addr string) bool { return sendRedis(ctx, addr, "PING") == nil })
}

// EmptyRedis deletes all data of a Redis.
func EmptyRedis(ctx context.Context, addr string) error { return sendRedis(ctx, addr, "FLUSHALL") }

// sendRedis sends an inline command and expects a simple reply.
func sendRedis(ctx context.Context, addr, command string) error {
	ctx, cancel := context.WithTimeout(ctx, redisTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(redisTimeout)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte(command + "\r\n")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(answer, "+") {
		err = fmt.Errorf("%s: %s", command, strings.TrimSpace(answer))
	}
	return err
}
