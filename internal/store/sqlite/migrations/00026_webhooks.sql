-- +goose Up
-- Where an organisation's changes are sent, with the position in its change log up to which they
-- were, and what was sent. Deliveries do not refer to the log, which is pruned.
CREATE TABLE IF NOT EXISTS webhooks (
  org_id          BLOB NOT NULL REFERENCES organisations (id),
  id              BLOB NOT NULL,
  url             TEXT NOT NULL,
  events          TEXT NOT NULL, -- separated by commas
  description     TEXT,
  include         INTEGER NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('enabled', 'paused', 'disabled')),
  state_reason    TEXT,
  secret          TEXT NOT NULL,
  previous_secret TEXT,
  previous_until  INTEGER,
  epoch           TEXT NOT NULL,
  seq             INTEGER NOT NULL,
  failures        INTEGER NOT NULL,
  failing_since   INTEGER,
  retry_at        INTEGER,
  last_error      TEXT,
  delivered_at    INTEGER,
  slow            INTEGER NOT NULL,
  created_by      BLOB,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  version         INTEGER NOT NULL,
  PRIMARY KEY (org_id, id)
) STRICT;
CREATE INDEX IF NOT EXISTS webhooks_created_at ON webhooks (org_id, created_at, id);

CREATE TABLE IF NOT EXISTS webhook_deliveries (
  org_id      BLOB NOT NULL,
  id          BLOB NOT NULL,
  webhook_id  BLOB NOT NULL,
  event_id    TEXT NOT NULL,
  type        TEXT NOT NULL,
  attempt     INTEGER NOT NULL,
  redelivery  INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('succeeded', 'failed')),
  request     TEXT NOT NULL,
  status      INTEGER,
  answer      TEXT,
  duration_ms INTEGER NOT NULL,
  error       TEXT,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, webhook_id) REFERENCES webhooks (org_id, id)
) STRICT;
CREATE INDEX IF NOT EXISTS webhook_deliveries_at ON webhook_deliveries (org_id, at, id);
CREATE INDEX IF NOT EXISTS webhook_deliveries_webhook ON webhook_deliveries (org_id, webhook_id, at, id);
CREATE INDEX IF NOT EXISTS webhook_deliveries_state ON webhook_deliveries (org_id, webhook_id, state, at, id);
