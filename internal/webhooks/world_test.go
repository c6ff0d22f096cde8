package webhooks_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/httpapi"
	"sixty/internal/jobs"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
	"sixty/internal/webhooks"
)

// world is an organisation with an admin, and a receiver of its changes.
type world struct {
	*testing.T
	store    *store.Store
	service  *crm.Service
	accounts *accounts.Service
	jobs     *jobs.Service
	hooks    *webhooks.Service
	org      crm.Actor // the organisation itself
	admin    crm.Actor
	now      atomic.Int64 // of the clock, in nanoseconds after enginetest.Started
	disabled atomic.Int64 // how often the admins were told
	*receiver
}

func newWorld(t *testing.T, engine string) *world {
	t.Helper()
	w := &world{T: t, store: enginetest.Open(t, engine), receiver: newReceiver(t)}
	w.service = crm.NewService(w.store.CRM(), w.clock)
	w.accounts = accounts.NewService(w.store.Accounts(), w.clock, "GBP")
	w.org = enginetest.Organisation(t, w.store, "Home")
	w.admin = w.newAdmin("ada@example.com")
	client := webhooks.NewClient(&webhooks.Guard{HTTP: true, Addresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, nil)
	t.Cleanup(client.Close)
	w.jobs = jobs.NewService(w.store.Jobs(), jobs.Spec{Kind: jobs.SendNotification, Limits: jobs.Limits{Concurrency: 10, Attempts: 3}})
	w.hooks = webhooks.NewService(webhooks.Options{
		Store: w.store.Webhooks(), Log: w.service, Jobs: w.jobs, Client: client, Encoder: httpapi.WebhookEncoder{Service: w.service}, Now: w.clock, Slots: 10,
		Disabled: func(ctx context.Context, by crm.Actor, e webhooks.Endpoint) error {
			w.disabled.Add(1)
			return nil
		},
	})
	return w
}

func (w *world) clock() time.Time {
	return enginetest.Started.Add(time.Duration(w.now.Add(int64(time.Microsecond))))
}

func (w *world) advance(d time.Duration) { w.now.Add(int64(d)) }

// newAdmin adds an admin.
func (w *world) newAdmin(email string) crm.Actor {
	w.Helper()
	o := crm.Owner{OrgID: w.org.Org, ID: crm.NewID(), FullName: email, Email: &email, Role: crm.RoleAdmin, CreatedAt: 1, UpdatedAt: 1, Version: 1}
	if err := w.store.Write(w.Context(), w.org, 1, func(tx store.Tx) error { return tx.Owners().Insert(w.Context(), []crm.Owner{o}) }); err != nil {
		w.Fatal(err)
	}
	return crm.Actor{Org: w.org.Org, User: o.ID, Role: crm.RoleAdmin}
}

// endpoint creates an endpoint at a path of the receiver.
func (w *world) endpoint(path string, events ...string) webhooks.Endpoint {
	w.Helper()
	e, err := w.hooks.Create(w.Context(), w.admin, webhooks.Patch{URL: crm.Of(w.server.URL + path), Events: crm.Of(events)})
	if err != nil {
		w.Fatal(err)
	}
	w.know(path, e.Secret)
	return e
}

// get reads an endpoint.
func (w *world) get(id crm.ID) webhooks.Endpoint {
	w.Helper()
	e, err := w.hooks.Get(w.Context(), w.admin, id)
	if err != nil {
		w.Fatal(err)
	}
	return e
}

// deliveries reads what was sent to an endpoint, the oldest first.
func (w *world) deliveries(id crm.ID) []webhooks.Delivery {
	w.Helper()
	p, err := w.hooks.Deliveries(w.Context(), w.admin, id, crm.List[webhooks.DeliveryFilter]{Sort: crm.Sort{Field: "at"}, Limit: 1000})
	if err != nil {
		w.Fatal(err)
	}
	return p.Rows
}

// company makes a change.
func (w *world) company(name string) crm.Company {
	w.Helper()
	c, err := w.service.CreateCompany(w.Context(), w.admin, crm.CompanyPatch{Name: crm.Of(name)})
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// claim claims the jobs that are due.
func (w *world) claim() []jobs.Claimed {
	w.Helper()
	claimed, err := w.store.Jobs().Claim(w.Context(), []jobs.Want{{Kind: jobs.SendNotification, Free: 10, Slots: 10}}, nil)
	if err != nil {
		w.Fatal(err)
	}
	return claimed
}

// run runs a claimed job, and returns its error.
func (w *world) run(c jobs.Claimed) error {
	by := crm.Operator(c.Job.OrgID)
	if c.Job.ActorID != nil {
		by = w.admin
	}
	_, err := w.hooks.Deliver(jobs.WithLease(w.Context(), c.Lease), jobs.NewTask(w.store.Jobs(), c, by, nil))
	return err
}

// work has all that is due delivered, as instances do, and returns the number of jobs.
func (w *world) work() int {
	w.Helper()
	for n := 0; ; {
		if err := w.hooks.Feeder.Feed(w.Context(), nil); err != nil {
			w.Fatal(err)
		}
		claimed := w.claim()
		if len(claimed) == 0 {
			return n
		}
		for _, c := range claimed {
			if err := w.run(c); err != nil {
				w.Fatal(err)
			}
			n++
		}
	}
}

// receiver is a server that verifies and keeps every request. What it responds can be set by path.
type receiver struct {
	server *httptest.Server

	mu       sync.Mutex
	secrets  map[string]string
	got      map[string][]received
	respond  map[string]func(http.ResponseWriter, received)
	unsigned []string
}

// received is a request.
type received struct {
	id   string
	Type string `json:"type"`
	Data struct {
		Seq      int64           `json:"seq"`
		Entity   string          `json:"entity"`
		ID       *crm.ID         `json:"id"`
		Reason   string          `json:"reason"`
		Position string          `json:"position"`
		Entities []string        `json:"entities"`
		Record   json.RawMessage `json:"record"`
		Version  *int64          `json:"record_version"`
	} `json:"data"`
	text string
}

func newReceiver(tb testing.TB) *receiver {
	tb.Helper()
	r := &receiver{secrets: map[string]string{}, got: map[string][]received{}, respond: map[string]func(http.ResponseWriter, received){}}
	r.server = httptest.NewServer(r)
	tb.Cleanup(r.server.Close)
	tb.Cleanup(func() {
		if len(r.unsigned) > 0 {
			tb.Errorf("requests were rejected by the library: %s", r.unsigned)
		}
	})
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	path := request.URL.Path
	got := received{id: request.Header.Get("webhook-id"), text: string(body)}
	_ = json.Unmarshal(body, &got)
	r.mu.Lock()
	if verifier, err := standardwebhooks.NewWebhook(r.secrets[path]); err != nil || verifier.VerifyIgnoringTimestamp(body, request.Header) != nil {
		r.unsigned = append(r.unsigned, path+" "+got.id)
	}
	r.got[path] = append(r.got[path], got)
	respond := r.respond[path]
	r.mu.Unlock()
	if respond != nil {
		respond(w, got)
	}
}

// know sets the secret that requests to a path are verified with.
func (r *receiver) know(path, secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets[path] = secret
}

// answer sets what is responded at a path; nil: 200.
func (r *receiver) answer(path string, respond func(http.ResponseWriter, received)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.respond[path] = respond
}

// status is a response with a status.
func status(code int) func(http.ResponseWriter, received) {
	return func(w http.ResponseWriter, _ received) { w.WriteHeader(code) }
}

// requests returns those to a path, and forgets them.
func (r *receiver) requests(path string) []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got[path]
	delete(r.got, path)
	return got
}

// kinds returns the types of requests, as one text.
func kinds(all []received) string {
	texts := make([]string, len(all))
	for i, r := range all {
		texts[i] = r.Type
	}
	return strings.Join(texts, " ")
}
