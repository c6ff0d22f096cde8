package store

import (
	"context"
	"errors"

	"sixty/internal/crm"
	"sixty/internal/files"
)

// The rows of files; their contents are elsewhere.

const fileColumns = "org_id, id, purpose, name, media, size, sha256, place, actor_id, sees_all, admin_only, created_at, expires_at"

var (
	putFile    = &Statement{"file.insert", "INSERT INTO files (" + fileColumns + ") VALUES (" + placeholders(1, 13) + ")"}
	deleteFile = &Statement{"file.delete", "DELETE FROM files WHERE org_id = $1 AND id = $2"}
	oldFiles   = oldRows("file.old", "files", "expires_at")
	pruneFiles = &Statement{"file.prune", `DELETE FROM files WHERE org_id = $1 AND id IN
(SELECT id FROM files WHERE org_id = $1 AND expires_at < $2 ORDER BY expires_at LIMIT $3)`}
	organisationIDs = &Statement{"organisation.ids", "SELECT id FROM organisations ORDER BY id"}
)

func fileValues(f *files.File) []any {
	return []any{&f.OrgID, &f.ID, (*string)(&f.Purpose), &f.Name, &f.Media, &f.Size, &f.SHA256, &f.Place, &f.ActorID, &f.SeesAll, &f.AdminOnly, &f.CreatedAt, &f.ExpiresAt}
}

// filesWhere reads an organisation's files that meet a condition.
func (s *Store) filesWhere(ctx context.Context, org crm.ID, name, condition string, args ...any) ([]files.File, error) {
	st := s.statement(name, func() *Statement {
		return &Statement{name, "SELECT " + fileColumns + ", expires_at <= " + s.dialect.SecondsAgo(0) + " FROM files WHERE org_id = $1 AND " + condition}
	})
	return collect(ctx, s, s.of(org), st, func(f *files.File) []any { return append(fileValues(f), &f.Expired) }, append([]any{org}, args...)...)
}

// InsertFile implements files.Store. No response that is cached is made of files.
func (s *Store) InsertFile(ctx context.Context, by crm.Actor, f files.File) error {
	return s.Write(ctx, by, f.CreatedAt, func(writing Tx) error {
		t, _ := writing.(*tx) // what Write passes
		if err := t.confine("file", f.OrgID); err != nil {
			return err
		}
		_, err := t.exec(ctx, putFile, fileValues(&f)...)
		return err
	})
}

// File implements files.Store.
func (s *Store) File(ctx context.Context, org, id crm.ID) (files.File, error) {
	rows, err := s.filesWhere(ctx, org, "file.get", "id = $2", id)
	if err == nil && len(rows) == 0 {
		err = crm.NotFound(files.Entity)
	}
	if err != nil {
		return files.File{}, err
	}
	return rows[0], nil
}

// FilesSize implements files.Store.
func (s *Store) FilesSize(ctx context.Context, org crm.ID) (size int64, now crm.Instant, err error) {
	st := s.statement("file.size", func() *Statement {
		at := s.dialect.SecondsAgo(0)
		return &Statement{"file.size", "SELECT " + s.dialect.SumBig("size") + ", " + at + " FROM files WHERE org_id = $1 AND expires_at > " + at}
	})
	err = s.query(ctx, s.of(org), st, []any{org}, func(rows Rows) (bool, error) { return true, rows.Scan(&size, &now) })
	return size, now, err
}

// Files implements files.Store.
func (s *Store) Files(ctx context.Context, org, after crm.ID, limit int) ([]files.File, error) {
	return s.filesWhere(ctx, org, "file.list", "id > $2 ORDER BY id LIMIT $3", after, int64(limit))
}

// FilesByID implements files.Store.
func (s *Store) FilesByID(ctx context.Context, org crm.ID, ids []crm.ID) ([]files.File, error) {
	return s.filesWhere(ctx, org, "file.by_ids", s.dialect.AnyID("id", 2), s.dialect.IDs(ids))
}

// DeleteFile implements files.Store.
func (s *Store) DeleteFile(ctx context.Context, by crm.Actor, id crm.ID) error {
	if s.joined(ctx) != nil {
		return errors.New("a file is not removed as part of a transaction, which may not be committed")
	}
	return s.Write(ctx, by, 0, func(writing Tx) error {
		t, _ := writing.(*tx) // what Write passes
		_, err := t.exec(ctx, deleteFile, by.Org, id)
		return err
	})
}

// PruneFiles implements files.Store.
func (s *Store) PruneFiles(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	return s.pruneRows(ctx, oldFiles, pruneFiles, before, limit)
}

// OrganisationIDs implements files.Store.
func (s *Store) OrganisationIDs(ctx context.Context) ([]crm.ID, error) {
	return collect(ctx, s, s.service(), organisationIDs, func(id *crm.ID) []any { return []any{id} })
}
