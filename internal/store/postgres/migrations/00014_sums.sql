-- +goose Up
-- What the deals that are not deleted add up to, kept as they change, so that a dashboard
-- need not look at them: of the open ones, and of those closed in a month and on a day
-- (UTC), by all that a dashboard tells apart. begins is the first day of the period,
-- 1970-01-01 for what is open; owner_id is zero for nobody. Amounts are in two parts,
-- high × 1,000,000 + low, so that no number of deals is too much for them. weighted is
-- rounded for each deal; days are from the day of created_at to that of closed_at. Pages
-- have room for rows that change, which then need no new entry in the index.
CREATE TABLE IF NOT EXISTS deal_sums (
  org_id        uuid NOT NULL,
  period        text COLLATE "C" NOT NULL CHECK (period IN ('open', 'month', 'day')),
  begins        date NOT NULL,
  owner_id      uuid NOT NULL,
  currency      text COLLATE "C" NOT NULL,
  status        text COLLATE "C" NOT NULL,
  stage_id      uuid NOT NULL,
  deals         bigint NOT NULL,
  value_high    bigint NOT NULL,
  value_low     bigint NOT NULL,
  weighted_high bigint NOT NULL,
  weighted_low  bigint NOT NULL,
  days          bigint NOT NULL,
  PRIMARY KEY (org_id, period, begins, owner_id, currency, status, stage_id)
) WITH (fillfactor = 70);
SELECT keep_apart('deal_sums');

-- What a transaction has done to deals, as they were (sign -1) and as they are (1), until it
-- commits; nobody else sees it. Only then is it added to the sums, which others want to
-- change too: whoever changes one keeps it to themselves until they have committed, and
-- were they to lock anything else meanwhile, two could wait for each other. What comes last
-- before a commit is locked by nobody who waits: here the rows of a transaction are added in
-- the order of their keys, after the organisation's counter was taken (see the change log).
CREATE UNLOGGED TABLE IF NOT EXISTS deal_sum_changes (
  tx          xid8 NOT NULL DEFAULT pg_current_xact_id(),
  first       boolean NOT NULL, -- of those of its statement
  sign        bigint NOT NULL,
  org_id      uuid NOT NULL,
  owner_id    uuid,
  currency    text COLLATE "C" NOT NULL,
  status      text COLLATE "C" NOT NULL,
  stage_id    uuid NOT NULL,
  value       bigint,
  probability integer NOT NULL,
  created_at  timestamptz NOT NULL,
  closed_at   timestamptz
);
CREATE INDEX IF NOT EXISTS deal_sum_changes_tx ON deal_sum_changes (tx);
SELECT keep_apart('deal_sum_changes');

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION enter_deal_sum_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO deal_sum_changes (first, sign, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at)
    SELECT row_number() OVER () = 1, 1, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at
    FROM became WHERE deleted_at IS NULL;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO deal_sum_changes (first, sign, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at)
    SELECT row_number() OVER () = 1, -1, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at
    FROM was WHERE deleted_at IS NULL;
  ELSE
    -- Most updates change nothing that counts: what was and is cancels out.
    INSERT INTO deal_sum_changes (first, sign, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at)
    SELECT row_number() OVER () = 1, sum(sign), org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at
    FROM (
      SELECT 1 AS sign, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at FROM became WHERE deleted_at IS NULL
      UNION ALL
      SELECT -1, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at FROM was WHERE deleted_at IS NULL
    ) c
    GROUP BY org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at HAVING sum(sign) <> 0;
  END IF;
  RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE OR REPLACE TRIGGER deals_entered AFTER INSERT ON deals
REFERENCING NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION enter_deal_sum_changes();
CREATE OR REPLACE TRIGGER deals_changed AFTER UPDATE ON deals
REFERENCING OLD TABLE AS was NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION enter_deal_sum_changes();
CREATE OR REPLACE TRIGGER deals_dropped AFTER DELETE ON deals
REFERENCING OLD TABLE AS was FOR EACH STATEMENT EXECUTE FUNCTION enter_deal_sum_changes();

