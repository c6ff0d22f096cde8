-- +goose Up
-- A person's id in another system, by which imports find them.
ALTER TABLE users ADD COLUMN IF NOT EXISTS external_id text;
CREATE UNIQUE INDEX IF NOT EXISTS users_external_id_key ON users (org_id, external_id) WHERE deleted_at IS NULL AND external_id IS NOT NULL;
