package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/server"
	"sixty/internal/webhooks"
)

const webhooksTag = "Webhooks"

// webhookView is an endpoint in responses.
type webhookView struct {
	webhooks.Endpoint
	Enabled  bool   `json:"enabled" doc:"It receives requests. To set it to true is to answer for it: see created_by."`
	Position string `json:"position" doc:"How far the change log was sent: EPOCH.SEQ."`
}

// newWebhook is an endpoint as it is answered when it has a new secret.
type newWebhook struct {
	webhookView
	Secret string `json:"secret" doc:"What requests are signed with. It is returned this once."`
}

// replayPatch is the body that names a position of the change log.
type replayPatch struct {
	Since        crm.Field[string] `json:"since" doc:"EPOCH.SEQ, as pagination.nextCursor of GET /api/changes, or the seq alone: what follows is sent again."`
	DecodeErrors crm.DecodeErrors  `json:"-"`
}

func viewWebhook(e *webhooks.Endpoint) webhookView {
	return webhookView{*e, e.State == webhooks.Enabled, e.Position().String()}
}

func appendWebhook(b []byte, e *webhooks.Endpoint) []byte {
	view := viewWebhook(e)
	return appendJSON(b, &view)
}

func appendNewWebhook(b []byte, e *webhooks.Endpoint) []byte {
	return appendJSON(b, &newWebhook{viewWebhook(e), e.Secret})
}

