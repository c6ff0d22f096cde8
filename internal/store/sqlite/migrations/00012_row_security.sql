-- +goose Up
-- On PostgreSQL the server keeps organisations apart by this number. SQLite has no roles:
-- whoever can open the file reads all of it.
SELECT 1;
