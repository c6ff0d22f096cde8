-- +goose Up
-- search without a foreign key: its rows are entered with the companies, contacts and
-- deals that they are of, whose own foreign keys lead to the organisation. The index
-- over the terms finds the table by its name, and the rows by pos.
CREATE TABLE search_entries (
  pos    INTEGER PRIMARY KEY,
  org_id BLOB NOT NULL,
  kind   TEXT NOT NULL CHECK (kind IN ('company', 'contact', 'deal')),
  id     BLOB NOT NULL,
  terms  TEXT NOT NULL,
  UNIQUE (org_id, kind, id)
) STRICT;
INSERT INTO search_entries (pos, org_id, kind, id, terms) SELECT pos, org_id, kind, id, terms FROM search ORDER BY pos;
DROP TABLE search;
ALTER TABLE search_entries RENAME TO search;
-- +goose StatementBegin
CREATE TRIGGER search_entered AFTER INSERT ON search BEGIN
  INSERT INTO search_index (rowid, terms) VALUES (new.pos, new.terms);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER search_dropped AFTER DELETE ON search BEGIN
  INSERT INTO search_index (search_index, rowid, terms) VALUES ('delete', old.pos, old.terms);
END;
-- +goose StatementEnd