// webhookOperations returns the operations by which admins manage webhooks.
func (a *API) webhookOperations() []operation {
	const uncached = "what was delivered is not in the change log"
	view := reflect.TypeFor[webhookView]()
	a.schemas.record("Webhook", view)
	a.schemas.record("NewWebhook", reflect.TypeFor[newWebhook]())
	a.schemas.record("Job", reflect.TypeFor[jobs.Job]())
	limited := func(s *huma.Schema) {
		s.Properties["events"].Items = &huma.Schema{Type: huma.TypeString, Enum: anys(webhooks.EventPatterns())}
		s.Properties["events"].MinItems = new(1)
	}
	a.schemas.patch("WebhookInput", reflect.TypeFor[webhooks.Patch](), view, nil, limitsOf(webhooks.Endpoints), limited)
	a.schemas.patch("WebhookNew", reflect.TypeFor[webhooks.Patch](), view, []string{"url", "events"}, limitsOf(webhooks.Endpoints), limited)
	a.schemas.patch("WebhookReplay", reflect.TypeFor[replayPatch](), nil, []string{"since"}, func(s *huma.Schema) { s.Properties["since"].Pattern = positionPattern })
	a.schemas.record("WebhookDelivery", reflect.TypeFor[webhooks.Delivery]())
	body := newRecordReader(webhooks.Endpoints, view)
	// on returns an operation on one endpoint.
	on := func(op operation, run func(*call, crm.ID) error) operation {
		op.path, op.scope, op.tag, op.run = "/api/webhooks/{id}"+op.path, crm.ScopeAdmin, webhooksTag, onID(webhooks.Entity, run)
		op.description += " For admins."
		if op.method == http.MethodGet {
			op.caching = server.Uncached(uncached)
		}
		return op
	}
	answer := func(c *call, e webhooks.Endpoint, err error, write appender[webhooks.Endpoint]) error {
		c.Version = e.Version
		return answerOne(c, &e, err, write)
	}
	return []operation{
		{
			method: http.MethodGet, path: "/api/webhooks", id: "listWebhooks", scope: crm.ScopeAdmin, tag: webhooksTag, caching: server.Uncached(uncached),
			summary: "List the webhooks", description: "The oldest first, at most " + strconv.Itoa(webhooks.MaxEndpoints) + ". For admins.",
			answer: a.schemas.list("Webhook"), problems: []int{http.StatusForbidden},
			run: func(c *call) error {
				rows, err := a.Webhooks.List(c.Context, c.Actor)
				return answerAll(c, rows, err, appendWebhook)
			},
		},
		{
			method: http.MethodPost, path: "/api/webhooks", id: "createWebhook", scope: crm.ScopeAdmin, tag: webhooksTag, secret: true, status: http.StatusCreated,
			summary: "Create a webhook",
			description: "Requests with what changes from now on are sent to the url, signed as Standard Webhooks says. The response has the secret, this once. " +
				"An organisation has at most " + strconv.Itoa(webhooks.MaxEndpoints) + ". For admins.",
			body: ref("WebhookNew"), answer: a.schemas.envelope("NewWebhook"), problems: []int{http.StatusConflict},
			run: withBody(body, func(c *call, p webhooks.Patch) error {
				e, err := a.Webhooks.Create(c.Context, c.Actor, p)
				c.Location = "/api/webhooks/" + e.ID.String()
				return answer(c, e, err, appendNewWebhook)
			}),
		},
		on(operation{
			method: http.MethodGet, id: "getWebhook", summary: "Read a webhook", description: "Without its secret.", answer: a.schemas.envelope("Webhook"),
			problems: []int{http.StatusForbidden},
		}, func(c *call, id crm.ID) error {
			e, err := a.Webhooks.Get(c.Context, c.Actor, id)
			return answer(c, e, err, appendWebhook)
		}),
		on(operation{
			method: http.MethodPatch, id: "updateWebhook", summary: "Change a webhook",
			description: "Changes the members that are sent and no others; an explicit null clears one (RFC 7396).",
			body:        ref("WebhookInput"), answer: a.schemas.envelope("Webhook"), written: true,
		}, func(c *call, id crm.ID) error {
			p, err := body.read(c.Request)
			if err != nil {
				return err
			}
			e, err := a.Webhooks.Update(c.Context, c.Actor, id, c.Expected, p)
			c.Version = e.Version
			return answerWritten(c, id, &e, err, appendWebhook)
		}),
		on(operation{
			method: http.MethodDelete, id: "deleteWebhook", summary: "Delete a webhook", description: "With the log of its deliveries.", answer: a.schemas.deleted(),
		}, func(c *call, id crm.ID) error {
			return answerDeleted(c, id, a.Webhooks.Delete(c.Context, c.Actor, id, c.Expected))
		}),
		on(operation{
			method: http.MethodPost, path: "/enable", id: "enableWebhook", summary: "Enable a webhook",
			description: "It goes on where it stopped: what has changed since is sent. The caller answers for it from now on (created_by).",
			answer:      a.schemas.envelope("Webhook"), written: true,
		}, func(c *call, id crm.ID) error {
			e, err := a.Webhooks.Enable(c.Context, c.Actor, id)
			c.Version = e.Version
			return answerWritten(c, id, &e, err, appendWebhook)
		}),
		on(operation{
			method: http.MethodPost, path: "/rotate", id: "rotateWebhookSecret", secret: true, summary: "Replace the secret of a webhook",
			description: "The response has the new one, this once. For 24 hours requests are signed with both.", answer: a.schemas.envelope("NewWebhook"),
		}, func(c *call, id crm.ID) error {
			e, err := a.Webhooks.Rotate(c.Context, c.Actor, id)
			err = answer(c, e, err, appendNewWebhook)
			c.Version = 0 // it is no representation of the webhook
			return err
		}),
		on(operation{
			// A repeated test is another request to the endpoint, whatever was stored.
			method: http.MethodPost, path: "/test", id: "testWebhook", secret: true, longRunning: true, summary: "Send a test event",
			description: "At once, also if the webhook is not enabled. The response tells what the endpoint responded.",
			answer:      a.schemas.envelope("WebhookDelivery"), problems: []int{http.StatusConflict},
		}, func(c *call, id crm.ID) error {
			d, err := a.Webhooks.Test(c.Context, c.Actor, id)
			return answerOne(c, &d, err, appendJSON)
		}),
		on(operation{
			method: http.MethodPost, path: "/replay", id: "replayWebhook", summary: "Send changes again",
			description: "What follows a position of the change log is sent again, in order, with the same webhook-ids.",
			body:        ref("WebhookReplay"), answer: a.schemas.envelope("Webhook"), written: true,
		}, a.replayWebhook()),
		a.webhookDeliveries(uncached),
		on(operation{
			method: http.MethodPost, path: "/deliveries/{delivery_id}/redeliver", id: "redeliverWebhook", status: http.StatusAccepted, summary: "Send a request again",
			description: "Once more, by a job, with the same webhook-id and body. It is marked as a redelivery.", answer: a.schemas.envelope("Job"),
		}, func(c *call, id crm.ID) error {
			delivery, err := c.PathID("delivery_id", "delivery")
			if err != nil {
				return err
			}
			j, err := a.Webhooks.Redeliver(c.Context, c.Actor, id, delivery)
			c.Location = "/api/jobs/" + j.ID.String()
			return answerOne(c, &j, err, appendJSON)
		}),
	}
}

