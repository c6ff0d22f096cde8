-- +goose Up
-- An organisation's people sign in with one identity provider, and have addresses of its
-- domains, where the operator has said so. key_max_days bounds the lifetime of its API keys.
ALTER TABLE organisations ADD COLUMN issuer TEXT;
ALTER TABLE organisations ADD COLUMN key_max_days INTEGER;
CREATE TABLE IF NOT EXISTS email_domains (
  domain     TEXT PRIMARY KEY, -- as addresses have it; no two organisations have the same
  org_id     BLOB NOT NULL REFERENCES organisations (id),
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS email_domains_org ON email_domains (org_id, domain);

-- The people who may see and do what concerns the whole instance.
CREATE TABLE IF NOT EXISTS operators (
  org_id     BLOB NOT NULL,
  user_id    BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (org_id, user_id),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
) STRICT;

-- What a key may do, who created it, and the address that used it last.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'read,write,import,export,admin';
ALTER TABLE api_keys ADD COLUMN created_by BLOB;
ALTER TABLE api_keys ADD COLUMN used_address TEXT;

-- When the person of a session last proved who they are; null: at created_at.
ALTER TABLE sessions ADD COLUMN verified_at INTEGER;
ALTER TABLE tickets ADD COLUMN created_by BLOB;

-- Device cookies from before this instant are revoked.
ALTER TABLE sign_ins ADD COLUMN devices_since INTEGER;
-- The networks that people have signed in from.
CREATE TABLE IF NOT EXISTS sign_in_networks (
  org_id  BLOB NOT NULL,
  user_id BLOB NOT NULL,
  network TEXT NOT NULL, -- a prefix, such as 192.0.2.7/32 or 2001:db8::/64
  at      INTEGER NOT NULL,
  PRIMARY KEY (org_id, user_id, network),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
) STRICT;

-- The API key that something was done by, and the person who had created it for the user that
-- it acts for.
ALTER TABLE audit ADD COLUMN key_id BLOB;
ALTER TABLE audit ADD COLUMN key_created_by BLOB;
ALTER TABLE changes ADD COLUMN key_id BLOB;

-- Addresses and domains that two records would share once they are stored by the rule for
-- addresses. They stay as they are until one of the records is changed.
CREATE TABLE IF NOT EXISTS address_collisions (
  org_id    BLOB NOT NULL REFERENCES organisations (id),
  entity    TEXT NOT NULL,
  entity_id BLOB NOT NULL,
  member    TEXT NOT NULL,
  other_id  BLOB NOT NULL,
  found_at  INTEGER NOT NULL,
  PRIMARY KEY (org_id, entity, entity_id, member)
) STRICT;
INSERT INTO derived_data (name, version)
SELECT 'text', CASE WHEN EXISTS (SELECT 1 FROM organisations) THEN 0 ELSE 1 END WHERE true
ON CONFLICT (name) DO NOTHING;
