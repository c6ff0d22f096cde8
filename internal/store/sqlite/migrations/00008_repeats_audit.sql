-- +goose Up
-- The answers to requests that may be sent again, each kept in the transaction that it
-- tells of. The principal is a user, or for the operator the zero id.
CREATE TABLE IF NOT EXISTS idempotency (
  org_id    BLOB NOT NULL REFERENCES organisations (id),
  principal BLOB NOT NULL,
  key       TEXT NOT NULL,
  target    TEXT NOT NULL,
  request   BLOB NOT NULL, -- a digest
  answer    BLOB NOT NULL,
  at        INTEGER NOT NULL,
  PRIMARY KEY (org_id, principal, key, target)
) STRICT;
CREATE INDEX IF NOT EXISTS idempotency_at ON idempotency (org_id, at);

-- Who did what to people, keys and settings, came in, or took data out. What it names
-- may be gone, so nothing refers.
CREATE TABLE IF NOT EXISTS audit (
  org_id     BLOB NOT NULL REFERENCES organisations (id),
  id         BLOB NOT NULL,
  at         INTEGER NOT NULL,
  actor_id   BLOB,
  action     TEXT NOT NULL,
  target     TEXT NOT NULL,
  target_id  BLOB,
  address    TEXT NOT NULL,
  request_id TEXT NOT NULL,
  details    TEXT NOT NULL, -- a JSON object
  PRIMARY KEY (org_id, id)
) STRICT;
CREATE INDEX IF NOT EXISTS audit_at ON audit (org_id, at, id);
CREATE INDEX IF NOT EXISTS audit_action ON audit (org_id, action, at, id);
CREATE INDEX IF NOT EXISTS audit_actor ON audit (org_id, actor_id, at, id);