func (a *API) replayWebhook() func(*call, crm.ID) error {
	body := newBodyReader(func(p *replayPatch) *crm.DecodeErrors { return &p.DecodeErrors })
	return func(c *call, id crm.ID) error {
		p, err := body.read(c.Request)
		if err != nil {
			return err
		}
		since, ok := crm.ParseLogPosition(p.Since.Value)
		if len(p.DecodeErrors) == 0 && !ok {
			p.DecodeErrors = append(p.DecodeErrors, crm.FieldError{Field: "since", Message: "must be a position such as 4R2K7QX3ZD.120, or a whole number from 0"})
		}
		if len(p.DecodeErrors) > 0 {
			return crm.Invalid(p.DecodeErrors...)
		}
		e, err := a.Webhooks.Replay(c.Context, c.Actor, id, since)
		c.Version = e.Version
		return answerWritten(c, id, &e, err, appendWebhook)
	}
}

// webhookDeliveries returns the operation that lists what was sent to an endpoint.
func (a *API) webhookDeliveries(uncached string) operation {
	// The list depends on the endpoint, which the path names.
	of := func(id crm.ID) func(context.Context, crm.Actor, crm.List[webhooks.DeliveryFilter]) (crm.Page[webhooks.Delivery], error) {
		return func(ctx context.Context, by crm.Actor, q crm.List[webhooks.DeliveryFilter]) (crm.Page[webhooks.Delivery], error) {
			return a.Webhooks.Deliveries(ctx, by, id, q)
		}
	}
	pager := newPager(a, "webhook-deliveries", webhooks.Deliveries.Sorts, filtersOf(webhooks.Deliveries), of(crm.ID{}))
	pager.query = pager.query.without("webhookId")
	return operation{
		method: http.MethodGet, path: "/api/webhooks/{id}/deliveries", id: "listWebhookDeliveries", scope: crm.ScopeAdmin, tag: webhooksTag, caching: server.Uncached(uncached),
		summary:     "List the deliveries of a webhook",
		description: "What was sent and what was responded, the newest first: of 30 days, and about 1,000 at most. For admins.",
		query:       pager.query.document(),
		listing:     true, answer: a.schemas.list("WebhookDelivery"),
		problems: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity},
		run: onID(webhooks.Entity, func(c *call, id crm.ID) error {
			args, scope, err := pager.read(c, func(f *webhooks.DeliveryFilter) { f.WebhookID = crm.Only(id) })
			if err != nil {
				return err
			}
			one := pager
			one.page = of(id)
			return one.answer(c, args, scope, func([]webhooks.Delivery) (appender[webhooks.Delivery], error) { return appendJSON, nil })
		}),
	}
}

// WebhookEncoder writes what webhooks send as the API does.
type WebhookEncoder struct{ Service *crm.Service }

// Change implements webhooks.Encoder.
func (WebhookEncoder) Change(e *crm.LogEntry) json.RawMessage { return appendLogEntry(nil, e) }

// Record implements webhooks.Encoder.
func (w WebhookEncoder) Record(ctx context.Context, by crm.Actor, entity string, id crm.ID) (record json.RawMessage, version int64, err error) {
	s := w.Service
	switch entity {
	case crm.EntityCompany:
		return encoded(ctx, by, id, s.Company, appendCompany, func(c *crm.Company) int64 { return c.Version })
	case crm.EntityContact:
		return encoded(ctx, by, id, s.Contact, appendContact, func(c *crm.Contact) int64 { return c.Version })
	case crm.EntityDeal:
		return encoded(ctx, by, id, s.Deal, appendDeal, func(d *crm.Deal) int64 { return d.Version })
	case crm.EntityStage:
		return encoded(ctx, by, id, s.Stage, appendStage, func(s *crm.Stage) int64 { return s.Version })
	case crm.EntityActivity:
		return encoded(ctx, by, id, s.Activity, appendActivity, func(a *crm.Activity) int64 { return a.Version })
	case crm.EntityTask:
		return encoded(ctx, by, id, s.Task, appendTask, func(t *crm.Task) int64 { return t.Version })
	case crm.EntityOwner:
		return encoded(ctx, by, id, s.Owner, appendOwner, func(o *crm.Owner) int64 { return o.Version })
	}
	return nil, 0, crm.NotFound(entity)
}

// encoded reads a record, and writes it.
func encoded[T any](
	ctx context.Context, by crm.Actor, id crm.ID, read func(context.Context, crm.Actor, crm.ID) (T, error), write appender[T], version func(*T) int64,
) (json.RawMessage, int64, error) {
	row, err := read(ctx, by, id)
	if err != nil {
		return nil, 0, err
	}
	return write(nil, &row), version(&row), nil
}
