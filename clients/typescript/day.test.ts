// A day of calls by a client that openapi-typescript generated and openapi-fetch calls. It needs the
// server that scripts/clients starts.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import createClient from "openapi-fetch";
import type { components, paths } from "../generated/api.js";

function setting(name: string): string {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: run make clients`);
  return value;
}

const baseUrl = setting("SIXTY_URL");
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${setting("SIXTY_KEY")}` } });

// mine marks the records of this run.
const mine = randomUUID().slice(0, 8);

// given returns the data of an answer that must be there.
function given<T>(answer: { data?: T; error?: unknown; response: Response }, status: number): T {
  assert.equal(answer.response.status, status, JSON.stringify(answer.error));
  assert.ok(answer.data !== undefined);
  return answer.data;
}

// openapi-fetch leaves members that are always null out of its types.
type Problem = Omit<components["schemas"]["Problem"], "data">;

// problem returns what an answer that must be a failure says.
function problem(answer: { error?: Problem; response: Response }, status: number): Problem {
  assert.equal(answer.response.status, status);
  assert.match(answer.response.headers.get("Content-Type") ?? "", /^application\/problem\+json/);
  assert.ok(answer.error);
  assert.equal(answer.error.status, status);
  assert.equal(answer.error.error, answer.error.detail);
  return answer.error;
}

async function newDeal(body: components["schemas"]["DealNew"]) {
  return given(await api.POST("/api/deals", { body }), 201).data;
}

test("signing in starts a session", async () => {
  const anonymous = createClient<paths>({ baseUrl });
  problem(await anonymous.GET("/api/user"), 401);
  const signedIn = await anonymous.POST("/api/auth/login", {
    body: { email: setting("SIXTY_EMAIL"), password: setting("SIXTY_PASSWORD") },
  });
  const user = given(signedIn, 200).data.user;
  const cookie = signedIn.response.headers.getSetCookie().map((c) => c.split(";")[0]).join("; ");
  const me = given(await anonymous.GET("/api/user", { headers: { Cookie: cookie } }), 200).data;
  assert.equal(me.id, user.id);
  assert.equal(me.is_admin, true);
});

test("a company is created, read, and its domain taken once", async () => {
  const body = { name: `Acme ${mine}`, domain: `${mine}.example`, size: "medium" as const };
  const created = await api.POST("/api/companies", { body });
  const company = given(created, 201).data;
  assert.equal(created.response.headers.get("Location"), `/api/companies/${company.id}`);
  const path = { id: company.id };
  assert.deepEqual(given(await api.GET("/api/companies/{id}", { params: { path } }), 200).data, company);
  const taken = problem(await api.POST("/api/companies", { body }), 409);
  assert.deepEqual(taken.errors.map((e) => e.pointer), ["#/domain"]);
});

test("a list is paged through, there and back", async () => {
  const names = Array.from({ length: 5 }, (_, i) => `Page ${mine} ${i}`);
  for (const name of names) await newDeal({ name, value: 10 });
  const query = { search: `page ${mine}`, sort: "name" as const, limit: 2, count: "exact" as const };
  const page = async (more: { cursor?: string; direction?: "forward" | "backward" }) =>
    given(await api.GET("/api/deals", { params: { query: { ...query, ...more } } }), 200);

  const found: string[] = [];
  let at = await page({});
  assert.equal(at.meta.totalCount, names.length);
  for (;;) {
    found.push(...at.data.map((deal) => deal.name));
    if (!at.pagination.hasMore) break;
    assert.ok(at.pagination.nextCursor);
    at = await page({ cursor: at.pagination.nextCursor, direction: "forward" });
  }
  assert.deepEqual(found, names);
  assert.ok(at.pagination.prevCursor);
  const back = await page({ cursor: at.pagination.prevCursor, direction: "backward" });
  assert.deepEqual(back.data.map((deal) => deal.name), names.slice(2, 4));
});

test("a list is filtered", async () => {
  const company = given(await api.POST("/api/companies", { body: { name: `Filter ${mine}` } }), 201).data;
  await newDeal({ name: "small", value: 100, company_id: company.id });
  const large = await newDeal({ name: "large", value: 5000, company_id: company.id });
  const query = { minValue: 1000, includeRelationships: true };
  const list = given(await api.GET("/api/companies/{id}/deals", { params: { path: { id: company.id }, query } }), 200);
  assert.deepEqual(list.data.map((deal) => deal.id), [large.id]);
  assert.equal(list.data[0]?.companies?.name, company.name);
});

test("an update with a stale ETag changes nothing", async () => {
  const deal = await newDeal({ name: `ETag ${mine}` });
  const params = { path: { id: deal.id } };
  const etag = (await api.GET("/api/deals/{id}", { params })).response.headers.get("ETag");
  assert.ok(etag);
  const header = { "If-Match": etag };
  const changed = await api.PATCH("/api/deals/{id}", { params: { ...params, header }, body: { probability: 70 } });
  assert.equal(given(changed, 200).data.probability, 70);
  problem(await api.PATCH("/api/deals/{id}", { params: { ...params, header }, body: { probability: 80 } }), 412);
  assert.equal(given(await api.GET("/api/deals/{id}", { params }), 200).data.probability, 70);
});

test("null clears a member, and what is not sent stays", async () => {
  const deal = await newDeal({ name: `Null ${mine}`, next_steps: "call", expected_close_date: "2031-05-06" });
  const params = { path: { id: deal.id } };
  const cleared = given(await api.PATCH("/api/deals/{id}", { params, body: { next_steps: null } }), 200).data;
  assert.equal(cleared.next_steps, null);
  assert.equal(cleared.expected_close_date, "2031-05-06");
});

test("money is exact, there and back", async () => {
  for (const value of [1234567.89, 0.01, 999999999.99]) {
    const deal = await newDeal({ name: `Money ${mine}`, value, annual_value: value });
    const read = given(await api.GET("/api/deals/{id}", { params: { path: { id: deal.id } } }), 200).data;
    assert.equal(read.value, value);
    assert.equal(read.annual_value, value);
  }
});

test("a failure names every bad member", async () => {
  const failed = problem(await api.POST("/api/deals", { body: { name: " ", probability: 101 } }), 422);
  assert.deepEqual(failed.errors.map((e) => e.pointer).sort(), ["#/name", "#/probability"]);
});

test("a record that is deleted is gone", async () => {
  const deal = await newDeal({ name: `Gone ${mine}` });
  const params = { path: { id: deal.id } };
  assert.deepEqual(given(await api.DELETE("/api/deals/{id}", { params }), 200).data, { deleted: true, id: deal.id });
  problem(await api.GET("/api/deals/{id}", { params }), 404);
});
