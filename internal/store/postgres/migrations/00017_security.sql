-- +goose Up
-- An organisation's people sign in with one identity provider, and have addresses of its
-- domains, where the operator has said so. key_max_days bounds the lifetime of its API keys.
ALTER TABLE organisations ADD COLUMN IF NOT EXISTS issuer text;
ALTER TABLE organisations ADD COLUMN IF NOT EXISTS key_max_days integer;
CREATE TABLE IF NOT EXISTS email_domains (
  domain     text PRIMARY KEY, -- as addresses have it; no two organisations have the same
  org_id     uuid NOT NULL REFERENCES organisations (id),
  created_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS email_domains_org ON email_domains (org_id, domain);
SELECT keep_apart('email_domains');

-- The people who may see and do what concerns the whole instance.
CREATE TABLE IF NOT EXISTS operators (
  org_id     uuid NOT NULL,
  user_id    uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, user_id),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
SELECT keep_apart('operators');

-- What a key may do, who created it, and the address that used it last.
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS scopes text NOT NULL DEFAULT 'read,write,import,export,admin';
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS created_by uuid;
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS used_address text;

-- When the person of a session last proved who they are; null: at created_at.
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS verified_at timestamptz;
ALTER TABLE tickets ADD COLUMN IF NOT EXISTS created_by uuid;

-- Device cookies from before this instant are revoked.
ALTER TABLE sign_ins ADD COLUMN IF NOT EXISTS devices_since timestamptz;
-- The networks that people have signed in from.
CREATE TABLE IF NOT EXISTS sign_in_networks (
  org_id  uuid NOT NULL,
  user_id uuid NOT NULL,
  network text NOT NULL, -- a prefix, such as 192.0.2.7/32 or 2001:db8::/64
  at      timestamptz NOT NULL,
  PRIMARY KEY (org_id, user_id, network),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
SELECT keep_apart('sign_in_networks');

-- The API key that something was done by, and the person who had created it for the user that
-- it acts for.
ALTER TABLE audit ADD COLUMN IF NOT EXISTS key_id uuid;
ALTER TABLE audit ADD COLUMN IF NOT EXISTS key_created_by uuid;
ALTER TABLE changes ADD COLUMN IF NOT EXISTS key_id uuid;
-- The audit trail is entered and read. What is older than its retention the service removes.
REVOKE UPDATE, DELETE ON audit FROM sixty_tenant;

-- Addresses and domains that two records would share once they are stored by the rule for
-- addresses. They stay as they are until one of the records is changed.
CREATE TABLE IF NOT EXISTS address_collisions (
  org_id    uuid NOT NULL REFERENCES organisations (id),
  entity    text NOT NULL,
  entity_id uuid NOT NULL,
  member    text NOT NULL,
  other_id  uuid NOT NULL,
  found_at  timestamptz NOT NULL,
  PRIMARY KEY (org_id, entity, entity_id, member)
);
SELECT keep_apart('address_collisions');
INSERT INTO derived_data (name, version)
SELECT 'text', CASE WHEN EXISTS (SELECT 1 FROM organisations) THEN 0 ELSE 1 END
ON CONFLICT (name) DO NOTHING;
