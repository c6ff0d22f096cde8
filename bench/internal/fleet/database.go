package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ServerURL returns the PostgreSQL started by scripts/with-servers.
func ServerURL() (string, error) {
	server := os.Getenv("SIXTY_TEST_DATABASE_URL")
	if server == "" {
		return "", errors.New("SIXTY_TEST_DATABASE_URL is not set: scripts/with-servers starts a PostgreSQL and sets it")
	}
	return server, nil
}

// NewDatabase creates an empty database on a PostgreSQL server. It returns the database's URL,
// and a function that drops it.
func NewDatabase(ctx context.Context, server string) (databaseURL string, drop func(), err error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", nil, err
	}
	name := "bench_" + strings.ToLower(rand.Text())
	if err := Administer(ctx, server, "CREATE DATABASE "+name); err != nil {
		return "", nil, err
	}
	u.Path = "/" + name
	return u.String(), func() {
		_ = Administer(context.WithoutCancel(ctx), server, "DROP DATABASE "+name+" WITH (FORCE)")
	}, nil
}

// Administer runs one command on a connection of its own.
func Administer(ctx context.Context, databaseURL, command string) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, command)
	return err
}
