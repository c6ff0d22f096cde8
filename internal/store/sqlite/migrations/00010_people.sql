-- +goose Up
-- When somebody signed in last, whatever has become of the session.
CREATE TABLE IF NOT EXISTS sign_ins (
  org_id  BLOB NOT NULL,
  user_id BLOB NOT NULL,
  at      INTEGER NOT NULL,
  PRIMARY KEY (org_id, user_id),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
) STRICT;

-- The list of keys, and what maintenance removes.
CREATE INDEX IF NOT EXISTS api_keys_created ON api_keys (org_id, created_at, id);
CREATE INDEX IF NOT EXISTS sessions_expiry ON sessions (org_id, expires_at);
CREATE INDEX IF NOT EXISTS tickets_expiry ON tickets (org_id, expires_at);

-- Those who may make other admins: the last of them stays one.
CREATE INDEX IF NOT EXISTS users_admins ON users (org_id, id) WHERE role = 'admin' AND NOT service AND deactivated_at IS NULL AND deleted_at IS NULL;
