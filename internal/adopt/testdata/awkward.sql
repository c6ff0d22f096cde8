-- Ids end in a letter for the table and a number, so that reports can be read.
INSERT INTO profiles (id, first_name, last_name, full_name, email, stage, avatar_url, is_admin, created_at) VALUES
  ('00000000-0000-4000-8000-0000000000a1', 'Ada', 'Lovelace', NULL, ' Ada@Example.COM ', 'CEO', 'https://example.com/a.png', true, '2023-01-01 10:00:00+02'),
  ('00000000-0000-4000-8000-0000000000a2', NULL, NULL, 'Jean-Luc de la Tour', 'jl@example.com', NULL, 'javascript:alert(1)', NULL, '2023-01-02'),
  ('00000000-0000-4000-8000-0000000000a3', 'Twin', NULL, NULL, 'ADA@example.com', NULL, NULL, false, '2023-01-03'),
  ('00000000-0000-4000-8000-0000000000a4', ' ', '', NULL, NULL, NULL, NULL, false, '2023-01-04');
INSERT INTO deal_stages (id, name, color, order_position, default_probability, created_at) VALUES
  ('00000000-0000-4000-8000-0000000000e1', 'SQL', '#10B981', 1, 25, '2023-01-01'),
  ('00000000-0000-4000-8000-0000000000e2', 'Opportunity', 'green', 2, 0.5, '2023-01-01'),
  ('00000000-0000-4000-8000-0000000000e3', ' SIGNED ', NULL, 3, NULL, '2023-01-01'),
  ('00000000-0000-4000-8000-0000000000e4', 'Lost', NULL, NULL, 0, '2023-01-01'),
  ('00000000-0000-4000-8000-0000000000e5', NULL, NULL, 9, 0, '2023-01-01');
