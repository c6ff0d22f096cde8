package app_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"sixty/internal/crm"
	"sixty/internal/store"
	"sixty/internal/webhooks"
)

// aHook is the URL of a webhook: nothing listens there.
const aHook = "http://127.0.0.1:9/"

// webhookOf adds a webhook that is not enabled, with a delivery, beside the limit of their number.
func (c *client) webhookOf(org crm.ID) (webhook, delivery crm.ID) {
	c.t.Helper()
	ctx, by := c.t.Context(), crm.Operator(org)
	reason := "It is new."
	e := webhooks.Endpoint{OrgID: org, ID: crm.NewID(), URL: aHook, Events: "*", State: webhooks.Disabled, StateReason: &reason, Secret: "whsec_AAAA", CreatedAt: 1, UpdatedAt: 1, Version: 1}
	d := webhooks.Delivery{OrgID: org, ID: crm.NewID(), WebhookID: e.ID, EventID: e.ID.String() + ".EPOCH234.1", Type: "deal.created", Attempt: 1, At: 1, State: webhooks.Failed, Request: "{}"}
	err := c.app.Core().Store.Write(ctx, by, 1, func(tx store.Tx) error {
		if err := tx.InsertWebhook(ctx, e); err != nil {
			return err
		}
		return tx.InsertWebhookDelivery(ctx, d)
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return e.ID, d.ID
}

// dropWebhooks deletes an organisation's webhooks but some, so that there is room for others.
func (c *client) dropWebhooks(org crm.ID, keep ...string) {
	c.t.Helper()
	ctx, by, db := c.t.Context(), crm.Operator(org), c.app.Core().Store
	page, err := db.Webhooks().Endpoints().Page(ctx, org, crm.List[webhooks.EndpointFilter]{Sort: webhooks.Endpoints.Sorts.Default, Limit: crm.MaxLimit})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range page.Rows {
		if slices.Contains(keep, e.ID.String()) {
			continue
		}
		if err := db.Write(ctx, by, 1, func(tx store.Tx) error { return tx.DeleteWebhook(ctx, e.ID) }); err != nil {
			c.t.Fatal(err)
		}
	}
}

// TestWebhooks: what changes over the API reaches a receiver, which verifies it.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		type request struct {
			header http.Header
			body   []byte
		}
		got := make(chan request, 100)
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got <- request{r.Header, body}
			_, _ = io.WriteString(w, "thanks")
		}))
		t.Cleanup(receiver.Close)
		u := newUser(c, "Webhooks", crm.RoleAdmin)
		made := u.make("/api/webhooks", object{"url": receiver.URL + "/hooks", "events": []string{"deal.*"}, "include": true})
		secret, _ := made["secret"].(string)
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		next := func() object {
			t.Helper()
			r := <-got
			if err := verifier.VerifyIgnoringTimestamp(r.body, r.header); err != nil {
				t.Errorf("%s: %v", r.body, err)
			}
			var o object
			if err := json.Unmarshal(r.body, &o); err != nil {
				t.Fatal(err)
			}
			return o
		}
		path := "/api/webhooks/" + id(made)
		tested := u.record(http.StatusOK, "POST", path+"/test", nil)
		if o := next(); o["type"] != "test" || tested["state"] != "succeeded" || tested["answer"] != "thanks" {
			t.Errorf("%v, %v", o, tested)
		}
		deal := u.make("/api/deals", object{"name": "Ship", "value": 10})
		if o := next(); o["type"] != "deal.created" || at(o, "data", "id") != id(deal) || at(o, "data", "record", "name") != "Ship" {
			t.Errorf("%v", o)
		}
		u.record(http.StatusOK, "PATCH", "/api/deals/"+id(deal), object{"value": 11})
		if o := next(); o["type"] != "deal.updated" || at(o, "data", "record", "value") != json.Number("11.00") && at(o, "data", "record", "value") != 11.0 {
			t.Errorf("%v", o)
		}
		// The log of deliveries follows the responses.
		eventually(t, "three deliveries are in the log", func() bool {
			rows, _ := u.list(path + "/deliveries?state=succeeded&limit=10")
			return len(rows) == 3
		})
		rows, _ := u.list(path + "/deliveries")
		job := u.record(http.StatusAccepted, "POST", path+"/deliveries/"+id(rows[0])+"/redeliver", nil)
		if o := next(); o["type"] != "deal.updated" || job["kind"] != "send-notification" {
			t.Errorf("%v, %v", o, job)
		}
		u.record(http.StatusOK, "POST", path+"/replay", object{"since": made["position"]})
		if first, second := next(), next(); first["type"] != "deal.created" || second["type"] != "deal.updated" {
			t.Errorf("%v, %v", first, second)
		}
		for _, bad := range []string{"http://169.254.169.254", "http://[::1]", "http://0x7f.1"} {
			status, _, answer := u.do("POST", "/api/webhooks", u.key, object{"url": bad, "events": []string{"*"}})
			if status != http.StatusUnprocessableEntity || !strings.Contains(invalid(answer), "#/url") {
				t.Errorf("%s: %d %v", bad, status, answer)
			}
		}
		status, _, answer := u.do("POST", "/api/webhooks", u.key, object{"url": receiver.URL, "events": []string{"deal.created", "deal.won"}})
		if status != http.StatusUnprocessableEntity || !strings.Contains(invalid(answer), "#/events") {
			t.Errorf("an unknown event: %d %v", status, answer)
		}
	})
}

// TestDisabledWebhook: when an endpoint says that it is gone, the admins are told by mail.
func TestDisabledWebhook(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
		t.Cleanup(receiver.Close)
		u := newUser(c, "Gone", crm.RoleAdmin)
		ada := c.member(u.org, "ada-hooks@acme.example", crm.RoleAdmin)
		made := u.make("/api/webhooks", object{"url": receiver.URL, "events": []string{"deal.*"}})
		u.make("/api/deals", object{"name": "Ship"})
		var rows []object
		eventually(t, "a message is in the outbox", func() bool {
			rows, _ = u.list("/api/outbox")
			return len(rows) > 0
		})
		if got := u.get("/api/webhooks/" + id(made)); got["state"] != "disabled" || got["enabled"] != false || got["state_reason"] != "It has responded with 410 Gone." {
			t.Errorf("%v", got)
		}
		if len(rows) != 1 || rows[0]["recipient"] != *ada.Email || rows[0]["subject"] != "A webhook was disabled" {
			t.Errorf("%v", rows)
		}
	})
}
