-- +goose Up
-- +goose StatementBegin
-- log_origin identifies what a change log belongs to: the server's timeline, which a promotion
-- or a recovery from a backup changes, and the table of the epoch, which a restored dump has
-- anew. It is "" on a standby. It is volatile so that it is inlined.
CREATE OR REPLACE FUNCTION log_origin(epoch_table oid) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT CASE WHEN pg_is_in_recovery() THEN ''
    ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) || '.' || epoch_table::text END
$$;
-- +goose StatementEnd

-- The epoch of the change log, a random name, beside its origin. When they do not match, the
-- log may lack entries that were read under this name, and gets a new one. Programs of the
-- version before this one go on with the setting log_epoch.
CREATE TABLE IF NOT EXISTS log_epoch (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  epoch    text NOT NULL,
  origin   text NOT NULL
);
INSERT INTO log_epoch (epoch, origin)
SELECT coalesce((SELECT value FROM settings WHERE name = 'log_epoch'), upper(substr(replace(gen_random_uuid()::text, '-', ''), 1, 10))),
  log_origin('log_epoch'::regclass)
ON CONFLICT DO NOTHING;
GRANT SELECT ON log_epoch TO sixty_tenant, sixty_service;
GRANT UPDATE ON log_epoch TO sixty_service;

-- +goose StatementBegin
-- expect_epoch returns the epoch of the log, and raises SX001 if it is not that of this
-- server, or another than expected, which is "" for any.
CREATE OR REPLACE FUNCTION expect_epoch(expected text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
  SELECT epoch INTO found FROM log_epoch WHERE origin = log_origin(tableoid);
  IF found IS NULL OR expected <> '' AND expected <> found THEN
    RAISE EXCEPTION 'the change log has another epoch than "%"', expected USING ERRCODE = 'SX001';
  END IF;
  RETURN found;
END
$$;
-- +goose StatementEnd

-- The transaction that entered a change. What was committed between two snapshots is found
-- by it, whichever organisations have changed, and so is the outcome of a commit. Entries
-- from before have none: they need no rewrite of the table.
ALTER TABLE changes ADD COLUMN IF NOT EXISTS xid xid8;
ALTER TABLE changes ALTER COLUMN xid SET DEFAULT pg_current_xact_id();
CREATE INDEX IF NOT EXISTS changes_xid ON changes (xid) WHERE xid IS NOT NULL;
