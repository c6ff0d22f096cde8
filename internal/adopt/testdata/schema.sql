-- A sales dashboard's database as years left it: types changed, checks gone.
CREATE TABLE profiles (
  id uuid PRIMARY KEY, first_name text, last_name text, full_name text, email text, stage text, avatar_url text,
  is_admin boolean DEFAULT false, created_at timestamptz DEFAULT now(), updated_at timestamptz, shoe_size integer
);
CREATE TABLE companies (
  id uuid PRIMARY KEY, name text, domain text, industry text, size text, website text, address text, phone text,
  description text, linkedin_url text, owner_id uuid, created_at timestamp, updated_at timestamp
);
CREATE TABLE contacts (
  id uuid PRIMARY KEY, first_name text, last_name text, email text, phone text, title text, linkedin_url text,
  is_primary text, company_id uuid, owner_id uuid, created_at timestamptz, updated_at timestamptz
);
CREATE TABLE deal_stages (
  id uuid PRIMARY KEY, name text, description text, color text, order_position integer, default_probability numeric,
  created_at timestamptz, updated_at timestamptz
);
CREATE TYPE deal_status AS ENUM ('Active', 'WON', 'lost', 'on hold');
CREATE TABLE deals (
  id text PRIMARY KEY, name text, company text, company_id uuid, primary_contact_id uuid, contact_name text, contact_email text,
  contact_identifier_type text, value text, currency text, one_off_revenue numeric, monthly_mrr double precision, annual_value numeric(12,4),
  description text, stage_id uuid, owner_id uuid, expected_close_date timestamptz, first_billing_date date, probability text,
  status deal_status, priority text, next_steps text, closed_at timestamptz, stage_changed_at timestamptz,
  created_at timestamptz, updated_at timestamptz
);
CREATE TABLE deal_contacts (id serial PRIMARY KEY, deal_id text, contact_id uuid, role text);
CREATE TABLE activities (
  id uuid PRIMARY KEY, type text, status text, priority text, description text, amount text, quantity numeric, date timestamptz,
  contact_id uuid, company_id uuid, deal_id text, owner_id uuid, created_at timestamptz, updated_at timestamptz
);
CREATE TABLE tasks (
  id uuid PRIMARY KEY, title text, description text, notes text, due_date text, completed text, completed_at timestamptz,
  priority text, status text, task_type text, assigned_to uuid, created_by uuid, deal_id text, company_id uuid, contact_id uuid,
  created_at timestamptz, updated_at timestamptz
);
