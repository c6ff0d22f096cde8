-- +goose Up
-- What search finds things by: a row for each company, contact and deal that is not
-- deleted, with its terms parted by blanks. pos ascends with the time of the entry.
CREATE SEQUENCE search_pos;
CREATE TABLE search (
  org_id uuid NOT NULL REFERENCES organisations (id),
  kind   text NOT NULL CHECK (kind IN ('company', 'contact', 'deal')),
  id     uuid NOT NULL,
  pos    bigint DEFAULT nextval('search_pos'),
  terms  text COLLATE "C" NOT NULL,
  PRIMARY KEY (org_id, kind, id)
);
ALTER SEQUENCE search_pos OWNED BY search.pos;

-- The terms as they are: no parser and no dictionary has a say. The cost keeps the
-- planner from making vectors for a whole table where the index has them.
-- +goose StatementBegin
CREATE FUNCTION search_vector(terms text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
BEGIN
  RETURN array_to_tsvector(string_to_array(terms, ' '));
END
$$;
-- +goose StatementEnd
CREATE INDEX search_terms ON search USING gin (search_vector(terms));
