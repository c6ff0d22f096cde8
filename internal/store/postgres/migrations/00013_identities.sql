-- +goose Up
-- Who people are to the identity providers that sign them in: a person has one subject
-- of an issuer, and it is nobody else's.
CREATE TABLE IF NOT EXISTS identities (
  org_id     uuid NOT NULL,
  user_id    uuid NOT NULL,
  issuer     text NOT NULL,
  subject    text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (org_id, user_id, issuer),
  UNIQUE (issuer, subject),
  FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id)
);
SELECT keep_apart('identities');
