package main

import (
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sixty/internal/adopt"
	"sixty/internal/servertest"
)

// oldRows is a source with more contacts than are adopted at once, and one row that is
// rejected.
const oldRows = `
CREATE TABLE companies (id uuid, name text, domain text);
INSERT INTO companies SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Company ' || n, 'c' || n || '.example' FROM generate_series(1, 10) n;
INSERT INTO companies VALUES ('00000000-0000-4000-8000-0000000000c1', NULL, NULL);
CREATE TABLE contacts (id uuid, first_name text, company_id uuid, created_at timestamp);
INSERT INTO contacts SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Contact ' || n, ('00000000-0000-4000-8000-' || lpad((1 + n / 250)::text, 12, '0'))::uuid, '2024-01-01'
  FROM generate_series(1, 2400) n;`

// database creates a database, runs statements in it and returns its URL and a connection.
func database(t *testing.T, statements string) (url string, conn *pgx.Conn) {
	t.Helper()
	url = servertest.PostgresURL(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	if _, err := conn.Exec(t.Context(), statements, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	return url, conn
}

// sixty returns a command that runs the program with these variables in a new folder.
func sixty(t *testing.T, variables []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sixty", args...)
	cmd.Env = append(os.Environ(), variables...)
	cmd.Dir = t.TempDir()
	return cmd
}

// TestAdoptKilled: an adoption that is killed in the middle of a batch, and run again,
// ends in the same state as one that was not.
func TestAdoptKilled(t *testing.T) {
	t.Parallel()
	from, _ := database(t, oldRows)
	into, conn := database(t, "SELECT 1")
	variables := []string{"DATABASE_URL=" + into, "SIXTY_ADOPT_FROM=" + from}
	for _, org := range []string{"Whole", "Killed"} {
		if out, err := sixty(t, variables, "org", "create", org).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	run := func(org string) (adopt.Summary, string) {
		t.Helper()
		cmd := sixty(t, variables, "adopt", "--org", org, "--json", "--errors", "problems.csv")
		out, err := cmd.Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
			t.Fatalf("%v, want the exit code of rejected rows: %s", err, out)
		}
		var summary adopt.Summary
		if err := json.Unmarshal(out, &summary); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		problems, err := os.ReadFile(filepath.Join(cmd.Dir, "problems.csv"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(exit.Stderr)+string(problems), from) {
			t.Errorf("the source's URL is printed: %s, %s", exit.Stderr, problems)
		}
		return summary, string(problems)
	}
	run("Whole")

	// A row that is not committed has the id of the 1,500th contact: its batch waits.
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(t.Context(), `INSERT INTO contacts (org_id, id, full_name, name_key, is_primary, created_at, updated_at, version)
SELECT id, '00000000-0000-4000-8000-000000001500', 'x', 'x', false, now(), now(), 1 FROM organisations WHERE name = 'Killed'`)
	if err != nil {
		t.Fatal(err)
	}
	killed := sixty(t, variables, "adopt", "--org", "Killed")
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	awaitLock(t, into)
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := killed.Wait(); err == nil || killed.ProcessState.Exited() {
		t.Fatalf("the program ended by itself: %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}

	const contents = `SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM (
SELECT id, full_name, company_id, created_at FROM contacts WHERE org_id = o.id UNION ALL SELECT id, name, NULL, NULL FROM companies WHERE org_id = o.id) t`
	var half, after, whole string
	hash := func(org string, into *string) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), "SELECT ("+contents+") FROM organisations o WHERE name = $1", org).Scan(into); err != nil {
			t.Fatal(err)
		}
	}
	hash("Whole", &whole)
	hash("Killed", &half)
	summary, problems := run("Killed")
	hash("Killed", &after)
	if half == whole || after != whole {
		t.Errorf("killed %s, then %s, uninterrupted %s", half, after, whole)
	}
	for _, table := range summary.Tables {
		if table.Name == "contacts" && (table.Unchanged != 1000 || table.Created != 1400) {
			t.Errorf("after the kill: %+v", table)
		}
	}
	want := "table,id,verdict,reason\r\ncompanies,00000000-0000-4000-8000-0000000000c1,rejected,name must not be empty\r\n"
	if problems != want {
		t.Errorf("problems %q, want %q", problems, want)
	}
}

// awaitLock waits until a session of a database waits for another one.
func awaitLock(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		var waiting bool
		err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
		if waiting {
			return
		}
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("after %s, no session waits", patience)
		}
	}
}

// In production the source is verified as the database is.
func TestAdoptVerifiesSource(t *testing.T) {
	t.Parallel()
	from, _ := database(t, oldRows)
	u, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = net.JoinHostPort("0.0.0.0", u.Port()) // not known to be this host
	u.RawQuery = ""
	remote := u.String()
	u.RawQuery = "sslmode=disable"
	plain := u.String()
	for name, c := range map[string]struct {
		from string
		env  []string
		want string // "": it is read
	}{
		"NoMode":      {remote, []string{"NODE_ENV=production"}, "does not use TLS"},
		"Disabled":    {plain, []string{"NODE_ENV=production"}, "has an sslmode that does not verify the server"},
		"Allowed":     {plain, []string{"NODE_ENV=production", "SIXTY_ALLOW_INSECURE=database"}, ""},
		"Development": {remote, nil, ""},
		"Loopback":    {from, []string{"NODE_ENV=production"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variables := append([]string{"SIXTY_DATA_DIR=" + t.TempDir(), "SIXTY_ADOPT_FROM=" + c.from}, c.env...)
			if out, err := sixty(t, variables, "org", "create", "Adopted").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			out, err := sixty(t, variables, "adopt").CombinedOutput()
			if read := strings.Contains(string(out), "contacts"); err == nil || read != (c.want == "") || !strings.Contains(string(out), c.want) {
				t.Errorf("%v: %s", err, out) // one row of the source is rejected
			}
		})
	}
}
