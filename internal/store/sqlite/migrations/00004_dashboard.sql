-- +goose Up
-- The deals as a dashboard sums them up: in the order of its groups, so that nothing
-- is sorted, and with all that it reads (deleted_at too: without it SQLite looks the
-- row up). The expression is the dialect's MonthOf, character for character.
CREATE INDEX deals_dashboard ON deals (
  org_id, unixepoch((closed_at + 62135596800000000) / 1000000 - 62135596800, 'unixepoch', 'start of month') / 86400,
  currency, status, stage_id, owner_id, closed_at, value, probability, created_at, deleted_at
) WHERE deleted_at IS NULL;
