-- +goose Up
-- Deals are found by what they show of their company and contacts too. The deals that still are
-- to be indexed anew, because too many for one transaction show what has changed.
CREATE TABLE IF NOT EXISTS search_pending (
  org_id uuid NOT NULL,
  id     uuid NOT NULL,
  PRIMARY KEY (org_id, id)
);
SELECT keep_apart('search_pending');

-- What was indexed until now is to be indexed anew, by the program. A new database has nothing.
UPDATE derived_data SET version = 2 WHERE name = 'search' AND version = 1 AND NOT EXISTS (SELECT 1 FROM organisations);
