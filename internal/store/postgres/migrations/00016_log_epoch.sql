-- +goose Up
-- The epoch of the change log, a random name, beside the timeline of the server that it
-- belongs to: a server with another timeline was promoted, or recovered from a backup, and
-- its log may lack entries of the former one. Servers of the version before this one go on
-- with the setting log_epoch.
CREATE TABLE IF NOT EXISTS log_epoch (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  epoch    text NOT NULL,
  timeline text NOT NULL
);
INSERT INTO log_epoch (epoch, timeline)
SELECT coalesce((SELECT value FROM settings WHERE name = 'log_epoch'), upper(substr(replace(gen_random_uuid()::text, '-', ''), 1, 10))),
  substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)
ON CONFLICT DO NOTHING;
GRANT SELECT ON log_epoch TO sixty_tenant, sixty_service;
GRANT UPDATE ON log_epoch TO sixty_service;

-- The transaction that entered a change. What was committed between two snapshots is found
-- by it, whichever organisations have changed, and so is the outcome of a commit. Entries
-- from before have none: they need no rewrite of the table.
ALTER TABLE changes ADD COLUMN IF NOT EXISTS xid xid8;
ALTER TABLE changes ALTER COLUMN xid SET DEFAULT pg_current_xact_id();
CREATE INDEX IF NOT EXISTS changes_xid ON changes (xid) WHERE xid IS NOT NULL;
