-- +goose Up
-- The same tables as PostgreSQL's migration of this number. Ids are 16 bytes,
-- instants microseconds and dates days since 1970-01-01 (UTC), booleans 0 or 1.

CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- log_seq is the position of the organisation's last change in the change log.
CREATE TABLE organisations (
  id               BLOB PRIMARY KEY,
  name             TEXT NOT NULL,
  name_key         TEXT NOT NULL UNIQUE,
  default_currency TEXT NOT NULL,
  log_seq          INTEGER NOT NULL DEFAULT 0,
  created_at       INTEGER NOT NULL
) STRICT;

-- service: a program's user, not a person.
CREATE TABLE users (
  org_id         BLOB NOT NULL REFERENCES organisations (id),
  id             BLOB NOT NULL,
  first_name     TEXT,
  last_name      TEXT,
  full_name      TEXT NOT NULL,
  name_key       TEXT NOT NULL,
  email          TEXT,
  stage          TEXT,
  avatar_url     TEXT,
  role           TEXT NOT NULL CHECK (role IN ('viewer', 'rep', 'manager', 'admin')),
  service        INTEGER NOT NULL,
  deactivated_at INTEGER,
  created_at     INTEGER NOT NULL,
  updated_at     INTEGER NOT NULL,
  deleted_at     INTEGER,
  version        INTEGER NOT NULL,
  PRIMARY KEY (org_id, id)
) STRICT;
CREATE UNIQUE INDEX users_email_key ON users (org_id, email) WHERE deleted_at IS NULL AND email IS NOT NULL;
CREATE INDEX users_updated ON users (org_id, updated_at, id) WHERE deleted_at IS NULL AND NOT service;
CREATE INDEX users_created ON users (org_id, created_at, id) WHERE deleted_at IS NULL AND NOT service;
CREATE INDEX users_name ON users (org_id, name_key, id) WHERE deleted_at IS NULL AND NOT service;

-- hash: SHA-256 of the key; prefix: its first characters, for recognition.
CREATE TABLE api_keys (
  org_id     BLOB NOT NULL,
  id         BLOB NOT NULL,
  user_id    BLOB NOT NULL,
  name       TEXT NOT NULL,
  role       TEXT NOT NULL CHECK (role IN ('viewer', 'rep', 'manager', 'admin')),
  prefix     TEXT NOT NULL,
  hash       BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
) STRICT;

