-- +goose Up
-- Rows of search are entered with the companies, contacts and deals that they are of,
-- whose own foreign keys lead to the organisation; to check it once more costs a load
-- of many rows as much as all that search has to enter.
ALTER TABLE search DROP CONSTRAINT IF EXISTS search_org_id_fkey;

-- What has been entered last waits in a list that every search reads from end to end,
-- until there is so much of it (KB); the default is sixteen times as much.
ALTER INDEX search_terms SET (gin_pending_list_limit = 256);
