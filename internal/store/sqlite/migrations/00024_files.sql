-- +goose Up
-- Files: what imports read, and what exports and reports make. Their contents are in a folder or a
-- bucket.
CREATE TABLE IF NOT EXISTS files (
  org_id     BLOB NOT NULL REFERENCES organisations (id),
  id         BLOB NOT NULL,
  purpose    TEXT NOT NULL,
  name       TEXT NOT NULL,
  media      TEXT NOT NULL,
  size       INTEGER NOT NULL,
  sha256     TEXT NOT NULL,    -- of the content, in hexadecimal
  place      TEXT,             -- the name of the folder; null: the bucket
  actor_id   BLOB,             -- for whom it was made
  sees_all   INTEGER NOT NULL, -- it shows records of all owners
  admin_only INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (org_id, id)
) STRICT;
CREATE INDEX IF NOT EXISTS files_expires ON files (org_id, expires_at);
