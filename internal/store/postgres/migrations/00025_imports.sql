-- +goose Up
-- Every import: who imported what, how, and what became of it.
CREATE TABLE IF NOT EXISTS imports (
  org_id      uuid NOT NULL REFERENCES organisations (id),
  id          uuid NOT NULL,
  kind        text NOT NULL,
  source      text NOT NULL, -- cli or api
  state       text NOT NULL,
  actor_id    uuid,
  key_id      uuid,
  job_id      uuid,
  files       text NOT NULL, -- JSON
  options     text NOT NULL, -- JSON
  counts      text NOT NULL, -- JSON; '' before its end
  error       text,
  rejected_id uuid,          -- the file of its rejected rows
  created_at  timestamptz NOT NULL,
  finished_at timestamptz,
  undo        text NOT NULL, -- JSON: how far the undo is; '' for none
  undo_job_id uuid,
  undone_at   timestamptz,
  version     bigint NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX IF NOT EXISTS imports_created ON imports (org_id, created_at, id);

-- What a transaction of an import has loaded: rows by their numbers, what became of each, and
-- what the records that it changed were like before. Both are compressed JSON.
CREATE TABLE IF NOT EXISTS import_batches (
  org_id    uuid NOT NULL,
  import_id uuid NOT NULL,
  id        uuid NOT NULL,
  part      integer NOT NULL, -- of an import of several kinds of files
  first_row bigint NOT NULL,
  last_row  bigint NOT NULL,
  results   bytea NOT NULL,
  images    bytea, -- null: it has changed no record
  at        timestamptz NOT NULL,
  PRIMARY KEY (org_id, import_id, id)
);
CREATE INDEX IF NOT EXISTS import_batches_at ON import_batches (org_id, at);
SELECT keep_apart('imports');
SELECT keep_apart('import_batches');
