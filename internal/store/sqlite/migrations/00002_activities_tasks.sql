-- +goose Up
-- What a team does: calls, meetings, e-mails, proposals, sales. quantity counts
-- things sold or sent; amount is hundredths of the organisation's default currency.
CREATE TABLE activities (
  org_id      BLOB NOT NULL REFERENCES organisations (id),
  id          BLOB NOT NULL,
  type        TEXT NOT NULL CHECK (type IN ('outbound', 'meeting', 'proposal', 'sale', 'call', 'email', 'note')),
  status      TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled', 'no_show')),
  priority    TEXT CHECK (priority IN ('low', 'medium', 'high')),
  description TEXT,
  amount      INTEGER,
  quantity    INTEGER,
  date        INTEGER NOT NULL,
  contact_id  BLOB,
  company_id  BLOB,
  deal_id     BLOB,
  owner_id    BLOB,
  external_id TEXT,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  deleted_at  INTEGER,
  version     INTEGER NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id),
  FOREIGN KEY (org_id, owner_id) REFERENCES users (org_id, id)
) STRICT;
CREATE UNIQUE INDEX activities_external_id_key ON activities (org_id, external_id) WHERE deleted_at IS NULL AND external_id IS NOT NULL;
CREATE INDEX activities_updated ON activities (org_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_created ON activities (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_date ON activities (org_id, date, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_owner ON activities (org_id, owner_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_type ON activities (org_id, type, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_status ON activities (org_id, status, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_contact ON activities (org_id, contact_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_company ON activities (org_id, company_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_deal ON activities (org_id, deal_id, updated_at, id) WHERE deleted_at IS NULL;

-- Overdue is no status that is kept: it is what an open task is once due_date has
-- passed. due_asc and due_desc put tasks without a due date last in either direction.
-- due_or_never is what overdue is judged by: a column of its own, because no index
-- begins with it, by which a planner could enter instead of by the status.
CREATE TABLE tasks (
  org_id       BLOB NOT NULL REFERENCES organisations (id),
  id           BLOB NOT NULL,
  title        TEXT NOT NULL,
  name_key     TEXT NOT NULL,
  description  TEXT,
  notes        TEXT,
  due_date     INTEGER,
  completed    INTEGER NOT NULL,
  completed_at INTEGER,
  priority     TEXT NOT NULL CHECK (priority IN ('low', 'medium', 'high', 'urgent')),
  status       TEXT NOT NULL CHECK (status IN ('pending', 'in_progress', 'completed', 'cancelled')),
  task_type    TEXT NOT NULL CHECK (task_type IN ('call', 'email', 'meeting', 'follow_up', 'proposal', 'demo', 'general')),
  assigned_to  BLOB,
  created_by   BLOB,
  deal_id      BLOB,
  company_id   BLOB,
  contact_id   BLOB,
  external_id  TEXT,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  deleted_at   INTEGER,
  version      INTEGER NOT NULL,
  due_asc  INTEGER GENERATED ALWAYS AS (coalesce(due_date, 253402300800000000)) VIRTUAL,
  due_desc INTEGER GENERATED ALWAYS AS (coalesce(due_date, -62135596801000000)) VIRTUAL,
  due_or_never INTEGER GENERATED ALWAYS AS (coalesce(due_date, 253402300800000000)) VIRTUAL,
  PRIMARY KEY (org_id, id),
  CHECK (completed = (status = 'completed')),
  CHECK (completed = (completed_at IS NOT NULL)),
  FOREIGN KEY (org_id, assigned_to) REFERENCES users (org_id, id),
  FOREIGN KEY (org_id, created_by) REFERENCES users (org_id, id),
  FOREIGN KEY (org_id, deal_id) REFERENCES deals (org_id, id),
  FOREIGN KEY (org_id, company_id) REFERENCES companies (org_id, id),
  FOREIGN KEY (org_id, contact_id) REFERENCES contacts (org_id, id)
) STRICT;
CREATE UNIQUE INDEX tasks_external_id_key ON tasks (org_id, external_id) WHERE deleted_at IS NULL AND external_id IS NOT NULL;
CREATE INDEX tasks_updated ON tasks (org_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_created ON tasks (org_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_title ON tasks (org_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_due_asc ON tasks (org_id, due_asc, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_due_desc ON tasks (org_id, due_desc, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_assigned ON tasks (org_id, assigned_to, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_status ON tasks (org_id, status, updated_at, id, due_or_never) WHERE deleted_at IS NULL;
CREATE INDEX tasks_open ON tasks (org_id, updated_at, id, due_or_never) WHERE deleted_at IS NULL AND status NOT IN ('completed', 'cancelled');
CREATE INDEX tasks_contact ON tasks (org_id, contact_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_company ON tasks (org_id, company_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX tasks_deal ON tasks (org_id, deal_id, updated_at, id) WHERE deleted_at IS NULL;
