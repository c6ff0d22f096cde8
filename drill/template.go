package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// principal is a user with an API key.
type principal struct {
	user   string
	key    string
	shared bool // several groups have this user
}

// organisation has a user for each group, so that sums of one user's deals are sums of a group.
type organisation struct {
	id     string
	reader principal

	mu    sync.Mutex
	users []principal
	taken int
}

// take returns the next user.
func (o *organisation) take() principal {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.users[o.taken%len(o.users)]
	p.shared = p.shared || o.taken >= len(o.users)
	o.taken++
	return p
}

// template is the data directory of a stopped server, whose database a binary has migrated.
type template struct {
	dir  string
	orgs []*organisation
}

const (
	templateOrgs  = 3
	templateUsers = 150 // of each organisation
)

// organisations returns the organisations with none of their users taken.
func (t *template) organisations() []*organisation {
	orgs := make([]*organisation, len(t.orgs))
	for i, o := range t.orgs {
		orgs[i] = &organisation{id: o.id, reader: o.reader, users: o.users}
	}
	return orgs
}

// template returns the template of a binary, and creates it at first.
func (d *drill) template(ctx context.Context, binary string) (*template, error) {
	if t := d.templates[binary]; t != nil {
		return t, nil
	}
	p, err := newPostgres(ctx, d.m, d.bin, fmt.Sprintf("template-%d", len(d.templates)), "")
	if err != nil {
		return nil, err
	}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	defer d.m.end(p.process)
	if err := p.exec(ctx, "postgres", "CREATE ROLE sixty LOGIN CREATEROLE", "CREATE DATABASE sixty OWNER sixty", "CREATE DATABASE drill"); err != nil {
		return nil, err
	}
	if err := p.exec(ctx, "drill", "CREATE TABLE probes (at timestamptz NOT NULL DEFAULT now())"); err != nil {
		return nil, err
	}
	t := &template{dir: p.dir}
	command := func(args ...string) (string, error) {
		c := exec.CommandContext(ctx, binary, args...)
		c.Dir = d.m.dir
		c.Env = []string{"DATABASE_URL=" + databaseURL(p), "LOG_LEVEL=error", "NODE_ENV=test", "SIXTY_DATA_DIR=" + filepath.Join(d.m.dir, "data")}
		return output(c)
	}
	if _, err := command("migrate"); err != nil {
		return nil, err
	}
	for i := range templateOrgs {
		name := fmt.Sprint("drill ", i)
		id, err := command("org", "create", name)
		if err != nil {
			return nil, err
		}
		key, err := command("apikey", "create", "--org", name, "--name", "reader", "--role", "admin")
		if err != nil {
			return nil, err
		}
		t.orgs = append(t.orgs, &organisation{id: id, reader: principal{key: key}})
	}
	err = p.with(ctx, "sixty", func(ctx context.Context, conn *pgx.Conn) error {
		for _, o := range t.orgs {
			if err := o.populate(ctx, conn); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.templates[binary] = t
	return t, p.stop()
}

// newKey returns an API key in the program's format.
func newKey() string {
	text := strings.ToLower(rand.Text() + rand.Text() + rand.Text())
	return "sixty_" + text[:8] + "_" + text[8:51]
}

// populate adds users with keys, as copies of the one that the program has created: whatever
// columns its tables have.
func (o *organisation) populate(ctx context.Context, conn *pgx.Conn) error {
	batch := &pgx.Batch{}
	for range templateUsers {
		key := newKey()
		hash := sha256.Sum256([]byte(key))
		p := principal{key: key}
		batch.Queue(`
			WITH model AS (SELECT * FROM api_keys WHERE org_id = $1 AND name = 'reader'),
			added AS (
				INSERT INTO users SELECT (jsonb_populate_record(u, jsonb_build_object('id', gen_random_uuid()))).*
				FROM users u WHERE (org_id, id) = (SELECT org_id, user_id FROM model) RETURNING id)
			INSERT INTO api_keys SELECT (jsonb_populate_record(k.model, jsonb_build_object('id', gen_random_uuid(), 'name', 'drill', 'user_id', added.id, 'prefix', $2::text, 'hash', $3::text))).*
			FROM (SELECT m::api_keys AS model FROM (SELECT k AS m FROM api_keys k WHERE org_id = $1 AND name = 'reader') x) k, added
			RETURNING user_id::text`, o.id, key[:14], fmt.Sprintf(`\x%x`, hash)).QueryRow(func(row pgx.Row) error {
			err := row.Scan(&p.user)
			o.users = append(o.users, p)
			return err
		})
	}
	return conn.SendBatch(ctx, batch).Close()
}
