package webhooks

import (
	"time"

	"sixty/internal/crm"
)

// Deliveries are kept so long, and so many of an endpoint, at most.
const (
	DeliveryRetention = 30 * 24 * time.Hour
	maxDeliveries     = 1000
)

// A Delivery is a request that was sent to an endpoint, and what came of it.
type Delivery struct {
	OrgID      crm.ID        `json:"-"`
	ID         crm.ID        `json:"id"`
	WebhookID  crm.ID        `json:"webhook_id"`
	EventID    string        `json:"event_id" doc:"The webhook-id of the request: endpoint.EPOCH.SEQ. A repeated request has the same."`
	Type       string        `json:"type" doc:"Such as deal.updated."`
	Attempt    int           `json:"attempt" doc:"The number of the attempt; 1 for the first."`
	Redelivery bool          `json:"redelivery" doc:"An admin asked for it to be sent again."`
	At         crm.Instant   `json:"at"`
	State      DeliveryState `json:"state" schema:"DeliveryState" enum:"succeeded,failed"`
	Request    string        `json:"request" doc:"The body of the request."`
	Status     *int          `json:"status" doc:"The status of the response; null: there was none."`
	Answer     *string       `json:"answer" doc:"The first 1,024 bytes of the response's body; null: there was no response."`
	DurationMS int           `json:"duration_ms"`
	Error      *string       `json:"error" doc:"Why it has failed; null if it has not."`
}

// A DeliveryState is what came of a request.
type DeliveryState string

// The states of deliveries.
const (
	Succeeded DeliveryState = "succeeded" // the response had a status from 200 to 299
	Failed    DeliveryState = "failed"
)

// DeliveryFilter narrows deliveries; members that are not set do not.
type DeliveryFilter struct {
	WebhookID crm.OneOf[crm.ID]
	State     crm.OneOf[string]
}

// Deliveries declares them; lists have the newest first.
var Deliveries = crm.Declare(crm.Entity[Delivery, struct{}, DeliveryFilter]{
	Name: "webhook_delivery",
	Properties: []crm.Property[Delivery, struct{}]{
		{Name: "org_id", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.OrgID, nil }},
		{Name: "id", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.ID, nil }},
		{Name: "webhook_id", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.WebhookID, nil }},
		{Name: "event_id", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.EventID, nil }},
		{Name: "type", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.Type, nil }},
		{Name: "attempt", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.Attempt, nil }},
		{Name: "redelivery", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.Redelivery, nil }},
		{Name: "at", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.At, nil }},
		{Name: "state", At: func(d *Delivery, _ *struct{}) (any, any) { return (*string)(&d.State), nil }},
		{Name: "request", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.Request, nil }},
		{Name: "status", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.Status, nil }},
		{Name: "answer", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.Answer, nil }},
		{Name: "duration_ms", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.DurationMS, nil }},
		{Name: "error", At: func(d *Delivery, _ *struct{}) (any, any) { return &d.Error, nil }},
	},
	Filters: []crm.Filter[Delivery, DeliveryFilter]{
		{Name: "webhookId", Property: "webhook_id", Doc: "Only those to this endpoint.", At: func(f *DeliveryFilter) any { return &f.WebhookID }},
		{Name: "state", Property: "state", Doc: "Only deliveries in this state.", At: func(f *DeliveryFilter) any { return &f.State }},
	},
	Sorts: crm.Sorts{Fields: []string{"at"}, Default: crm.Sort{Field: "at", Desc: true}},
})
