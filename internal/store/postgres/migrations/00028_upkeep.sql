-- +goose Up
-- What refers to a record that is removed for good, whether deleted itself or not: the foreign keys'
-- own checks look for it too, and cannot use the lists' indexes, which leave out what is deleted.
CREATE INDEX IF NOT EXISTS contacts_referring_company ON contacts (org_id, company_id) WHERE company_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS deals_referring_company ON deals (org_id, company_id) WHERE company_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS deals_referring_contact ON deals (org_id, primary_contact_id) WHERE primary_contact_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS activities_referring_contact ON activities (org_id, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS activities_referring_company ON activities (org_id, company_id) WHERE company_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS activities_referring_deal ON activities (org_id, deal_id) WHERE deal_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_referring_contact ON tasks (org_id, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_referring_company ON tasks (org_id, company_id) WHERE company_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_referring_deal ON tasks (org_id, deal_id) WHERE deal_id IS NOT NULL;

-- Migration 19 left these to programs of before it.
DROP INDEX IF EXISTS activities_owner;
DROP INDEX IF EXISTS activities_type;
DROP INDEX IF EXISTS activities_status;
DROP INDEX IF EXISTS activities_contact;
DROP INDEX IF EXISTS activities_company;
DROP INDEX IF EXISTS activities_deal;

-- When the sums of an organisation were checked, at which end of its change log, and from when on they
-- are to be checked again if it has grown since.
CREATE TABLE IF NOT EXISTS sum_checks (
  org_id uuid PRIMARY KEY REFERENCES organisations (id),
  seq    bigint NOT NULL,
  at     timestamptz NOT NULL,
  due_at timestamptz NOT NULL
);
SELECT keep_apart('sum_checks');

-- What an instance found when it analysed its performance: a JSON object.
CREATE TABLE IF NOT EXISTS performance_analyses (
  id       uuid PRIMARY KEY,
  at       timestamptz NOT NULL,
  instance text NOT NULL,
  analysis text NOT NULL
);
CREATE INDEX IF NOT EXISTS performance_analyses_at ON performance_analyses (at, id);
GRANT SELECT, INSERT, DELETE ON performance_analyses TO sixty_service;
