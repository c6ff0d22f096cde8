package webhooks

import (
	"context"
	"fmt"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/jobs"
)

const (
	// A run of a job ends after so many requests, or so much time: others wait for its slot.
	maxPerRun = 100
	runTime   = 30 * time.Second
	// readAtOnce is how many entries of the log are read at once.
	readAtOnce = 200
	// slowAfter is the average time of a run's requests above which an endpoint is slow.
	slowAfter = 2 * time.Second
	// busyPause is how long an endpoint in trouble waits when others in trouble have all slots that
	// such endpoints may take.
	busyPause = 2 * time.Second
	// giveUpAfter is how long an endpoint may fail before it is disabled.
	giveUpAfter = 24 * time.Hour
)

// retryPauses are the pauses after failed attempts; the last one is repeated. They are those that
// Standard Webhooks recommends.
var retryPauses = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour,
}

// Result is that of a job.
type Result struct {
	Delivered int    `json:"delivered"`
	Note      string `json:"note,omitempty"` // why there were no more
}

// Deliver runs a job: it sends an endpoint the next changes, in order, until it has them all, one
// fails, or the run has been long enough. The Feeder then adds the next job, when it is time.
//
// At most half of the slots are for endpoints that have failed last, or respond slowly, so that
// those that never respond do not hold up others; a job that finds no such slot ends at once, and
// is added again later.
func (s *Service) Deliver(ctx context.Context, t *jobs.Task) (any, error) {
	var args JobArgs
	if err := t.Args(&args); err != nil {
		return nil, err
	}
	if args.Delivery != nil {
		return s.redeliver(ctx, t, args)
	}
	r := &run{Service: s, task: t, id: args.Webhook, began: time.Now()}
	note, err := r.run(ctx)
	if err != nil {
		return nil, err
	}
	result := Result{r.delivered, note}
	if err := t.Complete(ctx, result, func(ctx context.Context) error { return r.end(ctx) }); err != nil {
		return nil, err
	}
	s.Feeder.Wake(t.By.Org) // what came since the log was read, or is left
	return result, nil
}

// run is a run of a job.
type run struct {
	*Service
	task      *jobs.Task
	id        crm.ID
	began     time.Time
	delivered int
	took      time.Duration // of the requests

	at      crm.LogPosition // of the entries that were read
	entries []crm.LogEntry  // what follows it

	// What end writes: a change of the endpoint; nil for none.
	change func(*Endpoint, Tx, context.Context) error
}

// run sends events until there is a reason to end, which it returns.
func (r *run) run(ctx context.Context) (note string, err error) {
	e, note, err := r.receiving(ctx)
	if err != nil || note != "" {
		return note, err
	}
	if e.inTrouble() {
		select {
		case r.troubled <- struct{}{}:
			defer func() { <-r.troubled }()
		default:
			r.change = func(e *Endpoint, _ Tx, _ context.Context) error {
				retry := after(r.clock(), busyPause)
				e.RetryAt = &retry
				return nil
			}
			return "others in trouble are first", nil
		}
	}
	for r.delivered < maxPerRun && time.Since(r.began) < runTime {
		ev, more, err := r.next(ctx, &e)
		if err != nil {
			return "", err
		}
		if !more {
			return "", nil
		}
		if ev == nil { // nothing of what was read is for this endpoint
			err = r.save(ctx, &e, r.at, nil)
		} else {
			note, err = r.send(ctx, &e, ev)
		}
		if err != nil || note != "" {
			return note, err
		}
		// An admin may have changed it, and its creator may have lost the role.
		if e, note, err = r.receiving(ctx); err != nil || note != "" {
			return note, err
		}
	}
	return "there is more", nil
}

// receiving returns the endpoint as it is now; a note if it is not to be sent anything now.
func (r *run) receiving(ctx context.Context) (e Endpoint, note string, err error) {
	e, err = r.get(ctx, r.task.By.Org, r.id)
	switch {
	case crm.CodeOf(err) == crm.CodeNotFound:
		return e, "it is deleted", nil
	case err != nil:
		return e, "", err
	case e.State != Enabled:
		return e, "it is " + string(e.State), nil
	case e.RetryAt != nil && *e.RetryAt > r.clock():
		return e, "it is not time yet", nil
	}
	if e.CreatedBy == nil { // the command line
		return e, "", nil
	}
	creators, err := r.o.Store.Owners().ByID(ctx, e.OrgID, []crm.ID{*e.CreatedBy})
	if err != nil {
		return e, "", err
	}
	if len(creators) == 1 && creators[0].Role == crm.RoleAdmin && creators[0].DeactivatedAt == nil {
		return e, "", nil
	}
	r.change = func(e *Endpoint, tx Tx, ctx context.Context) error {
		if e.State != Enabled {
			return nil
		}
		e.stop(Paused, "Its creator is no longer an active admin. It goes on when another admin enables it.")
		e.Version++
		return audit(ctx, tx, r.task.By, r.clock(), accounts.ActionWebhookPaused, e)
	}
	return e, "its creator is no longer an active admin", nil
}

