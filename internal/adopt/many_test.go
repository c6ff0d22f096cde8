package adopt_test

// many is how many companies, contacts and deals manyRows makes: more than are
// adopted at once.
const many = 1200

// manyRows fills a source with rows that have nothing awkward.
const manyRows = `
CREATE FUNCTION made_id(kind text, n integer) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$ SELECT md5(kind || n)::uuid $$;
INSERT INTO profiles (id, first_name, email, created_at, updated_at)
  SELECT made_id('p', n), 'Person ' || n, 'person' || n || '@example.com', '2024-01-01', '2024-01-02' FROM generate_series(1, 9) n;
INSERT INTO deal_stages (id, name, order_position, default_probability, created_at)
  VALUES (made_id('s', 1), 'Talk', 11, 10, '2024-01-01'), ('00000000-0000-4000-8000-0000000000e2', 'Signed', 12, 100, '2024-01-01') ON CONFLICT DO NOTHING;
INSERT INTO companies (id, name, domain, size, owner_id, created_at, updated_at)
  SELECT made_id('c', n), 'Company ' || n, 'company' || n || '.example', 'Small', made_id('p', 1 + n % 9), '2024-02-01', '2024-02-02' FROM generate_series(1, 1200) n;
INSERT INTO contacts (id, first_name, last_name, email, is_primary, company_id, owner_id, created_at, updated_at)
  SELECT made_id('k', n), 'Contact', n::text, 'contact' || n || '@example.com', (n % 5 = 0)::text, made_id('c', n / 5 + 1), made_id('p', 1 + n % 9), '2024-03-01', '2024-03-02'
  FROM generate_series(1, 1200) n;
INSERT INTO deals (id, name, company_id, primary_contact_id, value, stage_id, owner_id, probability, status, created_at, updated_at)
  SELECT made_id('d', n)::text, 'Deal ' || n, made_id('c', n), made_id('k', n), n || '.50', made_id('s', 1), made_id('p', 1 + n % 9), '10', 'Active', '2024-04-01', '2024-04-02'
  FROM generate_series(1, 1200) n;
INSERT INTO deal_contacts (deal_id, contact_id, role)
  SELECT made_id('d', n)::text, made_id('k', n + n % 2), 'champion' FROM generate_series(1, 300) n;
INSERT INTO activities (id, type, status, amount, date, contact_id, deal_id, owner_id, created_at, updated_at)
  SELECT made_id('a', n), 'Call', 'Completed', n::text, '2024-05-01', made_id('k', n), made_id('d', n)::text, made_id('p', 1 + n % 9), '2024-05-01', '2024-05-02'
  FROM generate_series(1, 300) n;
INSERT INTO tasks (id, title, completed, priority, status, task_type, assigned_to, deal_id, created_at, updated_at)
  SELECT CASE n WHEN 1 THEN '00000000-0000-4000-8000-000000000001' ELSE made_id('t', n) END, 'Task ' || n, 'false', 'Low', 'Pending', 'Call', made_id('p', 1 + n % 9), made_id('d', n)::text, '2024-06-01', '2024-06-02'
  FROM generate_series(1, 300) n;
`
