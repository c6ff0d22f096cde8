-- +goose Up
-- Files: what imports read, and what exports and reports make. Their contents are in a folder or a
-- bucket.
CREATE TABLE IF NOT EXISTS files (
  org_id     uuid NOT NULL REFERENCES organisations (id),
  id         uuid NOT NULL,
  purpose    text NOT NULL,
  name       text NOT NULL,
  media      text NOT NULL,
  size       bigint NOT NULL,
  sha256     text NOT NULL,    -- of the content, in hexadecimal
  place      text,             -- the name of the folder; null: the bucket
  actor_id   uuid,             -- for whom it was made
  sees_all   boolean NOT NULL, -- it shows records of all owners
  admin_only boolean NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX IF NOT EXISTS files_expires ON files (org_id, expires_at);
SELECT keep_apart('files');
