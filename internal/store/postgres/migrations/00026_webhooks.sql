-- +goose Up
-- Where an organisation's changes are sent, with the position in its change log up to which they
-- were, and what was sent. Deliveries do not refer to the log, which is pruned.
CREATE TABLE IF NOT EXISTS webhooks (
  org_id          uuid NOT NULL REFERENCES organisations (id),
  id              uuid NOT NULL,
  url             text NOT NULL,
  events          text NOT NULL, -- separated by commas
  description     text,
  include         boolean NOT NULL,
  state           text COLLATE "C" NOT NULL CHECK (state IN ('enabled', 'paused', 'disabled')),
  state_reason    text,
  secret          text NOT NULL,
  previous_secret text,
  previous_until  timestamptz,
  epoch           text COLLATE "C" NOT NULL,
  seq             bigint NOT NULL,
  failures        integer NOT NULL,
  failing_since   timestamptz,
  retry_at        timestamptz,
  last_error      text,
  delivered_at    timestamptz,
  slow            boolean NOT NULL,
  created_by      uuid,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  version         bigint NOT NULL,
  PRIMARY KEY (org_id, id)
);
SELECT keep_apart('webhooks');
CREATE INDEX IF NOT EXISTS webhooks_created_at ON webhooks (org_id, created_at, id);

CREATE TABLE IF NOT EXISTS webhook_deliveries (
  org_id      uuid NOT NULL,
  id          uuid NOT NULL,
  webhook_id  uuid NOT NULL,
  event_id    text COLLATE "C" NOT NULL,
  type        text COLLATE "C" NOT NULL,
  attempt     integer NOT NULL,
  redelivery  boolean NOT NULL,
  at          timestamptz NOT NULL,
  state       text COLLATE "C" NOT NULL CHECK (state IN ('succeeded', 'failed')),
  request     text NOT NULL,
  status      integer,
  answer      text,
  duration_ms integer NOT NULL,
  error       text,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, webhook_id) REFERENCES webhooks (org_id, id)
);
SELECT keep_apart('webhook_deliveries');
CREATE INDEX IF NOT EXISTS webhook_deliveries_at ON webhook_deliveries (org_id, at, id);
CREATE INDEX IF NOT EXISTS webhook_deliveries_webhook ON webhook_deliveries (org_id, webhook_id, at, id);
CREATE INDEX IF NOT EXISTS webhook_deliveries_state ON webhook_deliveries (org_id, webhook_id, state, at, id);