-- The first of a transaction's statements adds what all have entered. The rows of those that
-- have ended make the table look full, or it is empty when the planner looks: it is to
-- enter by the index.
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
        (created_at AT TIME ZONE 'UTC')::date AS created, (closed_at AT TIME ZONE 'UTC')::date AS closed
      FROM changes
    ), summed AS (
      INSERT INTO deal_sums AS s (org_id, period, begins, owner_id, currency, status, stage_id, deals, value_high, value_low, weighted_high, weighted_low, days)
      SELECT org_id, p.period, p.begins, owner_id, currency, status, stage_id, sum(sign),
        sum(sign * (value / 1000000)), sum(sign * (value % 1000000)), sum(sign * (weighted / 1000000)), sum(sign * (weighted % 1000000)),
        sum(sign * coalesce(closed - created, 0))
      FROM counted CROSS JOIN LATERAL (VALUES
        ('open' COLLATE "C", DATE '1970-01-01', closed IS NULL),
        ('month', date_trunc('month', closed::timestamp)::date, closed IS NOT NULL),
        ('day', closed, closed IS NOT NULL)
      ) p (period, begins, counts)
      WHERE p.counts
      GROUP BY org_id, p.period, p.begins, owner_id, currency, status, stage_id
      HAVING sum(sign) <> 0 OR sum(sign * value) <> 0 OR sum(sign * weighted) <> 0 OR sum(sign * coalesce(closed - created, 0)) <> 0
      ORDER BY org_id, p.period, p.begins, owner_id, currency, status, stage_id
      ON CONFLICT (org_id, period, begins, owner_id, currency, status, stage_id) DO UPDATE SET deals = s.deals + excluded.deals,
        value_high = s.value_high + excluded.value_high, value_low = s.value_low + excluded.value_low,
        weighted_high = s.weighted_high + excluded.weighted_high, weighted_low = s.weighted_low + excluded.weighted_low, days = s.days + excluded.days
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
DROP TRIGGER IF EXISTS deal_sums_keep ON deal_sum_changes;
CREATE CONSTRAINT TRIGGER deal_sums_keep AFTER INSERT ON deal_sum_changes
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.first) EXECUTE FUNCTION add_deal_sum_changes();

-- The same of the activities, by the month and the day (UTC) that they took place.
CREATE TABLE IF NOT EXISTS activity_sums (
  org_id      uuid NOT NULL,
  period      text COLLATE "C" NOT NULL CHECK (period IN ('month', 'day')),
  begins      date NOT NULL,
  owner_id    uuid NOT NULL,
  type        text COLLATE "C" NOT NULL,
  activities  bigint NOT NULL,
  amount_high bigint NOT NULL,
  amount_low  bigint NOT NULL,
  PRIMARY KEY (org_id, period, begins, owner_id, type)
) WITH (fillfactor = 70);
SELECT keep_apart('activity_sums');

