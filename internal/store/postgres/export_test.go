package postgres

import (
	"context"

	"github.com/pressly/goose/v3"
)

// MigrateTo migrates an older schema, or none, to a version.
func (e *Engine) MigrateTo(ctx context.Context, version int64) error {
	return e.migrate(ctx, func(ctx context.Context, provider *goose.Provider) error {
		_, err := provider.UpTo(ctx, version)
		return err
	})
}

// CheckIsolation does what is done periodically.
func (e *Engine) CheckIsolation(ctx context.Context) { e.guard.note(e.verifyIsolation(ctx)) }
