-- +goose Up
-- The answers to requests that may be sent again, each kept in the transaction that it
-- tells of. The principal is a user, or for the operator the zero id.
CREATE TABLE IF NOT EXISTS idempotency (
  org_id    uuid NOT NULL REFERENCES organisations (id),
  principal uuid NOT NULL,
  key       text NOT NULL,
  target    text NOT NULL,
  request   bytea NOT NULL, -- a digest
  answer    bytea NOT NULL,
  at        timestamptz NOT NULL,
  PRIMARY KEY (org_id, principal, key, target)
);
CREATE INDEX IF NOT EXISTS idempotency_at ON idempotency (org_id, at);

-- Who did what to people, keys and settings, came in, or took data out. What it names
-- may be gone, so nothing refers.
CREATE TABLE IF NOT EXISTS audit (
  org_id     uuid NOT NULL REFERENCES organisations (id),
  id         uuid NOT NULL,
  at         timestamptz NOT NULL,
  actor_id   uuid,
  action     text NOT NULL,
  target     text NOT NULL,
  target_id  uuid,
  address    text NOT NULL,
  request_id text NOT NULL,
  details    text NOT NULL, -- a JSON object
  PRIMARY KEY (org_id, id)
);
CREATE INDEX IF NOT EXISTS audit_at ON audit (org_id, at, id);
CREATE INDEX IF NOT EXISTS audit_action ON audit (org_id, action, at, id);
CREATE INDEX IF NOT EXISTS audit_actor ON audit (org_id, actor_id, at, id);
