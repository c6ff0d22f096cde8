-- +goose Up
-- Who signs in: the address is all that is known of them then, not the organisation.
CREATE INDEX IF NOT EXISTS users_sign_in ON users (email) WHERE deleted_at IS NULL AND email IS NOT NULL;

-- hash: argon2id, in the PHC string format.
CREATE TABLE IF NOT EXISTS passwords (
  org_id     BLOB NOT NULL,
  user_id    BLOB NOT NULL,
  hash       TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (org_id, user_id),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
) STRICT;

-- hash: SHA-256 of the token.
CREATE TABLE IF NOT EXISTS sessions (
  org_id     BLOB NOT NULL,
  id         BLOB NOT NULL,
  user_id    BLOB NOT NULL,
  hash       BLOB NOT NULL UNIQUE,
  address    TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  used_at    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
) STRICT;
CREATE INDEX IF NOT EXISTS sessions_user ON sessions (org_id, user_id, used_at, id);

-- Each lets a person set their password once. hash: SHA-256 of the secret.
CREATE TABLE IF NOT EXISTS tickets (
  org_id     BLOB NOT NULL,
  user_id    BLOB NOT NULL,
  purpose    TEXT NOT NULL CHECK (purpose IN ('invitation', 'reset')),
  hash       BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (org_id, user_id),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
) STRICT;

-- When the key was last used, to the minute or so.
ALTER TABLE api_keys ADD COLUMN used_at INTEGER;
