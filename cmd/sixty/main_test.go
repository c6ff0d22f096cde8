package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sixty/internal/goldentest"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"sixty": main, "curl": curl}) }

// TestScripts runs the scripts in testdata/script.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"schema":   schema,
			"freeport": freePort,
			"ready":    ready,
			"get":      get,
			"hold":     hold,
			"end":      end,
			"lines":    lines,
			"capture":  capture,
			"refused":  refused,
			"unready":  unready,
			"logged":   logged,
			"same":     same,
		},
		UpdateScripts:       goldentest.Update(),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// patience bounds the waits of the scripts.
const patience = time.Minute

// exits runs a program that must exit with a code: exits CODE PROGRAM ARGUMENT…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT…")
	}
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// schema makes the database's schema one of another version: schema VERSION
func schema(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: schema VERSION")
	}
	db, err := sql.Open("sqlite", ts.MkAbs("data/sixty.db"))
	ts.Check(err)
	_, err = db.ExecContext(context.Background(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES ("+args[0]+", true)")
	ts.Check(errors.Join(err, db.Close()))
}

// freePort sets a variable to an unused port: freeport VARIABLE
func freePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport VARIABLE")
	}
	port, err := findPort()
	ts.Check(err)
	ts.Setenv(args[0], port)
}

func findPort() (port string, err error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err = net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// unusedPort returns a port that no server listens on.
func unusedPort(t *testing.T) string {
	t.Helper()
	port, err := findPort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// dial opens a connection to a port.
func dial(port string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: patience}
	return dialer.DialContext(context.Background(), "tcp", "127.0.0.1:"+port)
}

// request sends one request and returns the status and the body.
func request(url, key string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	req.Close = true
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	client := http.Client{Timeout: patience}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, string(text), err
}

// ready waits until a server is ready: ready PORT
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready PORT")
	}
	until(ts, "it is not ready", func() bool {
		status, _, err := request("http://127.0.0.1:"+args[0]+"/readyz", "")
		return err == nil && status == http.StatusOK
	})
}

// unready waits until a server is not ready: unready PORT
func unready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unready PORT")
	}
	until(ts, "it is ready", func() bool {
		status, _, err := request("http://127.0.0.1:"+args[0]+"/readyz", "")
		return err == nil && status == http.StatusServiceUnavailable
	})
}

// logged waits until a file has a line that matches: logged FILE PATTERN
func logged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: logged FILE PATTERN")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	until(ts, args[0]+" has no line that matches "+args[1], func() bool { return pattern.MatchString(ts.ReadFile(args[0])) })
}

// get sends a request, expects a status and prints the body: get STATUS URL [KEYFILE]
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: get STATUS URL [KEYFILE]")
	}
	key := ""
	if len(args) == 3 {
		key = strings.TrimSpace(ts.ReadFile(args[2]))
	}
	status, body, err := request(args[1], key)
	ts.Check(err)
	_, err = io.WriteString(ts.Stdout(), body)
	ts.Check(err)
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("status %d, want %s", status, args[0])
	}
}

// hold begins a request, waits until the server reads its body, and does not send it
// before the script ends: hold PORT KEYFILE
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: hold PORT KEYFILE")
	}
	conn, err := dial(args[0])
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close() })
	ts.Check(conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, "POST /api/companies HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer "+strings.TrimSpace(ts.ReadFile(args[1]))+
		"\r\nContent-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
	ts.Check(err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		ts.Fatalf("the request is not in flight: %q, %v", line, err)
	}
}

// refused waits until a server accepts no more connections: refused PORT
func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: refused PORT")
	}
	until(ts, "the server accepts connections", func() bool {
		conn, err := dial(args[0])
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
}

// until waits until a condition holds.
func until(ts *testscript.TestScript, problem string, yes func() bool) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !yes() {
		select {
		case <-again.C:
		case <-deadline.C:
			ts.Fatalf("after %s, %s", patience, problem)
		}
	}
}

// end sends a signal to the programs in the background: end INT|TERM|HUP
func end(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}
	if neg || len(args) != 1 || signals[args[0]] == nil {
		ts.Fatalf("usage: end INT|TERM|HUP")
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(signals[args[0]]))
	}
}

// capture sets a variable to what the group of a pattern matches: capture NAME PATTERN FILE
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: capture NAME PATTERN FILE")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile(args[2]))
	if len(found) != 2 {
		ts.Fatalf("%s does not match %s", args[2], args[1])
	}
	ts.Setenv(args[0], found[1])
}

// lines expects a number of lines in a file, stdout or stderr: lines N FILE
func lines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lines N FILE")
	}
	if n := strings.Count(ts.ReadFile(args[1]), "\n"); strconv.Itoa(n) != args[0] {
		ts.Fatalf("%s has %d lines, want %s", args[1], n, args[0])
	}
}

// same expects two files to begin with the same line: [!] same FILE FILE
func same(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same FILE FILE")
	}
	a, _, _ := strings.Cut(ts.ReadFile(args[0]), "\n")
	b, _, _ := strings.Cut(ts.ReadFile(args[1]), "\n")
	if (a == b) == neg {
		ts.Fatalf("the first lines of %s and %s: %q, %q", args[0], args[1], a, b)
	}
}
