-- +goose Up
-- From when on an open task is overdue: the end of its due day, or just after its due instant. A
-- due_date of midnight UTC is a day. The new indexes serve what those on due_or_never served, which
-- releases before this one still compare.
ALTER TABLE tasks ADD COLUMN overdue_from INTEGER GENERATED ALWAYS AS (CASE
  WHEN due_date IS NULL THEN 253402387200000000
  WHEN due_date % 86400000000 = 0 THEN due_date + 86400000000
  ELSE due_date + 1
END) VIRTUAL;
DROP INDEX IF EXISTS tasks_status;
DROP INDEX IF EXISTS tasks_open;
CREATE INDEX IF NOT EXISTS tasks_status_overdue ON tasks (org_id, status, updated_at, id, overdue_from) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS tasks_open_overdue ON tasks (org_id, updated_at, id, overdue_from) WHERE deleted_at IS NULL AND status NOT IN ('completed', 'cancelled');

-- What was deleted and can be restored, by the time of its deletion.
CREATE INDEX IF NOT EXISTS companies_deleted ON companies (org_id, deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS contacts_deleted ON contacts (org_id, deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS deals_deleted ON deals (org_id, deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS activities_deleted ON activities (org_id, deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS tasks_deleted ON tasks (org_id, deleted_at, id) WHERE deleted_at IS NOT NULL;

-- The references to a deleted record that its deletion cleared: restoring it sets them again.
-- Whatever removes the record for good removes these too.
CREATE TABLE IF NOT EXISTS cleared_references (
  org_id    BLOB NOT NULL REFERENCES organisations (id),
  kind      TEXT NOT NULL, -- of the deleted record
  record_id BLOB NOT NULL,
  holder    TEXT NOT NULL, -- the kind of the record that referred to it; deal_contact for a deal's further contact
  holder_id BLOB NOT NULL,
  detail    TEXT,          -- a deal contact's role; primary for the primary contact of a company
  PRIMARY KEY (org_id, kind, record_id, holder, holder_id)
) STRICT;
