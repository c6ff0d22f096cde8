package webhooks

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/jobs"
)

// Test sends a test event at once, and returns what came of it.
func (s *Service) Test(ctx context.Context, by crm.Actor, id crm.ID) (Delivery, error) {
	e, err := s.Get(ctx, by, id)
	if err != nil {
		return Delivery{}, err
	}
	ev, err := s.testEvent(&e)
	if err != nil {
		return Delivery{}, err
	}
	select {
	case s.atOnce <- struct{}{}:
		defer func() { <-s.atOnce }()
	default:
		return Delivery{}, crm.Conflict("Other webhooks are being tested at the moment. Try again shortly.")
	}
	now := s.clock()
	d := delivery(&e, &ev, now, s.o.Client.send(ctx, e.URL, ev.id, e.secrets(now), now.Time(), ev.body))
	d.Attempt = 1
	if ctx.Err() != nil {
		return d, context.Cause(ctx)
	}
	return d, s.record(ctx, by, d)
}

// record stores a delivery; not that of an endpoint that is deleted.
func (s *Service) record(ctx context.Context, by crm.Actor, d Delivery) error {
	return s.o.Store.Write(ctx, by, s.clock(), func(tx Tx) error {
		if _, err := tx.LockWebhook(ctx, d.WebhookID); err != nil {
			return err
		}
		return tx.InsertWebhookDelivery(ctx, d)
	})
}

// Redeliver adds a job that sends a delivery's request again, with the same webhook-id, whatever
// the endpoint has received since.
func (s *Service) Redeliver(ctx context.Context, by crm.Actor, id, deliveryID crm.ID) (jobs.Job, error) {
	if err := accounts.RequireAdmin(by, manage); err != nil {
		return jobs.Job{}, err
	}
	d, err := s.delivery(ctx, by.Org, id, deliveryID)
	if err != nil {
		return jobs.Job{}, err
	}
	added, err := s.o.Jobs.Add(ctx, by, jobs.NewJob{
		Kind: jobs.SendNotification, Args: JobArgs{Webhook: id, Delivery: &d.ID}, UniqueKey: "redeliver " + d.ID.String(),
	})
	if err != nil {
		return jobs.Job{}, err
	}
	return added[0], nil
}

// delivery returns a delivery of an endpoint.
func (s *Service) delivery(ctx context.Context, org, id, deliveryID crm.ID) (Delivery, error) {
	d, err := crm.GetOne(ctx, s.o.Store.Deliveries(), org, deliveryID, "delivery")
	if err == nil && d.WebhookID != id {
		err = crm.NotFound("delivery")
	}
	return d, err
}

// redeliver runs the job of Redeliver. A failure is an attempt of the job, and no failure of the
// endpoint.
func (s *Service) redeliver(ctx context.Context, t *jobs.Task, args JobArgs) (any, error) {
	e, err := s.get(ctx, t.By.Org, args.Webhook)
	if err != nil {
		return nil, err
	}
	was, err := s.delivery(ctx, t.By.Org, args.Webhook, *args.Delivery)
	if err != nil {
		return nil, err
	}
	now, ev := s.clock(), event{id: was.EventID, kind: was.Type, body: []byte(was.Request)}
	answer := s.o.Client.send(ctx, e.URL, ev.id, e.secrets(now), now.Time(), ev.body)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	d := delivery(&e, &ev, now, answer)
	d.Attempt, d.Redelivery = t.Job.Attempt, true
	if answer.failure != "" {
		if err := s.record(ctx, t.By, d); err != nil {
			return nil, err
		}
		return nil, errNotDelivered(answer.failure)
	}
	result := Result{Delivered: 1}
	return result, t.Complete(ctx, result, func(ctx context.Context) error { return s.record(ctx, t.By, d) })
}

// errNotDelivered is why a redelivery has failed.
type errNotDelivered string

func (e errNotDelivered) Error() string {
	return "the endpoint did not accept the request: " + string(e)
}
