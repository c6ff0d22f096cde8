package files

import (
	"context"
	"time"

	"sixty/internal/crm"
)

const (
	// orphanAge is how old a content is that is removed because it has no row, or a row because it has
	// no content: the row of a content that was just written is added soon.
	orphanAge = 24 * time.Hour
	// goneFor is how long the row of an expired file is kept, so that it is said to be gone.
	goneFor = 30 * 24 * time.Hour
	// cleanUpBatch bounds the contents, and the rows, that are compared at once.
	cleanUpBatch = 500
)

// RemoveExpired removes the contents of files that expired before an instant, of those of this
// instance's folder or of the bucket; contents that have no row; rows whose content is missing; and
// the rows of what expired long before. It removes at most limit, and returns how many.
func (s *Service) RemoveExpired(ctx context.Context, before crm.Instant, limit int) (removed int64, err error) {
	orgs, err := s.store.OrganisationIDs(ctx)
	if err != nil {
		return 0, err
	}
	for _, org := range orgs {
		c := cleanUp{Service: s, org: org, before: before, old: before - crm.Instant(orphanAge.Microseconds()), left: limit - int(removed)}
		err := c.run(ctx)
		removed += c.removed
		if err != nil {
			return removed, err
		}
	}
	if left := limit - int(removed); left > 0 {
		n, err := s.store.PruneFiles(ctx, before-crm.Instant(goneFor.Microseconds()), left)
		return removed + n, err
	}
	return removed, nil
}

// cleanUp compares the contents of an organisation with its rows.
type cleanUp struct {
	*Service
	org         crm.ID
	before, old crm.Instant
	left        int
	removed     int64
}

func (c *cleanUp) run(ctx context.Context) error {
	if c.left <= 0 {
		return nil
	}
	if err := c.contents.removeBegun(ctx, c.org, c.old.Time()); err != nil {
		return err
	}
	if err := c.removeContents(ctx); err != nil {
		return err
	}
	return c.removeRows(ctx)
}

// removeContents removes those that have no row, or one that has expired.
func (c *cleanUp) removeContents(ctx context.Context) error {
	var batch []kept
	var failed error
	flush := func() bool {
		failed = c.removeBatch(ctx, batch)
		batch = batch[:0]
		return failed == nil && c.left > 0
	}
	err := c.contents.list(ctx, c.org, func(k kept) bool {
		batch = append(batch, k)
		return len(batch) < cleanUpBatch || flush()
	})
	if err != nil || failed != nil || c.left <= 0 {
		return firstOf(failed, err)
	}
	flush()
	return failed
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *cleanUp) removeBatch(ctx context.Context, batch []kept) error {
	ids := make([]crm.ID, len(batch))
	for i, k := range batch {
		ids[i] = k.id
	}
	rows, err := c.store.FilesByID(ctx, c.org, ids)
	if err != nil {
		return err
	}
	expires := make(map[crm.ID]crm.Instant, len(rows))
	for _, f := range rows {
		expires[f.ID] = f.ExpiresAt
	}
	for _, k := range batch {
		at, has := expires[k.id]
		if has && at >= c.before || !has && crm.InstantOf(k.at) >= c.old {
			continue
		}
		if c.left <= 0 {
			return nil
		}
		if err := c.contents.remove(ctx, c.org, k.id); err != nil {
			return err
		}
		c.left--
		c.removed++
	}
	return nil
}

// removeRows removes those of this place whose content is missing.
func (c *cleanUp) removeRows(ctx context.Context) error {
	var after crm.ID
	for c.left > 0 {
		rows, err := c.store.Files(ctx, c.org, after, cleanUpBatch)
		if err != nil {
			return err
		}
		for _, f := range rows {
			after = f.ID
			if !c.has(f) || f.CreatedAt >= c.old || f.ExpiresAt < c.before || c.left <= 0 {
				continue
			}
			there, err := c.contents.has(ctx, c.org, f.ID)
			if err != nil {
				return err
			}
			if there {
				continue
			}
			if err := c.store.DeleteFile(ctx, crm.Operator(c.org), f.ID); err != nil {
				return err
			}
			c.left--
			c.removed++
		}
		if len(rows) < cleanUpBatch {
			return nil
		}
	}
	return nil
}
