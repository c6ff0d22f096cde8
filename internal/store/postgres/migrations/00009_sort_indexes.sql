-- +goose Up
-- The descending orders are read from the ascending ones' indexes, in two stretches.
-- With the columns that they had of their own go the indexes.
ALTER TABLE deals DROP COLUMN IF EXISTS value_desc, DROP COLUMN IF EXISTS close_desc;
ALTER TABLE tasks DROP COLUMN IF EXISTS due_desc;
