package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"sixty/bench/internal/fleet"
	"sixty/internal/crm"
	"sixty/internal/store"
	"sixty/internal/store/postgres"
	"sixty/internal/store/sqlite"
)

// pageSize is the number of deals on the measured page.
const pageSize = 50

// page measures an uncached page of deals compared with a bare handler that runs the same
// statement, and with pgbench running it without a handler.
func (b *bed) page(deals, rounds int) error {
	if err := b.seed(deals); err != nil {
		return err
	}
	job, err := b.recordStatement()
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, "bare.json")
	text, err := json.Marshal(job)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	server, err := b.program.Serve(b.ctx, "", withoutCache)
	if err != nil {
		return err
	}
	defer server.Stop()
	bare, err := b.startBare("-bare", file)
	if err != nil {
		return err
	}
	defer bare.Stop()

	ours := &peer{name: "sixty", addr: server.Addr, path: fmt.Sprintf("/api/deals?limit=%d", pageSize), key: b.key}
	theirs := &peer{name: "bare", addr: bare.Addr, path: "/", key: b.key}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	if err := sameDeals(b.ctx, client, ours, theirs); err != nil {
		return err
	}
	if err := turns([]*peer{ours, theirs}, rounds, func(p *peer) error { return p.round(b.ctx, clients) }); err != nil {
		return err
	}
	mid, least, most := ratios(ours.rates, theirs.rates)
	fmt.Printf("%-10s  page of %d of %d deals, uncached, %d connections:\n", b.engine, pageSize, deals, clients)
	fmt.Printf("%-10s    sixty  %6.0f/s  p99 %5.1f ms\n", "", median(ours.rates), median(ours.p99))
	fmt.Printf("%-10s    bare   %6.0f/s  p99 %5.1f ms\n", "", median(theirs.rates), median(theirs.p99))
	fmt.Printf("%-10s    sixty / bare = %.2f (rounds %.2f to %.2f; aim: 0.80)\n", "", mid, least, most)
	if b.url != "" {
		return b.pgbench(job, median(ours.rates))
	}
	return nil
}

// startBare starts this program as a bare peer.
func (b *bed) startBare(flag, file string, env ...string) (*fleet.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := fleet.FreeAddr()
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(b.ctx, self, flag, file+","+addr)
	c.Env = append(os.Environ(), env...)
	return fleet.Start(b.ctx, c, addr, b.dir, fleet.Ready)
}

// A job is one statement with its arguments, for the bare peer.
type job struct {
	DatabaseURL string // "" for SQLite
	Path        string
	SQL         string
	Org         crm.ID
}

// recordStatement queries the page through the store and returns the statement.
func (b *bed) recordStatement() (*job, error) {
	j := &job{DatabaseURL: b.url, Path: filepath.Join(b.dir, "sixty.db")}
	var engine store.Engine
	var err error
	if b.url != "" {
		engine, err = postgres.Open(b.ctx, postgres.Options{URL: b.url})
	} else {
		engine, err = sqlite.Open(b.ctx, sqlite.Options{Path: j.Path})
	}
	if err != nil {
		return nil, err
	}
	s := store.New(&recorder{Engine: engine, job: j}, store.Options{})
	defer func() { _ = s.Close() }()
	orgs, err := s.Organisations(b.ctx)
	if err != nil || len(orgs) != 1 {
		return nil, fmt.Errorf("%d organisations, %w", len(orgs), err)
	}
	j.Org = orgs[0].ID
	_, err = s.Reads(crm.Actor{}).Deals().Page(b.ctx, j.Org, crm.List[crm.DealFilter]{Sort: crm.Deals.Sorts.Default, Limit: pageSize})
	return j, err
}

// recorder records the last statement.
type recorder struct {
	store.Engine
	job *job
}

func (r *recorder) Query(ctx context.Context, scope store.Scope, st *store.Statement, args []any) (store.Rows, error) {
	r.job.SQL = st.SQL
	return r.Engine.Query(ctx, scope, st, args)
}

// sameDeals checks that all peers return the same deals in the same order.
func sameDeals(ctx context.Context, client *http.Client, peers ...*peer) error {
	var want []string
	for i, p := range peers {
		resp, err := p.fetch(ctx, client)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		var answer struct {
			Data []struct {
				ID          string
				ContactName *string `json:"contact_name"`
				Value       json.Number
			}
		}
		err = errors.Join(json.NewDecoder(resp.Body).Decode(&answer), resp.Body.Close())
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		var got []string
		for _, d := range answer.Data {
			name := ""
			if d.ContactName != nil {
				name = *d.ContactName
			}
			got = append(got, d.ID+" "+name+" "+d.Value.String())
		}
		if len(got) != pageSize {
			return fmt.Errorf("%s returns %d deals", p.name, len(got))
		}
		if i > 0 && !slices.Equal(got, want) {
			return fmt.Errorf("the peers return different deals:\n%q\n%q", got[0], want[0])
		}
		want = got
	}
	return nil
}

// pgbench runs the same statement with PostgreSQL's own load tool: an upper bound.
func (b *bed) pgbench(j *job, ours float64) error {
	script := filepath.Join(b.dir, "page.sql")
	text := strings.ReplaceAll(j.SQL, "$1", "'"+j.Org.String()+"'::uuid")
	if err := os.WriteFile(script, []byte(text+";\n"), 0o600); err != nil {
		return err
	}
	u, err := url.Parse(b.url)
	if err != nil {
		return err
	}
	c := exec.CommandContext(b.ctx, "pgbench", "-n", "-M", "prepared", "-c", fmt.Sprint(clients), "-j", "2", "-T", "8",
		"-f", script, "-h", u.Hostname(), "-p", u.Port(), "-U", u.User.Username(), strings.TrimPrefix(u.Path, "/"))
	c.WaitDelay = 5 * time.Second
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		return fmt.Errorf("pgbench: %w: %s", err, errs.String())
	}
	m := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(out)
	if m == nil {
		return fmt.Errorf("pgbench printed no rate: %s", out)
	}
	var tps float64
	if _, err := fmt.Sscan(string(m[1]), &tps); err != nil {
		return err
	}
	fmt.Printf("%-10s    pgbench -M prepared, the statement alone: %.0f/s; sixty reaches %.2f of that\n", "", tps, ours/tps)
	return nil
}