// next returns the next event of an endpoint. It is nil if none of the entries up to r.at, which
// were read, is for it; more is false at the end of the log.
func (r *run) next(ctx context.Context, e *Endpoint) (ev *event, more bool, err error) {
	if r.at != e.Position() { // or it was moved
		r.at, r.entries = e.Position(), nil
	}
	if len(r.entries) == 0 {
		page, err := r.o.Log.Changes(ctx, crm.Operator(e.OrgID), r.at, readAtOnce)
		if err != nil {
			return nil, false, err
		}
		if page.Reset {
			to := page.Last
			if len(page.Entries) > 0 {
				to.Seq = page.Entries[0].Seq - 1
			}
			ev, err := r.resyncEvent(e, to)
			return &ev, true, err
		}
		if len(page.Entries) == 0 {
			return nil, false, nil
		}
		r.entries = page.Entries
	}
	for len(r.entries) > 0 {
		entry := &r.entries[0]
		r.entries = r.entries[1:]
		r.at.Seq = entry.Seq
		if e.Events.matches(entry) {
			ev, err := r.changeEvent(ctx, e, r.at, entry)
			return &ev, true, err
		}
	}
	return nil, true, nil
}

// send sends an event, and stores what came of it; a note if the run ends with it.
func (r *run) send(ctx context.Context, e *Endpoint, ev *event) (note string, err error) {
	now := r.clock()
	answer := r.o.Client.send(ctx, e.URL, ev.id, e.secrets(now), now.Time(), ev.body)
	if ctx.Err() != nil { // the job is interrupted: it is not known what would have come of it
		return "", context.Cause(ctx)
	}
	r.took += answer.took
	d := delivery(e, ev, now, answer)
	if answer.failure == "" {
		r.delivered++
		r.task.Progress(0, fmt.Sprintf("%d delivered", r.delivered))
		return "", r.save(ctx, e, ev.to, &d)
	}
	from := e.Position()
	r.change = func(e *Endpoint, tx Tx, ctx context.Context) error {
		if err := tx.InsertWebhookDelivery(ctx, d); err != nil {
			return err
		}
		if e.Position() != from || e.State != Enabled { // changed meanwhile by an admin
			return nil
		}
		return r.fail(ctx, tx, e, now, answer)
	}
	return answer.failure, nil
}

// save stores that an endpoint was sent everything up to a position, unless an admin has moved it
// meanwhile.
func (r *run) save(ctx context.Context, e *Endpoint, to crm.LogPosition, d *Delivery) error {
	from := e.Position()
	return r.task.Save(ctx, nil, func(ctx context.Context) error {
		return r.write(ctx, func(e *Endpoint, tx Tx, ctx context.Context) error {
			if e.Position() == from {
				e.moveTo(to)
			}
			if d == nil {
				return nil
			}
			e.recover()
			e.DeliveredAt = &d.At
			return tx.InsertWebhookDelivery(ctx, *d)
		})
	})
}

// write changes the endpoint in a transaction; nothing if it is deleted.
func (r *run) write(ctx context.Context, change func(*Endpoint, Tx, context.Context) error) error {
	return r.o.Store.Write(ctx, r.task.By, r.clock(), func(tx Tx) error {
		e, err := tx.LockWebhook(ctx, r.id)
		if crm.CodeOf(err) == crm.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		if err := change(&e, tx, ctx); err != nil {
			return err
		}
		return tx.UpdateWebhook(ctx, e)
	})
}

// end stores what the run leaves, in the transaction that ends the job.
func (r *run) end(ctx context.Context) error {
	return r.write(ctx, func(e *Endpoint, tx Tx, ctx context.Context) error {
		if r.delivered > 0 {
			e.Slow = r.took/time.Duration(r.delivered) > slowAfter
		}
		if r.change != nil {
			if err := r.change(e, tx, ctx); err != nil {
				return err
			}
		}
		if r.delivered == 0 && r.change == nil {
			return nil
		}
		return tx.TrimWebhookDeliveries(ctx, e.ID, maxDeliveries)
	})
}

// fail stores a failed attempt: the endpoint is tried again later, or disabled.
func (r *run) fail(ctx context.Context, tx Tx, e *Endpoint, now crm.Instant, answer response) error {
	if e.FailingSince == nil {
		e.FailingSince = &now
	}
	pause := max(retryPauses[min(e.Failures, len(retryPauses)-1)], answer.retryAfter)
	left := until(now, after(*e.FailingSince, giveUpAfter))
	e.Failures++
	e.LastError = &answer.failure
	gone := answer.status == statusGone
	if !gone && left > 0 {
		retry := after(now, min(pause, left))
		e.RetryAt = &retry
		return nil
	}
	why := "It has failed for a day, the last time because " + answer.failure + "."
	if gone {
		why = "It has responded with 410 Gone."
	}
	e.stop(Disabled, why)
	e.Version++
	if err := audit(ctx, tx, r.task.By, now, accounts.ActionWebhookDisabled, e); err != nil {
		return err
	}
	if r.o.Disabled == nil {
		return nil
	}
	return r.o.Disabled(ctx, r.task.By, *e)
}

const statusGone = 410

// delivery returns the row of a request.
func delivery(e *Endpoint, ev *event, at crm.Instant, answer response) Delivery {
	d := Delivery{
		OrgID: e.OrgID, ID: crm.NewID(), WebhookID: e.ID, EventID: ev.id, Type: ev.kind, Attempt: e.Failures + 1, At: at, State: Succeeded,
		Request: string(ev.body), DurationMS: int(answer.took.Milliseconds()),
	}
	if answer.status != 0 {
		d.Status, d.Answer = &answer.status, &answer.body
	}
	if answer.failure != "" {
		d.State, d.Error = Failed, &answer.failure
	}
	return d
}
