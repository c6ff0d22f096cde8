-- +goose Up
-- Work in the background. An organisation of zero is the system's, so that nothing refers to
-- organisations. A job that runs does so under the lease of its token; the token stays when the
-- attempt has ended, so that an end that is told twice is known.
CREATE TABLE IF NOT EXISTS jobs (
  org_id       uuid NOT NULL,
  id           uuid NOT NULL,
  kind         text COLLATE "C" NOT NULL CHECK (kind IN ('bulk-import', 'data-export', 'data-cleanup', 'generate-report', 'update-analytics', 'send-email', 'send-notification', 'cache-warmup', 'performance-analysis')),
  state        text COLLATE "C" NOT NULL CHECK (state IN ('scheduled', 'ready', 'running', 'done', 'failed', 'cancelled')),
  priority     integer NOT NULL DEFAULT 0,
  progress     integer NOT NULL DEFAULT 0,
  note         text NOT NULL DEFAULT '',
  attempt      integer NOT NULL DEFAULT 0,
  max_attempts integer NOT NULL,
  args         text NOT NULL,
  checkpoint   text NOT NULL DEFAULT '',
  result       text NOT NULL DEFAULT '',
  error        text,
  errors       text NOT NULL DEFAULT '', -- a JSON array
  actor_id     uuid,
  key_id       uuid,
  unique_key   text COLLATE "C",
  schedule_id  uuid,
  slot         timestamptz,
  place        text COLLATE "C",
  cancel_at    timestamptz,
  run_at       timestamptz NOT NULL,
  created_at   timestamptz NOT NULL,
  started_at   timestamptz,
  finished_at  timestamptz,
  version      bigint NOT NULL DEFAULT 1,
  lease_token  uuid,
  lease_until  timestamptz,
  PRIMARY KEY (org_id, id)
);
SELECT keep_apart('jobs');
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
  org_id     uuid NOT NULL, -- zero: the system's
  id         uuid NOT NULL,
  name       text NOT NULL,
  kind       text COLLATE "C" NOT NULL,
  args       text NOT NULL,
  cron       text NOT NULL,
  enabled    boolean NOT NULL,
  actor_id   uuid,
  key_id     uuid,
  next_at    timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id)
);
SELECT keep_apart('schedules');
CREATE INDEX IF NOT EXISTS schedules_next ON schedules (next_at) WHERE enabled;

-- What holds of a kind over all instances.
CREATE TABLE IF NOT EXISTS job_kinds (
  kind   text COLLATE "C" PRIMARY KEY,
  paused boolean NOT NULL DEFAULT false,
  total  integer NOT NULL DEFAULT 0 -- 0: no limit
);
GRANT SELECT, INSERT, UPDATE, DELETE ON job_kinds TO sixty_service;

-- +goose StatementBegin
-- hold_lease locks the job until the transaction ends, and raises SX002 if it does not run under
-- the token. A lock for a change is for what changes the job itself; otherwise several transactions
-- hold a lease at a time.
CREATE OR REPLACE FUNCTION hold_lease(of_org uuid, of_job uuid, of_token uuid, to_change boolean) RETURNS boolean LANGUAGE plpgsql
SET enable_seqscan = off AS $$
BEGIN
  IF to_change THEN
    PERFORM FROM jobs WHERE org_id = of_org AND id = of_job AND lease_token = of_token AND state = 'running' FOR NO KEY UPDATE;
  ELSE
    PERFORM FROM jobs WHERE org_id = of_org AND id = of_job AND lease_token = of_token AND state = 'running' FOR SHARE;
  END IF;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the lease of the job % is lost', of_job USING ERRCODE = 'SX002';
  END IF;
  RETURN true;
END
$$;
-- +goose StatementEnd