INSERT INTO companies (id, name, domain, size, website, description, owner_id, created_at, updated_at) VALUES
  ('00000000-0000-4000-8000-0000000000c1', 'Acme', 'ACME.com', 'Enterprise ', 'acme.com', NULL, '00000000-0000-4000-8000-0000000000a1', '2023-02-01 09:30:00', '2023-02-02 00:00:00.123456'),
  ('00000000-0000-4000-8000-0000000000c2', 'Acme again', 'acme.com ', 'huge', NULL, repeat('x', 10001), '00000000-0000-4000-8000-0000000000a4', '2023-02-01', NULL),
  ('00000000-0000-4000-8000-0000000000c3', repeat('n', 300), 'http://not a host/', 'SMALL', 'ftp://example.com', repeat('é', 100), NULL, 'infinity', NULL),
  ('00000000-0000-4000-8000-0000000000c4', '  ', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO contacts (id, first_name, last_name, email, phone, is_primary, company_id, owner_id, created_at) VALUES
  ('00000000-0000-4000-8000-0000000000b1', 'Grace', 'Hopper', 'grace@acme.com', '+1 555', 'yes', '00000000-0000-4000-8000-0000000000c1', '00000000-0000-4000-8000-0000000000a1', '2023-03-01'),
  ('00000000-0000-4000-8000-0000000000b2', E'Zoe\u0308\u200B', NULL, E'\u200EGRACE@acme.com\u200B', NULL, 'TRUE', '00000000-0000-4000-8000-0000000000c1', NULL, '2023-03-01'),
  ('00000000-0000-4000-8000-0000000000b3', NULL, NULL, 'only@mail.org', repeat('5', 60), '1', '00000000-0000-4000-8000-0000000000cf', '00000000-0000-4000-8000-0000000000af', '2023-03-01'),
  ('00000000-0000-4000-8000-0000000000b4', NULL, ' ', 'not an address', NULL, 'maybe', NULL, NULL, '2023-03-01'),
  ('00000000-0000-4000-8000-0000000000b5', 'Mail', 'Less', 'nobody at example', NULL, 't', NULL, NULL, '2023-03-01');
INSERT INTO deals (id, name, company, company_id, primary_contact_id, value, one_off_revenue, monthly_mrr, annual_value, stage_id, owner_id, expected_close_date, first_billing_date, probability, status, priority, closed_at, stage_changed_at, created_at, updated_at) VALUES
  ('00000000-0000-4000-8000-0000000000d1', 'Big', 'Acme', '00000000-0000-4000-8000-0000000000c1', '00000000-0000-4000-8000-0000000000b1', '1,250.00', 10.5, 0.1, 15000.0000, '00000000-0000-4000-8000-0000000000e1', '00000000-0000-4000-8000-0000000000a1', '2023-12-24 23:30:00+00', '2024-01-01', '25%', 'Active', 'HIGH', NULL, '2023-04-02', '2023-04-01', '2023-04-03'),
  ('00000000-0000-4000-8000-0000000000D2', 'Signed but active', NULL, NULL, NULL, '£99.995', NULL, NULL, 12.3456, '00000000-0000-4000-8000-0000000000e3', NULL, NULL, NULL, '0.9', 'Active', NULL, NULL, '2023-04-05', '2023-04-01', '2023-04-06'),
  ('00000000-0000-4000-8000-0000000000d3', 'Lost in the open', NULL, NULL, NULL, '-5', NULL, NULL, NULL, '00000000-0000-4000-8000-0000000000e2', NULL, NULL, NULL, NULL, 'lost', 'urgent', '2023-05-01', NULL, '2023-04-01', NULL),
  ('00000000-0000-4000-8000-0000000000d4', 'Nowhere', NULL, '00000000-0000-4000-8000-0000000000cf', NULL, 'a lot', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '250', 'on hold', NULL, '2023-05-01', NULL, '2023-04-01', NULL),
  ('00000000-0000-4000-8000-0000000000d5', 'Gone stage', NULL, NULL, NULL, '1e3', NULL, NULL, NULL, '00000000-0000-4000-8000-0000000000ef', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2023-04-01', NULL),
  ('deal-6', 'No id', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  ('00000000-0000-4000-8000-0000000000d7', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO deals (id, name, value, currency, created_at) VALUES
  ('00000000-0000-4000-8000-0000000000d8', 'In euros', '€ 12.50', NULL, '2023-04-01'),
  ('00000000-0000-4000-8000-0000000000d9', 'In two currencies', '€12.50', 'usd', '2023-04-01'),
  ('00000000-0000-4000-8000-0000000000da', 'In some dollars', '$12.50', NULL, '2023-04-01'),
  ('00000000-0000-4000-8000-0000000000db', 'In pounds', '12.50', '£', '2023-04-01');
INSERT INTO deal_contacts (deal_id, contact_id, role) VALUES
  ('00000000-0000-4000-8000-0000000000d1', '00000000-0000-4000-8000-0000000000b1', 'Decision-Maker'),
  ('00000000-0000-4000-8000-0000000000d1', '00000000-0000-4000-8000-0000000000b2', 'friend'),
  ('00000000-0000-4000-8000-0000000000d1', '00000000-0000-4000-8000-0000000000b2', 'champion'),
  ('00000000-0000-4000-8000-0000000000d3', '00000000-0000-4000-8000-0000000000b2', NULL),
  ('00000000-0000-4000-8000-0000000000d3', '00000000-0000-4000-8000-0000000000b4', 'blocker'),
  ('deal-6', NULL, 'blocker');
INSERT INTO activities (id, type, status, priority, amount, quantity, date, contact_id, company_id, deal_id, owner_id, created_at) VALUES
  ('00000000-0000-4000-8000-0000000000f1', 'Meeting', 'No Show', 'low', '1.005', 2, '2023-06-01 12:00:00+00', '00000000-0000-4000-8000-0000000000b1', '00000000-0000-4000-8000-0000000000c1', '00000000-0000-4000-8000-0000000000d1', '00000000-0000-4000-8000-0000000000a1', '2023-06-01'),
  ('00000000-0000-4000-8000-0000000000f2', 'demo', NULL, NULL, NULL, 1.5, NULL, NULL, NULL, 'deal-6', '00000000-0000-4000-8000-0000000000af', '2023-06-02'),
  ('00000000-0000-4000-8000-0000000000f3', 'call', NULL, NULL, '€12', NULL, NULL, NULL, NULL, NULL, NULL, '2023-06-02');
INSERT INTO tasks (id, title, due_date, completed, completed_at, priority, status, task_type, assigned_to, deal_id, created_at, updated_at) VALUES
  ('00000000-0000-4000-8000-000000000091', 'Call', '2023-07-01', 'false', NULL, 'Urgent', 'In Progress', 'Follow-up', '00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000d1', '2023-06-01', '2023-06-02'),
  ('00000000-0000-4000-8000-000000000092', 'Done after all', 'soon', 't', NULL, NULL, 'pending', NULL, NULL, NULL, '2023-06-01', '2023-06-03'),
  ('00000000-0000-4000-8000-000000000093', 'Undone', NULL, NULL, '2023-06-05', 'low', 'cancelled', 'dance', NULL, NULL, '2023-06-01', '2023-06-03'),
  ('00000000-0000-4000-8000-000000000094', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2023-06-01', '2023-06-03');
