-- +goose Up
-- The indexes of filters in the default order of their lists, that of activities being by date.
-- Those of activities in the order of updated_at are left to programs of before.
CREATE INDEX IF NOT EXISTS deals_priority ON deals (org_id, priority, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS deals_closed ON deals (org_id, updated_at, id, closed_at) WHERE deleted_at IS NULL AND closed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS deals_no_contact ON deals (org_id, updated_at, id) WHERE deleted_at IS NULL AND primary_contact_id IS NULL;
CREATE INDEX IF NOT EXISTS tasks_priority ON tasks (org_id, priority, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS tasks_due ON tasks (org_id, updated_at, id, due_date) WHERE deleted_at IS NULL AND due_date IS NOT NULL;
CREATE INDEX IF NOT EXISTS activities_owner_date ON activities (org_id, owner_id, date, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS activities_type_date ON activities (org_id, type, date, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS activities_status_date ON activities (org_id, status, date, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS activities_contact_date ON activities (org_id, contact_id, date, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS activities_company_date ON activities (org_id, company_id, date, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS activities_deal_date ON activities (org_id, deal_id, date, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS audit_no_key ON audit (org_id, at, id) WHERE key_id IS NULL;
