-- +goose Up
-- Who people are to the identity providers that sign them in: a person has one subject
-- of an issuer, and it is nobody else's.
CREATE TABLE IF NOT EXISTS identities (
  org_id     BLOB NOT NULL,
  user_id    BLOB NOT NULL,
  issuer     TEXT NOT NULL,
  subject    TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (org_id, user_id, issuer),
  UNIQUE (issuer, subject),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
) STRICT;
