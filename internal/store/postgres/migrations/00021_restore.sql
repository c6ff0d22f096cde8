-- +goose Up
-- From when on an open task is overdue: the end of its due day, or just after its due instant. A
-- due_date of midnight UTC is a day. The new indexes serve what those on due_or_never served, which
-- releases before this one still compare.
ALTER TABLE tasks ADD COLUMN IF NOT EXISTS overdue_from timestamptz GENERATED ALWAYS AS (CASE
  WHEN due_date IS NULL THEN '10000-01-02 00:00:00+00'
  WHEN (due_date AT TIME ZONE 'UTC')::time = '00:00:00' THEN (due_date AT TIME ZONE 'UTC' + interval '1 day') AT TIME ZONE 'UTC'
  ELSE (due_date AT TIME ZONE 'UTC' + interval '1 microsecond') AT TIME ZONE 'UTC'
END) STORED;
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
  org_id    uuid NOT NULL REFERENCES organisations (id),
  kind      text NOT NULL, -- of the deleted record
  record_id uuid NOT NULL,
  holder    text NOT NULL, -- the kind of the record that referred to it; deal_contact for a deal's further contact
  holder_id uuid NOT NULL,
  detail    text,          -- a deal contact's role; primary for the primary contact of a company
  PRIMARY KEY (org_id, kind, record_id, holder, holder_id)
);
SELECT keep_apart('cleared_references');
