-- +goose Up
-- The messages that the program sends, or has sent. What they say is apart, since that of messages
-- with one-time tokens is removed earlier.
CREATE TABLE IF NOT EXISTS outbox (
  org_id     uuid NOT NULL REFERENCES organisations (id),
  id         uuid NOT NULL,
  state      text NOT NULL CHECK (state IN ('waiting', 'sent', 'kept', 'failed')),
  recipient  text NOT NULL,
  subject    text NOT NULL,
  size       bigint NOT NULL,
  secret     boolean NOT NULL,
  error      text,
  actor_id   uuid,
  job_id     uuid NOT NULL,
  created_at timestamptz NOT NULL,
  sent_at    timestamptz,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX IF NOT EXISTS outbox_created ON outbox (org_id, created_at, id);
CREATE INDEX IF NOT EXISTS outbox_state ON outbox (org_id, state, created_at, id);
SELECT keep_apart('outbox');

CREATE TABLE IF NOT EXISTS outbox_contents (
  org_id      uuid NOT NULL,
  id          uuid NOT NULL,
  text        text NOT NULL,
  html        text NOT NULL,
  attachments text NOT NULL, -- a JSON array
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, id) REFERENCES outbox (org_id, id) ON DELETE CASCADE
);
SELECT keep_apart('outbox_contents');
