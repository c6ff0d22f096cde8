-- +goose Up
-- The same tables as SQLite's migration of this number. Everything belongs to an
-- organisation: org_id leads every key. Lists are walked on (sort key, id), so each
-- of their orders has an index, over what is not deleted; sort keys are never null.

CREATE TABLE settings (
  name  text PRIMARY KEY,
  value text NOT NULL
);

-- log_seq is the position of the organisation's last change in the change log.
CREATE TABLE organisations (
  id               uuid PRIMARY KEY,
  name             text NOT NULL,
  name_key         text COLLATE "C" NOT NULL UNIQUE,
  default_currency text NOT NULL,
  log_seq          bigint NOT NULL DEFAULT 0,
  created_at       timestamptz NOT NULL
);

-- service: a program's user, not a person.
CREATE TABLE users (
  org_id         uuid NOT NULL REFERENCES organisations (id),
  id             uuid NOT NULL,
  first_name     text,
  last_name      text,
  full_name      text NOT NULL,
  name_key       text COLLATE "C" NOT NULL,
  email          text,
  stage          text,
  avatar_url     text,
  role           text NOT NULL CHECK (role IN ('viewer', 'rep', 'manager', 'admin')),
  service        boolean NOT NULL,
  deactivated_at timestamptz,
  created_at     timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL,
  deleted_at     timestamptz,
  version        bigint NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX users_email_key ON users (org_id, email) WHERE deleted_at IS NULL AND email IS NOT NULL;
CREATE INDEX users_updated ON users (org_id, updated_at, id) WHERE deleted_at IS NULL AND NOT service;
CREATE INDEX users_created ON users (org_id, created_at, id) WHERE deleted_at IS NULL AND NOT service;
CREATE INDEX users_name ON users (org_id, name_key, id) WHERE deleted_at IS NULL AND NOT service;

-- hash: SHA-256 of the key; prefix: its first characters, for recognition.
CREATE TABLE api_keys (
  org_id     uuid NOT NULL,
  id         uuid NOT NULL,
  user_id    uuid NOT NULL,
  name       text NOT NULL,
  role       text NOT NULL CHECK (role IN ('viewer', 'rep', 'manager', 'admin')),
  prefix     text NOT NULL,
  hash       bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);

CREATE TABLE companies (
  org_id       uuid NOT NULL REFERENCES organisations (id),
  id           uuid NOT NULL,
  name         text NOT NULL,
  name_key     text COLLATE "C" NOT NULL,
  domain       text,
  industry     text,
  size         text CHECK (size IN ('startup', 'small', 'medium', 'large', 'enterprise')),
  website      text,
  address      text,
  phone        text,
  description  text,
  linkedin_url text,
  owner_id     uuid,
  external_id  text,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  deleted_at   timestamptz,
  version      bigint NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, owner_id) REFERENCES users (org_id, id)
);
CREATE UNIQUE INDEX companies_domain_key ON companies (org_id, domain) WHERE deleted_at IS NULL AND domain IS NOT NULL;
CREATE UNIQUE INDEX companies_external_id_key ON companies (org_id, external_id) WHERE deleted_at IS NULL AND external_id IS NOT NULL;
CREATE INDEX companies_updated ON companies (org_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_created ON companies (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_name ON companies (org_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_owner ON companies (org_id, owner_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_industry ON companies (org_id, industry, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX companies_size ON companies (org_id, size, updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE contacts (
  org_id       uuid NOT NULL REFERENCES organisations (id),
  id           uuid NOT NULL,
  first_name   text,
  last_name    text,
  full_name    text NOT NULL,
  name_key     text COLLATE "C" NOT NULL,
  email        text,
  phone        text,
  title        text,
  linkedin_url text,
  is_primary   boolean NOT NULL,
  company_id   uuid,
  owner_id     uuid,
  external_id  text,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  deleted_at   timestamptz,
  version      bigint NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id),
  FOREIGN KEY (org_id, owner_id) REFERENCES users (org_id, id)
);
CREATE UNIQUE INDEX contacts_email_key ON contacts (org_id, email) WHERE deleted_at IS NULL AND email IS NOT NULL;
CREATE UNIQUE INDEX contacts_external_id_key ON contacts (org_id, external_id) WHERE deleted_at IS NULL AND external_id IS NOT NULL;
CREATE UNIQUE INDEX contacts_primary_key ON contacts (org_id, company_id) WHERE deleted_at IS NULL AND is_primary;
CREATE INDEX contacts_updated ON contacts (org_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_created ON contacts (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_name ON contacts (org_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_owner ON contacts (org_id, owner_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX contacts_company ON contacts (org_id, company_id, updated_at, id) WHERE deleted_at IS NULL;

CREATE TABLE deal_stages (
  org_id              uuid NOT NULL REFERENCES organisations (id),
  id                  uuid NOT NULL,
  name                text NOT NULL,
  name_key            text COLLATE "C" NOT NULL,
  description         text,
  color               text,
  order_position      integer NOT NULL,
  default_probability integer NOT NULL CHECK (default_probability BETWEEN 0 AND 100),
  outcome             text NOT NULL CHECK (outcome IN ('open', 'won', 'lost')),
  created_at          timestamptz NOT NULL,
  updated_at          timestamptz NOT NULL,
  deleted_at          timestamptz,
  version             bigint NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX deal_stages_order ON deal_stages (org_id, order_position, id) WHERE deleted_at IS NULL;
CREATE INDEX deal_stages_updated ON deal_stages (org_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deal_stages_created ON deal_stages (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deal_stages_name ON deal_stages (org_id, name_key, id) WHERE deleted_at IS NULL;

-- Amounts are hundredths of the currency. What may be null and is sorted by has a
-- key that puts the null last in either direction. value and expected_close_date
-- end the default order's index so that a range over them is judged there.
CREATE TABLE deals (
  org_id                  uuid NOT NULL,
  id                      uuid NOT NULL,
  name                    text NOT NULL,
  name_key                text COLLATE "C" NOT NULL,
  company                 text,
  company_id              uuid,
  primary_contact_id      uuid,
  contact_name            text,
  contact_email           text,
  contact_phone           text,
  contact_identifier      text,
  contact_identifier_type text CHECK (contact_identifier_type IN ('email', 'phone', 'linkedin', 'unknown')),
  value                   bigint,
  currency                text NOT NULL,
  one_off_revenue         bigint,
  monthly_mrr             bigint,
  description             text,
  stage_id                uuid NOT NULL,
  stage_changed_at        timestamptz NOT NULL,
  probability             integer NOT NULL CHECK (probability BETWEEN 0 AND 100),
  status                  text NOT NULL CHECK (status IN ('active', 'won', 'lost')),
  priority                text CHECK (priority IN ('low', 'medium', 'high')),
  annual_value            bigint,
  deal_size               text,
  lead_source_type        text,
  lead_source_channel     text,
  next_steps              text,
  expected_close_date     date,
  first_billing_date      date,
  closed_at               timestamptz,
  owner_id                uuid,
  external_id             text,
  created_at              timestamptz NOT NULL,
  updated_at              timestamptz NOT NULL,
  deleted_at              timestamptz,
  version                 bigint NOT NULL,
  value_asc  bigint GENERATED ALWAYS AS (coalesce(value, 9223372036854775807)) STORED,
  value_desc bigint GENERATED ALWAYS AS (coalesce(value, -9223372036854775807)) STORED,
  close_asc  integer GENERATED ALWAYS AS (coalesce(expected_close_date - DATE '1970-01-01', 2147483647)) STORED,
  close_desc integer GENERATED ALWAYS AS (coalesce(expected_close_date - DATE '1970-01-01', -2147483647)) STORED,
  PRIMARY KEY (org_id, id),
  CHECK ((status = 'active') = (closed_at IS NULL)),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id),
  FOREIGN KEY (org_id, primary_contact_id) REFERENCES contacts (org_id, id),
  FOREIGN KEY (org_id, stage_id) REFERENCES deal_stages (org_id, id),
  FOREIGN KEY (org_id, owner_id) REFERENCES users (org_id, id)
);
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
  org_id          uuid NOT NULL,
  deal_id         uuid NOT NULL,
  contact_id      uuid NOT NULL,
  role            text CHECK (role IN ('decision_maker', 'influencer', 'stakeholder', 'champion', 'blocker')),
  is_primary      boolean NOT NULL,
  deal_updated_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, deal_id, contact_id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id),
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id)
);
CREATE INDEX deal_contacts_contact ON deal_contacts (org_id, contact_id, deal_updated_at, deal_id);

CREATE TABLE deal_stage_moves (
  org_id     uuid NOT NULL,
  deal_id    uuid NOT NULL,
  id         uuid NOT NULL,
  stage_id   uuid NOT NULL,
  entered_at timestamptz NOT NULL,
  exited_at  timestamptz,
  user_id    uuid,
  PRIMARY KEY (org_id, deal_id, id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id),
  FOREIGN KEY (org_id, stage_id) REFERENCES deal_stages (org_id, id)
);

-- The change log: what changed, in the order of the commits, without gaps. refs
-- names the owners, companies, contacts and stages concerned, before and after.
CREATE TABLE changes (
  org_id    uuid NOT NULL REFERENCES organisations (id),
  seq       bigint NOT NULL,
  entity    text NOT NULL,
  entity_id uuid,
  op        text NOT NULL CHECK (op IN ('created', 'updated', 'deleted', 'bulk')),
  actor_id  uuid,
  at        timestamptz NOT NULL,
  refs      jsonb NOT NULL,
  PRIMARY KEY (org_id, seq)
);
