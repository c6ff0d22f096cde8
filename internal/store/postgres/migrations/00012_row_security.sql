-- +goose Up
-- Whatever a statement's conditions say, it meets the rows of one organisation: of the
-- one that the transaction has set (sixty.org), none if it has set none. That is for the
-- role sixty_tenant; sixty_service meets everybody's rows. The roles are the server's and
-- made before any migration.

CREATE OR REPLACE FUNCTION current_organisation() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('sixty.org', true), '')::uuid;

-- keep_apart is for every table whose rows belong to organisations, when it is made. The
-- organisation is asked for once in a statement, not for each row. It leads every index,
-- and it is an uuid: the comparison is leakproof, as are those of texts, numbers and
-- times, so that an index serves them behind the policy too.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION keep_apart(rows_of regclass, organisation name DEFAULT 'org_id') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', rows_of);
  EXECUTE format('DROP POLICY IF EXISTS tenant ON %s', rows_of);
  EXECUTE format('DROP POLICY IF EXISTS service ON %s', rows_of);
  EXECUTE format('CREATE POLICY tenant ON %s TO sixty_tenant USING (%I = (SELECT current_organisation()))', rows_of, organisation);
  EXECUTE format('CREATE POLICY service ON %s TO sixty_service USING (true)', rows_of);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO sixty_tenant, sixty_service', rows_of);
END
$$;
-- +goose StatementEnd

SELECT keep_apart('organisations', 'id');
-- +goose StatementBegin
DO $$
BEGIN
  PERFORM keep_apart(c.oid) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attname = 'org_id' AND NOT a.attisdropped;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO sixty_tenant, sixty_service', current_schema());
END
$$;
-- +goose StatementEnd
GRANT USAGE ON SEQUENCE search_pos TO sixty_tenant, sixty_service;

-- Settings are the database's.
GRANT SELECT, INSERT, UPDATE, DELETE ON settings TO sixty_service;

-- What a tenant searches. The words are found by an index whose operator is not leakproof
-- and which PostgreSQL would therefore not ask behind a policy: it would make the vector of
-- each of the organisation's rows. So this is read as the view's owner, and has the
-- organisation for a condition of its own, which is written so that no index is entered by
-- it: an organisation's rows are many, those with the words few.
CREATE OR REPLACE VIEW own_search AS
SELECT org_id, kind, id, pos, terms FROM search WHERE org_id IS NOT DISTINCT FROM (SELECT current_organisation());
GRANT SELECT ON own_search TO sixty_tenant;
