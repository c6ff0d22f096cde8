-- +goose Up
-- Data that is computed from other tables has a version of its own, and is rebuilt after
-- the migrations: version is that of the last rebuild that was completed, target and
-- position are those of the one in progress (null: none is). Until now the index of
-- searches and the sums were filled by migrations 5 and 14. An index that was to be filled
-- by 5 after that became a rebuild is marked in the settings.
CREATE TABLE IF NOT EXISTS derived_data (
  name     TEXT PRIMARY KEY,
  version  INTEGER NOT NULL,
  target   INTEGER NOT NULL DEFAULT 0,
  position TEXT
) STRICT;
INSERT INTO derived_data (name, version)
SELECT 'search', CASE WHEN EXISTS (SELECT 1 FROM settings WHERE name = 'search_unfilled') THEN 0 ELSE 1 END
UNION ALL SELECT 'sums', 1 WHERE true
ON CONFLICT (name) DO NOTHING;
DELETE FROM settings WHERE name = 'search_unfilled';

-- The running servers, by the database's clock, and the version of the index of searches
-- that each writes.
CREATE TABLE IF NOT EXISTS instances (
  id             BLOB PRIMARY KEY,
  search_version INTEGER NOT NULL,
  started_at     INTEGER NOT NULL,
  seen_at        INTEGER NOT NULL
) STRICT;

-- The records that a batch of an import changed: their ids, 16 bytes each.
CREATE TABLE IF NOT EXISTS import_records (
  org_id     BLOB NOT NULL,
  import_id  BLOB NOT NULL,
  id         BLOB NOT NULL,
  entity     TEXT NOT NULL,
  op         TEXT NOT NULL,
  record_ids BLOB NOT NULL,
  at         INTEGER NOT NULL,
  PRIMARY KEY (org_id, import_id, id)
) STRICT;
CREATE INDEX IF NOT EXISTS import_records_at ON import_records (org_id, at);