CREATE TABLE companies (
  org_id       BLOB NOT NULL REFERENCES organisations (id),
  id           BLOB NOT NULL,
  name         TEXT NOT NULL,
  name_key     TEXT NOT NULL,
  domain       TEXT,
  industry     TEXT,
  size         TEXT CHECK (size IN ('startup', 'small', 'medium', 'large', 'enterprise')),
  website      TEXT,
  address      TEXT,
  phone        TEXT,
  description  TEXT,
  linkedin_url TEXT,
  owner_id     BLOB,
  external_id  TEXT,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  deleted_at   INTEGER,
  version      INTEGER NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, owner_id) REFERENCES users (org_id, id)
) STRICT;
CREATE UNIQUE INDEX companies_domain_key ON companies (org_id, domain) WHERE deleted_at IS NULL AND domain IS NOT NULL;
CREATE UNIQUE INDEX companies_external_id_key ON companies (org_id, external_id) WHERE deleted_at IS NULL AND external_id IS NOT NULL;
CREATE INDEX companies_updated ON companies (org_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_created ON companies (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_name ON companies (org_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_owner ON companies (org_id, owner_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_industry ON companies (org_id, industry, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_size ON companies (org_id, size, updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE contacts (
  org_id       BLOB NOT NULL REFERENCES organisations (id),
  id           BLOB NOT NULL,
  first_name   TEXT,
  last_name    TEXT,
  full_name    TEXT NOT NULL,
  name_key     TEXT NOT NULL,
  email        TEXT,
  phone        TEXT,
  title        TEXT,
  linkedin_url TEXT,
  is_primary   INTEGER NOT NULL,
  company_id   BLOB,
  owner_id     BLOB,
  external_id  TEXT,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  deleted_at   INTEGER,
  version      INTEGER NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id),
  FOREIGN KEY (org_id, owner_id) REFERENCES users (org_id, id)
) STRICT;
CREATE UNIQUE INDEX contacts_email_key ON contacts (org_id, email) WHERE deleted_at IS NULL AND email IS NOT NULL;
CREATE UNIQUE INDEX contacts_external_id_key ON contacts (org_id, external_id) WHERE deleted_at IS NULL AND external_id IS NOT NULL;
CREATE UNIQUE INDEX contacts_primary_key ON contacts (org_id, company_id) WHERE deleted_at IS NULL AND is_primary;
CREATE INDEX contacts_updated ON contacts (org_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_created ON contacts (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_name ON contacts (org_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_owner ON contacts (org_id, owner_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_company ON contacts (org_id, company_id, updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE deal_stages (
  org_id              BLOB NOT NULL REFERENCES organisations (id),
  id                  BLOB NOT NULL,
  name                TEXT NOT NULL,
  name_key            TEXT NOT NULL,
  description         TEXT,
  color               TEXT,
  order_position      INTEGER NOT NULL,
  default_probability INTEGER NOT NULL CHECK (default_probability BETWEEN 0 AND 100),
  outcome             TEXT NOT NULL CHECK (outcome IN ('open', 'won', 'lost')),
  created_at          INTEGER NOT NULL,
  updated_at          INTEGER NOT NULL,
  deleted_at          INTEGER,
  version             INTEGER NOT NULL,
  PRIMARY KEY (org_id, id)
) STRICT;
CREATE INDEX deal_stages_order ON deal_stages (org_id, order_position, id) WHERE deleted_at IS NULL;
CREATE INDEX deal_stages_updated ON deal_stages (org_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deal_stages_created ON deal_stages (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deal_stages_name ON deal_stages (org_id, name_key, id) WHERE deleted_at IS NULL;

-- Amounts are hundredths of the currency. What may be null and is sorted by has a
-- key that puts the null last in either direction. value and expected_close_date
-- end the default order's index so that a range over them is judged there.
CREATE TABLE deals (
  org_id                  BLOB NOT NULL,
  id                      BLOB NOT NULL,
  name                    TEXT NOT NULL,
  name_key                TEXT NOT NULL,
  company                 TEXT,
  company_id              BLOB,
  primary_contact_id      BLOB,
  contact_name            TEXT,
  contact_email           TEXT,
  contact_phone           TEXT,
  contact_identifier      TEXT,
  contact_identifier_type TEXT CHECK (contact_identifier_type IN ('email', 'phone', 'linkedin', 'unknown')),
  value                   INTEGER,
  currency                TEXT NOT NULL,
  one_off_revenue         INTEGER,
  monthly_mrr             INTEGER,
  description             TEXT,
  stage_id                BLOB NOT NULL,
  stage_changed_at        INTEGER NOT NULL,
  probability             INTEGER NOT NULL CHECK (probability BETWEEN 0 AND 100),
  status                  TEXT NOT NULL CHECK (status IN ('active', 'won', 'lost')),
  priority                TEXT CHECK (priority IN ('low', 'medium', 'high')),
  annual_value            INTEGER,
  deal_size               TEXT,
  lead_source_type        TEXT,
  lead_source_channel     TEXT,
  next_steps              TEXT,
  expected_close_date     INTEGER,
  first_billing_date      INTEGER,
  closed_at               INTEGER,
  owner_id                BLOB,
  external_id             TEXT,
  created_at              INTEGER NOT NULL,
  updated_at              INTEGER NOT NULL,
  deleted_at              INTEGER,
  version                 INTEGER NOT NULL,
  value_asc  INTEGER GENERATED ALWAYS AS (coalesce(value, 9223372036854775807)) VIRTUAL,
  value_desc INTEGER GENERATED ALWAYS AS (coalesce(value, -9223372036854775807)) VIRTUAL,
  close_asc  INTEGER GENERATED ALWAYS AS (coalesce(expected_close_date, 2147483647)) VIRTUAL,
  close_desc INTEGER GENERATED ALWAYS AS (coalesce(expected_close_date, -2147483647)) VIRTUAL,
  PRIMARY KEY (org_id, id),
  CHECK ((status = 'active') = (closed_at IS NULL)),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id),
  FOREIGN KEY (org_id, primary_contact_id) REFERENCES contacts (org_id, id),
  FOREIGN KEY (org_id, stage_id) REFERENCES deal_stages (org_id, id),
  FOREIGN KEY (org_id, owner_id) REFERENCES users (org_id, id)
) STRICT;
CREATE UNIQUE INDEX deals_external_id_key ON deals (org_id, external_id) WHERE deleted_at IS NULL AND external_id IS NOT NULL;
CREATE INDEX deals_updated ON deals (org_id, updated_at, id, value, expected_close_date) WHERE deleted_at IS NULL;
CREATE INDEX deals_created ON deals (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_name ON deals (org_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_value_asc ON deals (org_id, value_asc, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_value_desc ON deals (org_id, value_desc, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_close_asc ON deals (org_id, close_asc, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_close_desc ON deals (org_id, close_desc, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_owner ON deals (org_id, owner_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_stage ON deals (org_id, stage_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_company ON deals (org_id, company_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_status ON deals (org_id, status, updated_at, id) WHERE deleted_at IS NULL;

-- Whom a deal concerns: its primary contact, and further contacts with a role. The
-- deal's updated_at stands here too, so that the deals of a contact are listed in
-- order from an index.
CREATE TABLE deal_contacts (
  org_id          BLOB NOT NULL,
  deal_id         BLOB NOT NULL,
  contact_id      BLOB NOT NULL,
  role            TEXT CHECK (role IN ('decision_maker', 'influencer', 'stakeholder', 'champion', 'blocker')),
  is_primary      INTEGER NOT NULL,
  deal_updated_at INTEGER NOT NULL,
  PRIMARY KEY (org_id, deal_id, contact_id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id),
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id)
) STRICT;
CREATE INDEX deal_contacts_contact ON deal_contacts (org_id, contact_id, deal_updated_at, deal_id);

CREATE TABLE deal_stage_moves (
  org_id     BLOB NOT NULL,
  deal_id    BLOB NOT NULL,
  id         BLOB NOT NULL,
  stage_id   BLOB NOT NULL,
  entered_at INTEGER NOT NULL,
  exited_at  INTEGER,
  user_id    BLOB,
  PRIMARY KEY (org_id, deal_id, id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id),
  FOREIGN KEY (org_id, stage_id) REFERENCES deal_stages (org_id, id)
) STRICT;

-- The change log: what changed, in the order of the commits, without gaps. refs
-- names the owners, companies, contacts and stages concerned, before and after.
CREATE TABLE changes (
  org_id    BLOB NOT NULL REFERENCES organisations (id),
  seq       INTEGER NOT NULL,
  entity    TEXT NOT NULL,
  entity_id BLOB,
  op        TEXT NOT NULL CHECK (op IN ('created', 'updated', 'deleted', 'bulk')),
  actor_id  BLOB,
  at        INTEGER NOT NULL,
  refs      TEXT NOT NULL,
  PRIMARY KEY (org_id, seq)
) STRICT;
