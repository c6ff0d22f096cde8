-- +goose Up
-- It is created by itself, since the migration before locks tables of sign-in until it ends.
CREATE INDEX IF NOT EXISTS audit_key ON audit (org_id, key_id, at, id) WHERE key_id IS NOT NULL;
