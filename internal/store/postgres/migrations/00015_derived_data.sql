-- +goose Up
-- Data that is computed from other tables has a version of its own, and is rebuilt after
-- the migrations: version is that of the last rebuild that was completed, target and
-- position are those of the one in progress (null: none is). Until now the index of
-- searches and the sums were filled by migrations 5 and 14. An index that was to be filled
-- by 5 after that became a rebuild is marked in the settings.
CREATE TABLE IF NOT EXISTS derived_data (
  name     text PRIMARY KEY,
  version  integer NOT NULL,
  target   integer NOT NULL DEFAULT 0,
  position text
);
INSERT INTO derived_data (name, version)
SELECT 'search', CASE WHEN EXISTS (SELECT 1 FROM settings WHERE name = 'search_unfilled') THEN 0 ELSE 1 END
UNION ALL SELECT 'sums', 1
ON CONFLICT (name) DO NOTHING;
DELETE FROM settings WHERE name = 'search_unfilled';
GRANT SELECT, UPDATE ON derived_data TO sixty_tenant, sixty_service;

-- The running servers, by the database's clock, and the version of the index of searches
-- that each writes.
CREATE TABLE IF NOT EXISTS instances (
  id             uuid PRIMARY KEY,
  search_version integer NOT NULL,
  started_at     timestamptz NOT NULL DEFAULT now(),
  seen_at        timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON instances TO sixty_service;

-- The records that a batch of an import changed: their ids, 16 bytes each.
CREATE TABLE IF NOT EXISTS import_records (
  org_id     uuid NOT NULL,
  import_id  uuid NOT NULL,
  id         uuid NOT NULL,
  entity     text NOT NULL,
  op         text NOT NULL,
  record_ids bytea NOT NULL,
  at         timestamptz NOT NULL,
  PRIMARY KEY (org_id, import_id, id)
);
CREATE INDEX IF NOT EXISTS import_records_at ON import_records (org_id, at);
SELECT keep_apart('import_records');
