-- +goose Up
-- What the deals that are not deleted add up to, kept as they change, so that a dashboard
-- need not look at them: of the open ones, and of those closed in a month and on a day
-- (UTC), by all that a dashboard tells apart. begins is the first day of the period, 0 for
-- what is open; owner_id is zero for nobody. Amounts are in two parts, high × 1,000,000 +
-- low, so that no number of deals is too much for them. weighted is rounded for each deal;
-- days are from the day of created_at to that of closed_at.
CREATE TABLE IF NOT EXISTS deal_sums (
  org_id        BLOB NOT NULL,
  period        TEXT NOT NULL CHECK (period IN ('open', 'month', 'day')),
  begins        INTEGER NOT NULL,
  owner_id      BLOB NOT NULL,
  currency      TEXT NOT NULL,
  status        TEXT NOT NULL,
  stage_id      BLOB NOT NULL,
  deals         INTEGER NOT NULL,
  value_high    INTEGER NOT NULL,
  value_low     INTEGER NOT NULL,
  weighted_high INTEGER NOT NULL,
  weighted_low  INTEGER NOT NULL,
  days          INTEGER NOT NULL,
  PRIMARY KEY (org_id, period, begins, owner_id, currency, status, stage_id)
) STRICT, WITHOUT ROWID;

-- What is entered here counts for the sums: a deal as it was (sign -1), or as it is (1).
-- As a table it shows what all the sums are of.
DROP VIEW IF EXISTS deal_sum_changes;
CREATE VIEW deal_sum_changes (sign, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at) AS
SELECT 1, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at FROM deals WHERE deleted_at IS NULL;

-- Instants are microseconds, and quotients are rounded towards zero. Counted from the
-- year 1 they are never negative; 1970 is 719,162 days later.
-- +goose StatementBegin
CREATE TRIGGER deal_sums_keep INSTEAD OF INSERT ON deal_sum_changes BEGIN
  INSERT INTO deal_sums (org_id, period, begins, owner_id, currency, status, stage_id, deals, value_high, value_low, weighted_high, weighted_low, days)
  SELECT new.org_id, p.period, p.begins, coalesce(new.owner_id, x'00000000000000000000000000000000'), new.currency, new.status, new.stage_id,
    new.sign, new.sign * (d.value / 1000000), new.sign * (d.value % 1000000), new.sign * (d.weighted / 1000000), new.sign * (d.weighted % 1000000), new.sign * d.days
  FROM (
    SELECT coalesce(new.value, 0) AS value, coalesce((new.value * new.probability + 50) / 100, 0) AS weighted,
      coalesce((new.closed_at + 62135596800000000) / 86400000000 - (new.created_at + 62135596800000000) / 86400000000, 0) AS days
  ) d CROSS JOIN (
    SELECT 'open' AS period, 0 AS begins WHERE new.closed_at IS NULL
    UNION ALL SELECT 'month', unixepoch((new.closed_at + 62135596800000000) / 1000000 - 62135596800, 'unixepoch', 'start of month') / 86400 WHERE new.closed_at IS NOT NULL
    UNION ALL SELECT 'day', (new.closed_at + 62135596800000000) / 86400000000 - 719162 WHERE new.closed_at IS NOT NULL
  ) p WHERE true
  ON CONFLICT DO UPDATE SET deals = deals + excluded.deals, value_high = value_high + excluded.value_high, value_low = value_low + excluded.value_low,
    weighted_high = weighted_high + excluded.weighted_high, weighted_low = weighted_low + excluded.weighted_low, days = days + excluded.days;
  DELETE FROM deal_sums WHERE new.sign < 0 AND org_id = new.org_id AND period IN ('open', 'month', 'day') AND begins IN (
    0, unixepoch((new.closed_at + 62135596800000000) / 1000000 - 62135596800, 'unixepoch', 'start of month') / 86400,
    (new.closed_at + 62135596800000000) / 86400000000 - 719162
  ) AND owner_id = coalesce(new.owner_id, x'00000000000000000000000000000000') AND currency = new.currency AND status = new.status AND stage_id = new.stage_id
  AND deals = 0;
END;
-- +goose StatementEnd

DROP TRIGGER IF EXISTS deals_entered;
DROP TRIGGER IF EXISTS deals_changed;
DROP TRIGGER IF EXISTS deals_dropped;
-- +goose StatementBegin
CREATE TRIGGER deals_entered AFTER INSERT ON deals WHEN new.deleted_at IS NULL BEGIN
  INSERT INTO deal_sum_changes VALUES (1, new.org_id, new.owner_id, new.currency, new.status, new.stage_id, new.value, new.probability, new.created_at, new.closed_at);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER deals_changed AFTER UPDATE ON deals
WHEN (old.org_id, old.owner_id, old.currency, old.status, old.stage_id, old.value, old.probability, old.created_at, old.closed_at, old.deleted_at IS NULL)
  IS NOT (new.org_id, new.owner_id, new.currency, new.status, new.stage_id, new.value, new.probability, new.created_at, new.closed_at, new.deleted_at IS NULL)
