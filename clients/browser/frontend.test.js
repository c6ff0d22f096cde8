// A front end's calls in a browser: from a page of another origin with the tokens of an identity
// provider, and from a page that a proxy serves beside the API, with the session's cookie. It needs
// what scripts/clients sets: SIXTY_PROGRAM and CHROMIUM, the paths of both programs.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { documented } from "./document.js";
import { startPages, startProgram } from "./servers.js";

const secret = "a secret of the identity provider, shared with this server";
const issuer = "https://project.supabase.example/auth/v1";

// token returns a JWT as Supabase signs it.
function token(claims) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const head = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ iss: issuer, iat: now, exp: now + 3600, ...claims })}`;
  return `${head}.${createHmac("sha256", secret).update(head).digest("base64url")}`;
}

const anonymousKey = token({ role: "anon", ref: "project" });

// userToken is the token of a user. The e-mail address is not verified by a member of its own.
const userToken = (user) => token({
  aud: "authenticated", role: "authenticated", sub: user.id, email: user.email, phone: "",
  app_metadata: { provider: "email" }, user_metadata: { email_verified: true }, session_id: "f3c9b0a6-5a0e-4d1c-9a0e-0c1d2e3f4a5b",
  amr: [{ method: "password", timestamp: Math.floor(Date.now() / 1000) }], is_anonymous: false,
});

const environment = {
  SIXTY_ISSUER: issuer, SIXTY_JWT_AUDIENCE: "authenticated", SIXTY_JWT_SECRET: secret,
  SIXTY_JWT_SUBJECT: "user", SIXTY_SIGNIN_ORGANISATION: "Demo",
};

let program, pages, browser, undocumented, user;
const headers = {}; // of the page of another origin
const target = {};

before(async () => {
  undocumented = await documented();
  pages = await startPages({
    "/other-origin": () => ({ api: program.url, credentials: headers }),
    "/proxied": () => ({ api: "", credentials: {} }),
    "/proxied-anonymous-key": () => ({ api: "", credentials: { apikey: anonymousKey, Authorization: `Bearer ${anonymousKey}` } }),
  }, target);
  program = await startProgram({ ...environment, FRONTEND_URL: pages.origin });
  target.url = program.url;
  const answer = await fetch(`${program.url}/api/user`, { headers: { Authorization: `Bearer ${program.key}` } });
  user = (await answer.json()).data;
  Object.assign(headers, { apikey: anonymousKey, Authorization: `Bearer ${userToken(user)}`, "x-client-info": "supabase-js-web/2.50.0" });
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
});

after(async () => {
  await browser?.close();
  await program?.stop();
  await pages?.stop();
});

// open loads a page, and records its calls, preflights and errors.
async function open(path) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const seen = { calls: [], preflights: [], errors: [] };
  const devtools = await context.newCDPSession(page);
  const methods = new Map();
  await devtools.send("Network.enable");
  devtools.on("Network.requestWillBeSent", ({ requestId, request }) => methods.set(requestId, request.method));
  devtools.on("Network.responseReceived", ({ requestId, type, response }) => {
    const { url, status } = response;
    if (!new URL(url).pathname.startsWith("/api/")) return;
    if (type === "Preflight") seen.preflights.push({ url, status });
    else seen.calls.push({ method: methods.get(requestId), url, status });
  });
  page.on("pageerror", (error) => seen.errors.push(error.message));
  page.on("requestfailed", (request) => seen.errors.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`));
  await page.goto(pages.origin + path);
  await page.waitForFunction(() => window.frontend);
  const call = (name, ...args) => page.evaluate(([name, args]) => window.frontend[name](...args), [name, args]);
  const shown = (id) => page.textContent(`#${id}`);
  return { page, seen, call, shown, close: () => context.close() };
}

