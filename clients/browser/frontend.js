// The calls of a front end, as a page makes them. The page that serves this module sets
// window.config: api, the origin or path before /api, and credentials, which returns the headers that
// are sent with every call.
const { api, credentials } = window.config;

// request returns the data of an answer, or all of it where there is no data. It throws a failure's
// error as the message.
export async function request(method, path, body, headers = {}) {
  const response = await fetch(api + path, {
    method,
    headers: { ...credentials, ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "include",
  });
  const answer = response.status === 204 ? null : await response.json();
  if (answer?.error != null) {
    throw Object.assign(new Error(answer.error), { status: response.status, headers: Object.fromEntries(response.headers) });
  }
  if (!response.ok) throw Object.assign(new Error(`status ${response.status}`), { status: response.status });
  return { status: response.status, headers: Object.fromEntries(response.headers), data: answer?.data ?? answer };
}

const data = async (path) => (await request("GET", path)).data;

// show writes a text into an element of the page, which is added if it is not there.
function show(id, text) {
  const element = document.getElementById(id) ?? document.body.appendChild(Object.assign(document.createElement("pre"), { id }));
  element.textContent = text;
}

const money = (amount) => (amount ?? 0).toFixed(2);
const lines = (rows, line) => rows.map(line).join("\n");

export const signIn = async (email, password) => (await request("POST", "/api/auth/login", { email, password })).data.user;

export async function currentUser() {
  const user = await data("/api/user");
  show("user", `${user.first_name} ${user.last_name} <${user.email}>${user.is_admin ? ", admin" : ""}`);
  return user;
}

export const webVital = async (vital) => (await request("POST", "/api/analytics/web-vitals", vital)).status;

export async function companies(query) {
  const rows = await data(`/api/companies?includeStats=true&${query}`);
  show("companies", lines(rows, (c) => `${c.name}: ${c.contactCount} contacts, ${c.dealsCount} deals, ${money(c.dealsValue)}`));
  return rows;
}

export async function contacts(query) {
  const rows = await data(`/api/contacts?includeCompany=true&${query}`);
  show("contacts", lines(rows, (c) => `${c.full_name}, ${c.companies?.name ?? "no company"}`));
  return rows;
}

// contactPage makes the calls of a contact's page side by side.
export async function contactPage(id) {
  const part = (name) => data(`/api/contacts?id=${id}&${name}=true`);
  const [contact, stats, deals, activities, owner, tasks] = await Promise.all([
    data(`/api/contacts/${id}?includeCompany=true`), ...["stats", "deals", "activities", "owner", "tasks"].map(part),
  ]);
  show("contact", [
    `${contact.full_name} at ${contact.company_name} (${contact.company?.domain})`,
    `${stats.meetings} meetings, ${stats.emails} emails, ${stats.calls} calls: engagement ${stats.engagementScore}`,
    `${stats.activeDeals} of ${stats.totalDeals} deals, ${money(stats.totalDealsValue)}`,
    lines(deals, (d) => `deal ${d.name}: ${d.stage_name} ${d.stage_color} ${d.default_probability} %`),
    lines(activities, (a) => `activity ${a.type}: ${a.description ?? ""}`),
    `owner ${owner.name}, ${owner.title}, since ${new Date(owner.assigned_date).toISOString().slice(0, 10)}`,
    lines(tasks, (t) => `task ${t.source}: ${t.title}`),
  ].join("\n"));
  return { contact, stats, deals, activities, owner, tasks };
}

// pipeline shows the deals by stage.
export async function pipeline(query) {
  const [stages, deals] = await Promise.all([data("/api/stages"), data(`/api/deals?includeRelationships=true&${query}`)]);
  const of = (stage) => deals.filter((d) => d.deal_stages?.id === stage.id);
  show("pipeline", lines(stages, (stage) => [
    `${stage.name} (${stage.default_probability} %)`,
    ...of(stage).map((d) => `  ${d.name}: ${money(d.value)}, ${d.companies?.name ?? d.company}, ${d.contacts?.full_name ?? d.contact_name}, ${d.daysInStage} days`),
  ].join("\n")));
  return { stages, deals };
}

// saveDeal sends a form: every value is a string, and members that the form shows are sent along.
export const saveDeal = async (form) => (await request(form.id ? "PUT" : "POST", form.id ? `/api/deals/${form.id}` : "/api/deals", form)).data;

export const moveDeal = async (id, stage) =>
  (await request("PUT", `/api/deals/${id}`, { stage_id: stage, stage_changed_at: new Date().toISOString() })).data;

export async function dashboard(from, to) {
  const board = await data(`/api/dashboard?from=${from}&to=${to}`);
  show("dashboard", lines(board.totals, (t) => `${t.currency}: won ${money(t.won_value)}, open ${money(t.open_value)}`));
  return board;
}

// failure returns the message and the headers of a request that fails.
export async function failure(method, path, body, headers) {
  try {
    await request(method, path, body, headers);
  } catch (error) {
    show("error", error.message);
    return { message: error.message, status: error.status, headers: error.headers };
  }
  throw new Error(`${method} ${path} did not fail`);
}