BEGIN
  INSERT INTO deal_sum_changes
  SELECT -1, old.org_id, old.owner_id, old.currency, old.status, old.stage_id, old.value, old.probability, old.created_at, old.closed_at WHERE old.deleted_at IS NULL;
  INSERT INTO deal_sum_changes
  SELECT 1, new.org_id, new.owner_id, new.currency, new.status, new.stage_id, new.value, new.probability, new.created_at, new.closed_at WHERE new.deleted_at IS NULL;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER deals_dropped AFTER DELETE ON deals WHEN old.deleted_at IS NULL BEGIN
  INSERT INTO deal_sum_changes VALUES (-1, old.org_id, old.owner_id, old.currency, old.status, old.stage_id, old.value, old.probability, old.created_at, old.closed_at);
END;
-- +goose StatementEnd

-- The same of the activities, by the month and the day that they took place.
CREATE TABLE IF NOT EXISTS activity_sums (
  org_id      BLOB NOT NULL,
  period      TEXT NOT NULL CHECK (period IN ('month', 'day')),
  begins      INTEGER NOT NULL,
  owner_id    BLOB NOT NULL,
  type        TEXT NOT NULL,
  activities  INTEGER NOT NULL,
  amount_high INTEGER NOT NULL,
  amount_low  INTEGER NOT NULL,
  PRIMARY KEY (org_id, period, begins, owner_id, type)
) STRICT, WITHOUT ROWID;

DROP VIEW IF EXISTS activity_sum_changes;
CREATE VIEW activity_sum_changes (sign, org_id, owner_id, type, amount, date) AS
SELECT 1, org_id, owner_id, type, amount, date FROM activities WHERE deleted_at IS NULL;

-- +goose StatementBegin
CREATE TRIGGER activity_sums_keep INSTEAD OF INSERT ON activity_sum_changes BEGIN
  INSERT INTO activity_sums (org_id, period, begins, owner_id, type, activities, amount_high, amount_low)
  SELECT new.org_id, p.period, p.begins, coalesce(new.owner_id, x'00000000000000000000000000000000'), new.type,
    new.sign, new.sign * (coalesce(new.amount, 0) / 1000000), new.sign * (coalesce(new.amount, 0) % 1000000)
  FROM (
    SELECT 'month' AS period, unixepoch((new.date + 62135596800000000) / 1000000 - 62135596800, 'unixepoch', 'start of month') / 86400 AS begins
    UNION ALL SELECT 'day', (new.date + 62135596800000000) / 86400000000 - 719162
  ) p WHERE true
  ON CONFLICT DO UPDATE SET activities = activities + excluded.activities,
    amount_high = amount_high + excluded.amount_high, amount_low = amount_low + excluded.amount_low;
  DELETE FROM activity_sums WHERE new.sign < 0 AND org_id = new.org_id AND period IN ('month', 'day') AND begins IN (
    unixepoch((new.date + 62135596800000000) / 1000000 - 62135596800, 'unixepoch', 'start of month') / 86400,
    (new.date + 62135596800000000) / 86400000000 - 719162
  ) AND owner_id = coalesce(new.owner_id, x'00000000000000000000000000000000') AND type = new.type AND activities = 0;
END;
-- +goose StatementEnd

DROP TRIGGER IF EXISTS activities_entered;
DROP TRIGGER IF EXISTS activities_changed;
DROP TRIGGER IF EXISTS activities_dropped;
-- +goose StatementBegin
CREATE TRIGGER activities_entered AFTER INSERT ON activities WHEN new.deleted_at IS NULL BEGIN
  INSERT INTO activity_sum_changes VALUES (1, new.org_id, new.owner_id, new.type, new.amount, new.date);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER activities_changed AFTER UPDATE ON activities
WHEN (old.org_id, old.owner_id, old.type, old.amount, old.date, old.deleted_at IS NULL) IS NOT (new.org_id, new.owner_id, new.type, new.amount, new.date, new.deleted_at IS NULL)
BEGIN
  INSERT INTO activity_sum_changes SELECT -1, old.org_id, old.owner_id, old.type, old.amount, old.date WHERE old.deleted_at IS NULL;
  INSERT INTO activity_sum_changes SELECT 1, new.org_id, new.owner_id, new.type, new.amount, new.date WHERE new.deleted_at IS NULL;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER activities_dropped AFTER DELETE ON activities WHEN old.deleted_at IS NULL BEGIN
  INSERT INTO activity_sum_changes VALUES (-1, old.org_id, old.owner_id, old.type, old.amount, old.date);
END;
-- +goose StatementEnd

-- What is there counts as if it had just come.
DELETE FROM deal_sums;
INSERT INTO deal_sum_changes (sign, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at)
SELECT sign, org_id, owner_id, currency, status, stage_id, value, probability, created_at, closed_at FROM deal_sum_changes;
DELETE FROM activity_sums;
INSERT INTO activity_sum_changes (sign, org_id, owner_id, type, amount, date)
SELECT sign, org_id, owner_id, type, amount, date FROM activity_sum_changes;

-- Nothing else has read this index.
DROP INDEX IF EXISTS deals_dashboard;
