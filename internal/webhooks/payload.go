package webhooks

import (
	"context"
	"encoding/json"
	"fmt"

	"sixty/internal/crm"
)

// An event is what one request tells.
type event struct {
	id    string          // webhook-id
	kind  string          // such as deal.updated
	to    crm.LogPosition // the position once it is delivered
	body  []byte
	entry *crm.LogEntry // nil: it is no change
}

// envelope is the body of every request (Standard Webhooks).
type envelope struct {
	Type      string          `json:"type"`
	Timestamp crm.Instant     `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// encode returns a body.
func encode(kind string, at crm.Instant, data any) ([]byte, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{kind, at, text})
}

// eventID returns the webhook-id of what an endpoint is sent at a position.
func eventID(endpoint crm.ID, at crm.LogPosition) string {
	return fmt.Sprintf("%s.%s", endpoint, at)
}

// changeEvent returns the event of an entry of the change log.
func (s *Service) changeEvent(ctx context.Context, e *Endpoint, to crm.LogPosition, entry *crm.LogEntry) (event, error) {
	ev := event{id: eventID(e.ID, to), kind: entry.Entity + "." + string(entry.Op), to: to, entry: entry}
	data := s.o.Encoder.Change(entry)
	if e.Include && entry.ID != nil && entry.Op != crm.OpBulk {
		with, err := s.withRecord(ctx, e, data, entry)
		if err != nil {
			return ev, err
		}
		if ev.body, err = encode(ev.kind, entry.At, with); err != nil || len(ev.body) <= maxRequest {
			return ev, err
		}
		// Too long: the receiver reads the record itself.
	}
	var err error
	ev.body, err = encode(ev.kind, entry.At, data)
	return ev, err
}

// withRecord adds to an entry the record as it is now; null if it is deleted.
func (s *Service) withRecord(ctx context.Context, e *Endpoint, data json.RawMessage, entry *crm.LogEntry) (json.RawMessage, error) {
	record, version, err := s.o.Encoder.Record(ctx, crm.Operator(e.OrgID), entry.Entity, *entry.ID)
	switch {
	case crm.CodeOf(err) == crm.CodeNotFound:
		return append(data[:len(data)-1:len(data)-1], `,"record":null,"record_version":null}`...), nil
	case err != nil:
		return nil, err
	}
	return fmt.Appendf(data[:len(data)-1:len(data)-1], `,"record":%s,"record_version":%d}`, record, version), nil
}

// Why an endpoint is to read everything again.
const (
	reasonEpoch  = "epoch"  // the change log has a new epoch: a backup was restored, or another server has taken over
	reasonPruned = "pruned" // the next changes are no longer kept
)

// resync is the data of such an event.
type resync struct {
	Reason   string   `json:"reason"`
	Position string   `json:"position"` // where the log goes on
	Entities []string `json:"entities"`
}

// resyncEvent returns the event that says that the log does not continue from an endpoint's
// position, but from another.
func (s *Service) resyncEvent(e *Endpoint, to crm.LogPosition) (event, error) {
	reason := reasonPruned
	if to.Epoch != e.Epoch {
		reason = reasonEpoch
	}
	body, err := encode(typeResync, s.clock(), resync{reason, to.String(), e.Events.Entities()})
	// A change at the same position may have been sent before a replay, and has another id.
	return event{id: eventID(e.ID, to) + "." + typeResync, kind: typeResync, to: to, body: body}, err
}

// testEvent returns an event that tells of nothing.
func (s *Service) testEvent(e *Endpoint) (event, error) {
	id := fmt.Sprintf("%s.%s.%s", e.ID, typeTest, crm.NewID())
	body, err := encode(typeTest, s.clock(), map[string]string{"message": "This is a test of the webhook."})
	return event{id: id, kind: typeTest, body: body}, err
}
