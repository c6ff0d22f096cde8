-- +goose Up
-- Work in the background. An organisation of zero is the system's, so that nothing refers to
-- organisations. A job that runs does so under the lease of its token; the token stays when the
-- attempt has ended, so that an end that is told twice is known.
CREATE TABLE IF NOT EXISTS jobs (
  org_id       BLOB NOT NULL,
  id           BLOB NOT NULL,
  kind         TEXT NOT NULL CHECK (kind IN ('bulk-import', 'data-export', 'data-cleanup', 'generate-report', 'update-analytics', 'send-email', 'send-notification', 'cache-warmup', 'performance-analysis')),
  state        TEXT NOT NULL CHECK (state IN ('scheduled', 'ready', 'running', 'done', 'failed', 'cancelled')),
  priority     INTEGER NOT NULL DEFAULT 0,
  progress     INTEGER NOT NULL DEFAULT 0,
  note         TEXT NOT NULL DEFAULT '',
  attempt      INTEGER NOT NULL DEFAULT 0,
  max_attempts INTEGER NOT NULL,
  args         TEXT NOT NULL,
  checkpoint   TEXT NOT NULL DEFAULT '',
  result       TEXT NOT NULL DEFAULT '',
  error        TEXT,
  errors       TEXT NOT NULL DEFAULT '', -- a JSON array
  actor_id     BLOB,
  key_id       BLOB,
  unique_key   TEXT,
  schedule_id  BLOB,
  slot         INTEGER,
  place        TEXT,
  cancel_at    INTEGER,
  run_at       INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  started_at   INTEGER,
  finished_at  INTEGER,
  version      INTEGER NOT NULL DEFAULT 1,
  lease_token  BLOB,
  lease_until  INTEGER,
  PRIMARY KEY (org_id, id)
) STRICT;
-- What is claimed: of a kind, and of an organisation while others wait too.
CREATE INDEX IF NOT EXISTS jobs_ready ON jobs (kind, priority DESC, run_at, id) WHERE state = 'ready';
CREATE INDEX IF NOT EXISTS jobs_ready_of ON jobs (kind, org_id, priority DESC, run_at, id) WHERE state = 'ready';
CREATE INDEX IF NOT EXISTS jobs_scheduled ON jobs (kind, run_at) WHERE state = 'scheduled';
-- The end of a lease is in no index, so that renewing it changes none. Few jobs run at a time.
CREATE INDEX IF NOT EXISTS jobs_running ON jobs (kind, org_id) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS jobs_finished ON jobs (finished_at, org_id) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS jobs_unique_key ON jobs (org_id, kind, unique_key) WHERE unique_key IS NOT NULL AND state IN ('scheduled', 'ready', 'running');
CREATE UNIQUE INDEX IF NOT EXISTS jobs_slot ON jobs (org_id, schedule_id, slot) WHERE slot IS NOT NULL;
-- The lists. The numbers of each kind are counted in the index of that filter.
CREATE INDEX IF NOT EXISTS jobs_created ON jobs (org_id, created_at, id);
CREATE INDEX IF NOT EXISTS jobs_kind ON jobs (org_id, kind, created_at, id, state, run_at);
CREATE INDEX IF NOT EXISTS jobs_state ON jobs (org_id, state, created_at, id);
CREATE INDEX IF NOT EXISTS jobs_actor ON jobs (org_id, actor_id, created_at, id);

CREATE TABLE IF NOT EXISTS schedules (
  org_id     BLOB NOT NULL, -- zero: the system's
  id         BLOB NOT NULL,
  name       TEXT NOT NULL,
  kind       TEXT NOT NULL,
  args       TEXT NOT NULL,
  cron       TEXT NOT NULL,
  enabled    INTEGER NOT NULL,
  actor_id   BLOB,
  key_id     BLOB,
  next_at    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (org_id, id)
) STRICT;
CREATE INDEX IF NOT EXISTS schedules_next ON schedules (next_at) WHERE enabled;

-- What holds of a kind over all instances.
CREATE TABLE IF NOT EXISTS job_kinds (
  kind   TEXT PRIMARY KEY,
  paused INTEGER NOT NULL DEFAULT 0,
  total  INTEGER NOT NULL DEFAULT 0 -- 0: no limit
) STRICT;