// calls are the same for every page.
function calls(path, signIn) {
  let at, contact, stage, deal;
  before(async () => { at = await open(path); });
  after(async () => { await at?.close(); });

  test("signs in", async () => {
    await signIn(at);
    const me = await at.call("currentUser");
    assert.equal(me.id, user.id);
    assert.equal(me.is_admin, true);
    assert.equal(await at.shown("user"), `${user.first_name} ${user.last_name} <${user.email}>, admin`);
  });

  test("reports how the page loads", async () => {
    const vital = { name: "LCP", value: 1234.5, id: "v4-1700000000000-1234567890123", delta: 1234.5, rating: "good", page: "/dashboard", timestamp: Date.now() };
    assert.equal(await at.call("webVital", vital), 204);
  });

  test("lists companies with their numbers", async () => {
    const rows = await at.call("companies", "limit=5&sort=name&_=1700000000000");
    assert.equal(rows.length, 5);
    for (const row of rows) {
      for (const member of ["contactCount", "dealsCount", "dealsValue"]) assert.equal(typeof row[member], "number", `${row.name}: ${member}`);
    }
    assert.equal((await at.shown("companies")).split("\n").length, 5);
  });

  test("lists contacts with their companies", async () => {
    const rows = await at.call("contacts", "limit=50");
    contact = rows.find((row) => row.company_id && row.owner_id);
    assert.ok(contact, "no contact of a company and an owner");
    assert.equal(contact.full_name, `${contact.first_name} ${contact.last_name}`);
    assert.equal(contact.companies.id, contact.company_id);
    assert.deepEqual(contact.company, contact.companies);
    for (const member of ["name", "domain", "size", "industry", "website"]) assert.equal(contact[`company_${member}`], contact.companies[member]);
    assert.ok((await at.shown("contacts")).includes(`${contact.full_name}, ${contact.companies.name}`));
  });

  test("shows a contact's page", async () => {
    // Something of everything, and of today.
    const created = (await at.call("request", "POST", "/api/activities", { type: "meeting", status: "completed", description: "met the board", contact_id: contact.id })).data;
    await at.call("saveDeal", { name: "Page", primary_contact_id: contact.id, value: "10.50" });
    const shown = await at.call("contactPage", contact.id);
    const text = await at.shown("contact");
    assert.equal(shown.contact.company_name, contact.companies.name);
    assert.equal(shown.stats.engagementScore, Math.min(100, 15 * shown.stats.meetings + 5 * shown.stats.emails + 10 * shown.stats.calls));
    assert.ok(shown.stats.recentActivities.length <= 5 && shown.stats.recentActivities.some((a) => a.id === created.id && a.created_at));
    assert.ok(shown.activities.some((a) => a.id === created.id));
    assert.ok(shown.deals.some((d) => d.name === "Page"));
    for (const d of shown.deals) {
      assert.ok(d.stage_name && d.stage_color, `${d.name} has no stage`);
      assert.equal(typeof d.default_probability, "number");
    }
    assert.equal(shown.owner.name, shown.owner.full_name);
    assert.equal(shown.owner.title, shown.owner.stage);
    assert.equal(shown.owner.assigned_date, contact.created_at);
    assert.ok(shown.tasks.some((task) => task.source === "activity") && shown.tasks.some((task) => task.source === "deal"));
    for (const line of ["met the board", "deal Page", `owner ${shown.owner.full_name}`]) assert.ok(text.includes(line), `${line} is not in ${text}`);
    assert.ok(!/undefined|null|NaN/.test(text), text);
  });

  test("shows the pipeline", async () => {
    const { stages, deals } = await at.call("pipeline", `ownerId=${user.id}&limit=50`);
    assert.deepEqual(stages.map((s) => s.order_position), stages.map((s) => s.order_position).sort((a, b) => a - b));
    [stage] = stages;
    assert.ok(deals.length > 0);
    for (const d of deals) {
      const own = stages.find((s) => s.id === d.stage_id);
      assert.deepEqual(d.deal_stages, { id: own.id, name: own.name, color: own.color, default_probability: own.default_probability });
      assert.equal(d.default_probability, own.default_probability);
      assert.equal(d.stage_probability, own.default_probability);
      assert.ok(Number.isInteger(d.daysInStage) && d.daysInStage >= 0);
      assert.equal(d.companies?.id ?? null, d.company_id);
      assert.equal(d.contacts?.id ?? null, d.primary_contact_id);
      assert.ok(Array.isArray(d.deal_contacts));
    }
    assert.ok(!/undefined|NaN/.test(await at.shown("pipeline")));
  });

  test("saves a form whose values are strings", async () => {
    const form = {
      name: "Form", company: "Initech", value: "1234567.89", one_off_revenue: "1000", monthly_mrr: "", probability: "40",
      expected_close_date: "2031-05-06", first_billing_date: "", stage_id: "", owner_id: user.id, primary_contact_id: contact.id,
      contact_email: "", priority: "", description: "", status: "active",
      close_date: "2031-05-06", client_name: "Initech", details: "x", sales_rep: "y", user_id: user.id, created_at: "", stage_name: "Lead",
    };
    deal = await at.call("saveDeal", form);
    assert.equal(deal.value, 1234567.89);
    assert.equal(deal.one_off_revenue, 1000);
    assert.equal(deal.monthly_mrr, null);
    assert.equal(deal.probability, 40);
    assert.equal(deal.expected_close_date, "2031-05-06");
    assert.equal(deal.first_billing_date, null);
    assert.equal(deal.stage_id, stage.id);
    assert.equal(deal.owner_id, user.id);
    // The edited form sends the record along, with what it shows of other records.
    const { deals } = await at.call("pipeline", `contactId=${contact.id}&sort=-created_at`);
    const edited = await at.call("saveDeal", { ...deals.find((d) => d.id === deal.id), value: "1234.50", expected_close_date: "", priority: "high" });
    assert.equal(edited.value, 1234.5);
    assert.equal(edited.expected_close_date, null);
    assert.equal(edited.priority, "high");
    assert.equal(edited.probability, 40);
  });

  test("moves a deal to another stage", async () => {
    const { stages } = await at.call("pipeline", "limit=1");
    const moved = await at.call("moveDeal", deal.id, stages[1].id);
    assert.equal(moved.stage_id, stages[1].id);
    assert.ok(moved.stage_changed_at > deal.stage_changed_at);
    assert.equal(moved.value, 1234.5);
    const history = (await at.call("request", "GET", `/api/deals/${deal.id}/history`)).data;
    assert.deepEqual(history.map((h) => h.stage_id).sort(), [stages[0].id, stages[1].id].sort());
    const list = await at.call("pipeline", `stageId=${stages[1].id}&search=Form`);
    assert.ok(list.deals.some((d) => d.id === deal.id && d.daysInStage === 0), "the move is not in the list");
    const won = await at.call("moveDeal", deal.id, stages.find((s) => s.outcome === "won").id);
    assert.equal(won.status, "won");
    assert.ok(won.closed_at);
  });

  test("shows the dashboard", async () => {
    const today = new Date().toISOString().slice(0, 10);
    const board = await at.call("dashboard", `${today.slice(0, 4)}-01-01`, today);
    const pounds = board.totals.find((t) => t.currency === "GBP");
    assert.ok(pounds.won_value >= 1234.5 && pounds.won_count >= 1);
    for (const member of ["by_month", "by_stage", "by_owner", "activities"]) assert.ok(Array.isArray(board[member]) && board[member].length > 0, member);
    assert.ok((await at.shown("dashboard")).includes(`GBP: won ${pounds.won_value.toFixed(2)}`));
  });

  test("shows what is wrong", async () => {
    const bad = await at.call("failure", "PUT", `/api/deals/${deal.id}`, { value: "1,000" });
    assert.equal(bad.status, 422);
    assert.match(bad.message, /value.*1,000/);
    assert.equal(await at.shown("error"), bad.message);
    const gone = await at.call("failure", "GET", "/api/deals/00000000-0000-4000-8000-000000000000");
    assert.equal(gone.status, 404);
    assert.ok(gone.message);
  });

  test("reads the headers, and sends a stale ETag", async () => {
    const read = await at.call("request", "GET", `/api/deals/${deal.id}`);
    assert.ok(read.headers.etag, JSON.stringify(read.headers));
    const ifMatch = { "If-Match": read.headers.etag, "Idempotency-Key": crypto.randomUUID() };
    const changed = await at.call("request", "PATCH", `/api/deals/${deal.id}`, { next_steps: "call" }, ifMatch);
    assert.equal(changed.data.next_steps, "call");
    assert.ok(changed.headers.etag && changed.headers.etag !== read.headers.etag);
    assert.ok(changed.headers["sixty-consistency"], JSON.stringify(changed.headers));
    const stale = await at.call("failure", "PATCH", `/api/deals/${deal.id}`, { next_steps: "write" }, { "If-Match": read.headers.etag });
    assert.equal(stale.status, 412);
    const list = await at.call("request", "GET", "/api/deals?limit=1");
    assert.match(list.headers.link, /rel="?next/);
    const made = await at.call("request", "POST", "/api/tasks", { title: "call", due_date: "", deal_id: deal.id });
    assert.equal(made.headers.location, `/api/tasks/${made.data.id}`);
    assert.ok(stale.headers["x-request-id"], "a failure's request id cannot be read");
  });

  test("needs nothing undocumented", () => {
    assert.deepEqual(at.seen.errors, []);
    assert.ok(at.seen.calls.length > 20);
    assert.deepEqual([...new Set(at.seen.calls.map(undocumented).filter(Boolean))], []);
  });
}

describe("a page of another origin, with the identity provider's token", () => {
  calls("/other-origin", async (at) => {
    assert.ok(at.seen.calls.length === 0);
  });

  test("needs preflights, which are answered", async () => {
    const at = await open("/other-origin");
    await at.call("currentUser");
    assert.ok(at.seen.preflights.length > 0);
    assert.deepEqual(at.seen.preflights.filter(({ status }) => status !== 204), []);
    await at.close();
  });

  test("reads why a token is rejected", async () => {
    const at = await open("/other-origin");
    const stranger = { Authorization: `Bearer ${userToken({ id: "00000000-0000-4000-8000-000000000000", email: "stranger@example.com" })}` };
    const failed = await at.call("failure", "GET", "/api/user", undefined, stranger);
    assert.equal(failed.status, 401);
    assert.ok(failed.message);
    // The anonymous key alone is no credential.
    assert.equal((await at.call("failure", "GET", "/api/user", undefined, { Authorization: `Bearer ${anonymousKey}` })).status, 401);
    await at.close();
  });
});

const bySession = async (at) => {
  assert.equal((await at.call("failure", "GET", "/api/user")).status, 401);
  const wrong = await at.call("failure", "POST", "/api/auth/login", { email: program.email, password: "wrong" });
  assert.equal(wrong.status, 401);
  assert.equal((await at.call("signIn", program.email, program.password)).id, user.id);
};

describe("a page beside the API behind a proxy, with the session's cookie", () => {
  calls("/proxied", bySession);
});

describe("the same page, which sends its anonymous key as the bearer", () => {
  calls("/proxied-anonymous-key", bySession);
});
