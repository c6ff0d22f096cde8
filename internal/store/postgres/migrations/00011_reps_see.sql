-- +goose Up
-- What reps see of what people own.
ALTER TABLE organisations ADD COLUMN IF NOT EXISTS reps_see text NOT NULL DEFAULT 'everything';

-- With tasks_assigned, the tasks that are one person's.
CREATE INDEX IF NOT EXISTS tasks_made ON tasks (org_id, created_by, updated_at, id) WHERE deleted_at IS NULL;
