-- +goose Up
-- Deals are found by what they show of their company and contacts too. The deals that still are
-- to be indexed anew, because too many for one transaction show what has changed.
CREATE TABLE search_pending (
  org_id BLOB NOT NULL,
  id     BLOB NOT NULL,
  PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

-- What was indexed until now is to be indexed anew, by the program. A new database has nothing.
UPDATE derived_data SET version = 2 WHERE name = 'search' AND version = 1 AND NOT EXISTS (SELECT 1 FROM organisations);

-- What a search reads of the entries that it finds, without their terms.
CREATE INDEX search_ids ON search (pos, org_id, kind, id);
