-- +goose Up
-- The messages that the program sends, or has sent. What they say is apart, since that of messages
-- with one-time tokens is removed earlier.
CREATE TABLE IF NOT EXISTS outbox (
  org_id     BLOB NOT NULL REFERENCES organisations (id),
  id         BLOB NOT NULL,
  state      TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'kept', 'failed')),
  recipient  TEXT NOT NULL,
  subject    TEXT NOT NULL,
  size       INTEGER NOT NULL,
  secret     INTEGER NOT NULL,
  error      TEXT,
  actor_id   BLOB,
  job_id     BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  sent_at    INTEGER,
  PRIMARY KEY (org_id, id)
) STRICT;
CREATE INDEX IF NOT EXISTS outbox_created ON outbox (org_id, created_at, id);
CREATE INDEX IF NOT EXISTS outbox_state ON outbox (org_id, state, created_at, id);

CREATE TABLE IF NOT EXISTS outbox_contents (
  org_id      BLOB NOT NULL,
  id          BLOB NOT NULL,
  text        TEXT NOT NULL,
  html        TEXT NOT NULL,
  attachments TEXT NOT NULL, -- a JSON array
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, id) REFERENCES outbox (org_id, id) ON DELETE CASCADE
) STRICT;
