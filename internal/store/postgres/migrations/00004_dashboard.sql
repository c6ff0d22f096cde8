-- +goose Up
-- What a dashboard of some days reads: the deals closed within them, and the open
-- ones (closed_at IS NULL), without touching the table.
CREATE INDEX deals_dashboard ON deals (org_id, closed_at) INCLUDE (currency, status, stage_id, owner_id, value, probability, created_at)
WHERE deleted_at IS NULL;
