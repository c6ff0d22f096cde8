-- +goose Up
-- The epoch of the change log, a random name, and a position in the log of the whole
-- database: it increases with every transaction that enters changes, and an organisation has
-- that of its last one. Programs of the version before this one go on with the setting
-- log_epoch, and the trigger counts their transactions too.
CREATE TABLE IF NOT EXISTS log_epoch (
  only_row INTEGER PRIMARY KEY DEFAULT 1 CHECK (only_row = 1),
  epoch    TEXT NOT NULL,
  position INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO log_epoch (epoch)
SELECT coalesce((SELECT value FROM settings WHERE name = 'log_epoch'), upper(substr(hex(randomblob(8)), 1, 10))) WHERE true
ON CONFLICT DO NOTHING;
ALTER TABLE organisations ADD COLUMN log_position INTEGER NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS organisations_log_position ON organisations (log_position);
-- +goose StatementBegin
CREATE TRIGGER organisations_log_position AFTER UPDATE OF log_seq ON organisations BEGIN
  UPDATE log_epoch SET position = position + 1;
  UPDATE organisations SET log_position = (SELECT position FROM log_epoch) WHERE id = NEW.id;
END;
-- +goose StatementEnd