CREATE UNLOGGED TABLE IF NOT EXISTS activity_sum_changes (
  tx       xid8 NOT NULL DEFAULT pg_current_xact_id(),
  first    boolean NOT NULL,
  sign     bigint NOT NULL,
  org_id   uuid NOT NULL,
  owner_id uuid,
  type     text COLLATE "C" NOT NULL,
  amount   bigint,
  date     timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS activity_sum_changes_tx ON activity_sum_changes (tx);
SELECT keep_apart('activity_sum_changes');

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION enter_activity_sum_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO activity_sum_changes (first, sign, org_id, owner_id, type, amount, date)
    SELECT row_number() OVER () = 1, 1, org_id, owner_id, type, amount, date FROM became WHERE deleted_at IS NULL;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO activity_sum_changes (first, sign, org_id, owner_id, type, amount, date)
    SELECT row_number() OVER () = 1, -1, org_id, owner_id, type, amount, date FROM was WHERE deleted_at IS NULL;
  ELSE
    INSERT INTO activity_sum_changes (first, sign, org_id, owner_id, type, amount, date)
    SELECT row_number() OVER () = 1, sum(sign), org_id, owner_id, type, amount, date
    FROM (
      SELECT 1 AS sign, org_id, owner_id, type, amount, date FROM became WHERE deleted_at IS NULL
      UNION ALL
      SELECT -1, org_id, owner_id, type, amount, date FROM was WHERE deleted_at IS NULL
    ) c
    GROUP BY org_id, owner_id, type, amount, date HAVING sum(sign) <> 0;
  END IF;
  RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE OR REPLACE TRIGGER activities_entered AFTER INSERT ON activities
REFERENCING NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION enter_activity_sum_changes();
CREATE OR REPLACE TRIGGER activities_changed AFTER UPDATE ON activities
REFERENCING OLD TABLE AS was NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION enter_activity_sum_changes();
CREATE OR REPLACE TRIGGER activities_dropped AFTER DELETE ON activities
REFERENCING OLD TABLE AS was FOR EACH STATEMENT EXECUTE FUNCTION enter_activity_sum_changes();

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION add_activity_sum_changes() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  kept activity_sums;
BEGIN
  FOR kept IN
    WITH changes AS (
      DELETE FROM activity_sum_changes WHERE tx = pg_current_xact_id() RETURNING *
    ), counted AS (
      SELECT sign, org_id, coalesce(owner_id, '00000000-0000-0000-0000-000000000000') AS owner_id, type,
        coalesce(amount, 0) AS amount, (date AT TIME ZONE 'UTC')::date AS day
      FROM changes
    ), summed AS (
      INSERT INTO activity_sums AS s (org_id, period, begins, owner_id, type, activities, amount_high, amount_low)
      SELECT org_id, p.period, p.begins, owner_id, type, sum(sign), sum(sign * (amount / 1000000)), sum(sign * (amount % 1000000))
      FROM counted CROSS JOIN LATERAL (VALUES ('month' COLLATE "C", date_trunc('month', day::timestamp)::date), ('day', day)) p (period, begins)
      GROUP BY org_id, p.period, p.begins, owner_id, type
      HAVING sum(sign) <> 0 OR sum(sign * amount) <> 0
      ORDER BY org_id, p.period, p.begins, owner_id, type
      ON CONFLICT (org_id, period, begins, owner_id, type) DO UPDATE SET activities = s.activities + excluded.activities,
        amount_high = s.amount_high + excluded.amount_high, amount_low = s.amount_low + excluded.amount_low
      RETURNING s.*
    )
    SELECT * FROM summed WHERE activities = 0
  LOOP
    DELETE FROM activity_sums s WHERE (s.org_id, s.period, s.begins, s.owner_id, s.type) =
      (kept.org_id, kept.period, kept.begins, kept.owner_id, kept.type);
  END LOOP;
  RETURN NULL;
END
$$;
-- +goose StatementEnd
DROP TRIGGER IF EXISTS activity_sums_keep ON activity_sum_changes;
CREATE CONSTRAINT TRIGGER activity_sums_keep AFTER INSERT ON activity_sum_changes
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (new.first) EXECUTE FUNCTION add_activity_sum_changes();

-- What is there counts as if it had just come; the triggers have locked the tables. It is
-- for the service, since the tables' owner meets no rows.
SET LOCAL ROLE sixty_service;
DELETE FROM deal_sums;
DELETE FROM activity_sums;
INSERT INTO deal_sum_changes (first, sign, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at)
SELECT row_number() OVER () = 1, 1, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at
FROM deals WHERE deleted_at IS NULL;
INSERT INTO activity_sum_changes (first, sign, org_id, owner_id, type, amount, date)
SELECT row_number() OVER () = 1, 1, org_id, owner_id, type, amount, date FROM activities WHERE deleted_at IS NULL;
SET CONSTRAINTS ALL IMMEDIATE;
RESET ROLE;

-- Nothing else has read this index.
DROP INDEX IF EXISTS deals_dashboard;

-- That a deal's organisation exists follows from its stage, which it must have. The check
-- locks the organisation's row, which every writer changes, and an import made one for each
-- deal.
ALTER TABLE deals DROP CONSTRAINT IF EXISTS deals_org_id_fkey;
