-- +goose Up
-- A person's id in another system, by which imports find them.
ALTER TABLE users ADD COLUMN external_id TEXT;
CREATE UNIQUE INDEX IF NOT EXISTS users_external_id_key ON users (org_id, external_id) WHERE deleted_at IS NULL AND external_id IS NOT NULL;

-- Of the deals of a sum, how many were closed before they were created, and the days of these: an
-- average of the days leaves them out. The trigger is that of migration 14 with both.
ALTER TABLE deal_sums ADD COLUMN early INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deal_sums ADD COLUMN early_days INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER IF EXISTS deal_sums_keep;
-- +goose StatementBegin
CREATE TRIGGER deal_sums_keep INSTEAD OF INSERT ON deal_sum_changes BEGIN
  INSERT INTO deal_sums (org_id, period, begins, owner_id, currency, status, stage_id, deals, value_high, value_low, weighted_high, weighted_low, days, early, early_days)
  SELECT new.org_id, p.period, p.begins, coalesce(new.owner_id, x'00000000000000000000000000000000'), new.currency, new.status, new.stage_id,
    new.sign, new.sign * (d.value / 1000000), new.sign * (d.value % 1000000), new.sign * (d.weighted / 1000000), new.sign * (d.weighted % 1000000), new.sign * d.days,
    new.sign * d.early, new.sign * d.early * d.days
  FROM (
    SELECT coalesce(new.value, 0) AS value, coalesce((new.value * new.probability + 50) / 100, 0) AS weighted,
      coalesce((new.closed_at + 62135596800000000) / 86400000000 - (new.created_at + 62135596800000000) / 86400000000, 0) AS days,
      coalesce(new.closed_at < new.created_at, 0) AS early
  ) d CROSS JOIN (
    SELECT 'open' AS period, 0 AS begins WHERE new.closed_at IS NULL
    UNION ALL SELECT 'month', unixepoch((new.closed_at + 62135596800000000) / 1000000 - 62135596800, 'unixepoch', 'start of month') / 86400 WHERE new.closed_at IS NOT NULL
    UNION ALL SELECT 'day', (new.closed_at + 62135596800000000) / 86400000000 - 719162 WHERE new.closed_at IS NOT NULL
  ) p WHERE true
  ON CONFLICT DO UPDATE SET deals = deals + excluded.deals, value_high = value_high + excluded.value_high, value_low = value_low + excluded.value_low,
    weighted_high = weighted_high + excluded.weighted_high, weighted_low = weighted_low + excluded.weighted_low, days = days + excluded.days,
    early = early + excluded.early, early_days = early_days + excluded.early_days;
  DELETE FROM deal_sums WHERE new.sign < 0 AND org_id = new.org_id AND period IN ('open', 'month', 'day') AND begins IN (
    0, unixepoch((new.closed_at + 62135596800000000) / 1000000 - 62135596800, 'unixepoch', 'start of month') / 86400,
    (new.closed_at + 62135596800000000) / 86400000000 - 719162
  ) AND owner_id = coalesce(new.owner_id, x'00000000000000000000000000000000') AND currency = new.currency AND status = new.status AND stage_id = new.stage_id
  AND deals = 0;
END;
-- +goose StatementEnd

-- The sums of what there is are computed anew, by the program. A new database has nothing.
UPDATE derived_data SET version = 2 WHERE name = 'sums' AND version = 1 AND NOT EXISTS (SELECT 1 FROM organisations);
