-- +goose Up
-- Every import: who imported what, how, and what became of it.
CREATE TABLE IF NOT EXISTS imports (
  org_id      BLOB NOT NULL REFERENCES organisations (id),
  id          BLOB NOT NULL,
  kind        TEXT NOT NULL,
  source      TEXT NOT NULL, -- cli or api
  state       TEXT NOT NULL,
  actor_id    BLOB,
  key_id      BLOB,
  job_id      BLOB,
  files       TEXT NOT NULL, -- JSON
  options     TEXT NOT NULL, -- JSON
  counts      TEXT NOT NULL, -- JSON; '' before its end
  error       TEXT,
  rejected_id BLOB,          -- the file of its rejected rows
  created_at  INTEGER NOT NULL,
  finished_at INTEGER,
  undo        TEXT NOT NULL, -- JSON: how far the undo is; '' for none
  undo_job_id BLOB,
  undone_at   INTEGER,
  version     INTEGER NOT NULL,
  PRIMARY KEY (org_id, id)
) STRICT;
CREATE INDEX IF NOT EXISTS imports_created ON imports (org_id, created_at, id);

-- What a transaction of an import has loaded: rows by their numbers, what became of each, and
-- what the records that it changed were like before. Both are compressed JSON.
CREATE TABLE IF NOT EXISTS import_batches (
  org_id    BLOB NOT NULL,
  import_id BLOB NOT NULL,
  id        BLOB NOT NULL,
  part      INTEGER NOT NULL, -- of an import of several kinds of files
  first_row INTEGER NOT NULL,
  last_row  INTEGER NOT NULL,
  results   BLOB NOT NULL,
  images    BLOB, -- null: it has changed no record
  at        INTEGER NOT NULL,
  PRIMARY KEY (org_id, import_id, id)
) STRICT;
CREATE INDEX IF NOT EXISTS import_batches_at ON import_batches (org_id, at);
