-- +goose Up
-- Who signs in: the address is all that is known of them then, not the organisation.
CREATE INDEX IF NOT EXISTS users_sign_in ON users (email) WHERE deleted_at IS NULL AND email IS NOT NULL;

-- hash: argon2id, in the PHC string format.
CREATE TABLE IF NOT EXISTS passwords (
  org_id     uuid NOT NULL,
  user_id    uuid NOT NULL,
  hash       text NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, user_id),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);

-- hash: SHA-256 of the token.
CREATE TABLE IF NOT EXISTS sessions (
  org_id     uuid NOT NULL,
  id         uuid NOT NULL,
  user_id    uuid NOT NULL,
  hash       bytea NOT NULL UNIQUE,
  address    text NOT NULL,
  user_agent text NOT NULL,
  created_at timestamptz NOT NULL,
  used_at    timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
CREATE INDEX IF NOT EXISTS sessions_user ON sessions (org_id, user_id, used_at, id);

-- Each lets a person set their password once. hash: SHA-256 of the secret.
CREATE TABLE IF NOT EXISTS tickets (
  org_id     uuid NOT NULL,
  user_id    uuid NOT NULL,
  purpose    text NOT NULL CHECK (purpose IN ('invitation', 'reset')),
  hash       bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, user_id),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);

-- When the key was last used, to the minute or so.
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS used_at timestamptz;
