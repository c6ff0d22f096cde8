-- +goose Up
-- The descending orders are read from the ascending ones' indexes, in two stretches.
-- The columns that they had of their own are computed when they are read, which nobody
-- does: they take no room, and SQLite cannot drop a column that may be gone.
DROP INDEX IF EXISTS deals_value_desc;
DROP INDEX IF EXISTS deals_close_desc;
DROP INDEX IF EXISTS tasks_due_desc;
