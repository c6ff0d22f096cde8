-- +goose Up
-- A person's id in another system, by which imports find them.
ALTER TABLE users ADD COLUMN IF NOT EXISTS external_id text;
CREATE UNIQUE INDEX IF NOT EXISTS users_external_id_key ON users (org_id, external_id) WHERE deleted_at IS NULL AND external_id IS NOT NULL;

-- Of the deals of a sum, how many were closed before they were created, and the days of these: an
-- average of the days leaves them out. The function is that of migration 14 with both.
ALTER TABLE deal_sums ADD COLUMN IF NOT EXISTS early bigint NOT NULL DEFAULT 0;
ALTER TABLE deal_sums ADD COLUMN IF NOT EXISTS early_days bigint NOT NULL DEFAULT 0;
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION add_deal_sum_changes() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  kept deal_sums;
BEGIN
  FOR kept IN
    WITH changes AS (
      DELETE FROM deal_sum_changes WHERE tx = pg_current_xact_id() RETURNING *
    ), counted AS (
      SELECT sign, org_id, coalesce(owner_id, '00000000-0000-0000-0000-000000000000') AS owner_id, currency, status, stage_id,
        coalesce(value, 0) AS value, coalesce((value * probability + 50) / 100, 0) AS weighted,
        (created_at AT TIME ZONE 'UTC')::date AS created, (closed_at AT TIME ZONE 'UTC')::date AS closed,
        CASE WHEN closed_at < created_at THEN 1 ELSE 0 END AS early
      FROM changes
    ), summed AS (
      INSERT INTO deal_sums AS s (org_id, period, begins, owner_id, currency, status, stage_id, deals, value_high, value_low, weighted_high, weighted_low, days, early, early_days)
      SELECT org_id, p.period, p.begins, owner_id, currency, status, stage_id, sum(sign),
        sum(sign * (value / 1000000)), sum(sign * (value % 1000000)), sum(sign * (weighted / 1000000)), sum(sign * (weighted % 1000000)),
        sum(sign * coalesce(closed - created, 0)), sum(sign * early), sum(sign * early * coalesce(closed - created, 0))
      FROM counted CROSS JOIN LATERAL (VALUES
        ('open' COLLATE "C", DATE '1970-01-01', closed IS NULL),
        ('month', date_trunc('month', closed::timestamp)::date, closed IS NOT NULL),
        ('day', closed, closed IS NOT NULL)
      ) p (period, begins, counts)
      WHERE p.counts
      GROUP BY org_id, p.period, p.begins, owner_id, currency, status, stage_id
      HAVING sum(sign) <> 0 OR sum(sign * value) <> 0 OR sum(sign * weighted) <> 0 OR sum(sign * coalesce(closed - created, 0)) <> 0
        OR sum(sign * early) <> 0 OR sum(sign * early * coalesce(closed - created, 0)) <> 0
      ORDER BY org_id, p.period, p.begins, owner_id, currency, status, stage_id
      ON CONFLICT (org_id, period, begins, owner_id, currency, status, stage_id) DO UPDATE SET deals = s.deals + excluded.deals,
        value_high = s.value_high + excluded.value_high, value_low = s.value_low + excluded.value_low,
        weighted_high = s.weighted_high + excluded.weighted_high, weighted_low = s.weighted_low + excluded.weighted_low, days = s.days + excluded.days,
        early = s.early + excluded.early, early_days = s.early_days + excluded.early_days
      RETURNING s.*
    )
    SELECT * FROM summed WHERE deals = 0
  LOOP
    DELETE FROM deal_sums s WHERE (s.org_id, s.period, s.begins, s.owner_id, s.currency, s.status, s.stage_id) =
      (kept.org_id, kept.period, kept.begins, kept.owner_id, kept.currency, kept.status, kept.stage_id);
  END LOOP;
  RETURN NULL;
END
$$;
-- +goose StatementEnd

-- The sums of what there is are computed anew, by the program. A new database has nothing.
UPDATE derived_data SET version = 2 WHERE name = 'sums' AND version = 1 AND NOT EXISTS (SELECT 1 FROM organisations);
