-- +goose Up
-- What search finds things by: a row for each company, contact and deal that is not
-- deleted, with its terms parted by blanks. pos ascends with the time of the entry.
CREATE TABLE search (
  pos    INTEGER PRIMARY KEY,
  org_id BLOB NOT NULL REFERENCES organisations (id),
  kind   TEXT NOT NULL CHECK (kind IN ('company', 'contact', 'deal')),
  id     BLOB NOT NULL,
  terms  TEXT NOT NULL,
  UNIQUE (org_id, kind, id)
) STRICT;

-- The index over the terms keeps no text of its own (content), no places within it
-- (detail) and no sizes: it tells rows alone. Its tokenizer parts terms at blanks; they
-- are folded already.
CREATE VIRTUAL TABLE search_index USING fts5 (
  terms, content = 'search', content_rowid = 'pos', detail = none, columnsize = 0, tokenize = 'ascii'
);
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
