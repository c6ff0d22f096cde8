package storetest

import (
	"slices"

	gocmp "github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/store"
	"sixty/internal/webhooks"
)

// newWebhook returns an endpoint with a value in every column.
func (o tenant) newWebhook(n int) webhooks.Endpoint {
	text, when, id := "text", at(n), crm.NewID()
	return webhooks.Endpoint{
		OrgID: o.ID, ID: crm.NewID(), URL: "https://example.com/", Events: "deal.created,company.*", Description: &text, Include: true,
		State: webhooks.Enabled, StateReason: &text, Secret: "whsec_new", PreviousSecret: &text, PreviousUntil: &when, Epoch: "EPOCH234", Seq: int64(n),
		Failures: 1, FailingSince: &when, RetryAt: &when, LastError: &text, DeliveredAt: &when, Slow: true, CreatedBy: &id, CreatedAt: at(n), UpdatedAt: when, Version: 3,
	}
}

// webhookRows: endpoints and deliveries are those of their own organisation alone, and tell the
// change log nothing.
func webhookRows(f *fixture) {
	ctx, hooks := f.Context(), f.store.Webhooks()
	ours, others, theirs := f.home.newWebhook(1), f.home.newWebhook(2), f.away.newWebhook(1)
	before := logEnd(f, f.home.ID)
	var sent []webhooks.Delivery
	f.write(f.home, 0, func(tx store.Tx) error {
		for _, e := range []webhooks.Endpoint{ours, others} {
			if err := tx.InsertWebhook(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	f.write(f.away, 0, func(tx store.Tx) error { return tx.InsertWebhook(ctx, theirs) })
	for i := range 7 {
		d := webhooks.Delivery{OrgID: f.home.ID, ID: crm.NewID(), WebhookID: ours.ID, EventID: "event", Type: "deal.created", Attempt: i, At: at(i), State: webhooks.Succeeded, Request: "{}"}
		if i%2 == 0 {
			d.State, d.Status, d.Answer, d.Error, d.Redelivery, d.DurationMS = webhooks.Failed, ptr(500), ptr("answer"), ptr("error"), true, 12
		}
		sent = append(sent, d)
		f.write(f.home, 0, func(tx store.Tx) error { return tx.InsertWebhookDelivery(ctx, d) })
	}
	slices.Reverse(sent)
	_ = f.fails(f.home, func(tx store.Tx) error { return tx.InsertWebhook(ctx, f.away.newWebhook(2)) })
	_ = f.fails(f.home, func(tx store.Tx) error { return tx.UpdateWebhook(ctx, theirs) })
	_ = f.fails(f.home, func(tx store.Tx) error {
		_, err := tx.LockWebhook(ctx, theirs.ID)
		return err
	})

	page, err := hooks.Endpoints().Page(ctx, f.home.ID, crm.List[webhooks.EndpointFilter]{Sort: webhooks.Endpoints.Sorts.Default, Limit: 10})
	if diff := gocmp.Diff([]webhooks.Endpoint{ours, others}, must(f, page, err).Rows); diff != "" {
		f.Errorf("endpoints (-want +got):\n%s", diff)
	}
	list := func(filter webhooks.DeliveryFilter) []webhooks.Delivery {
		p, err := hooks.Deliveries().Page(ctx, f.home.ID, crm.List[webhooks.DeliveryFilter]{Filter: filter, Sort: webhooks.Deliveries.Sorts.Default, Limit: 10})
		return must(f, p, err).Rows
	}
	if diff := gocmp.Diff(sent, list(webhooks.DeliveryFilter{WebhookID: crm.Only(ours.ID)})); diff != "" {
		f.Errorf("deliveries (-want +got):\n%s", diff)
	}
	if n := len(list(webhooks.DeliveryFilter{WebhookID: crm.Only(ours.ID), State: crm.Only("succeeded")})); n != 3 || len(list(webhooks.DeliveryFilter{WebhookID: crm.Only(others.ID)})) != 0 {
		f.Errorf("%d have succeeded", n)
	}
	f.write(f.home, 0, func(tx store.Tx) error { return tx.TrimWebhookDeliveries(ctx, ours.ID, 5) })
	if diff := gocmp.Diff(sent[:5], list(webhooks.DeliveryFilter{})); diff != "" {
		f.Errorf("trimmed (-want +got):\n%s", diff)
	}
	if n, err := f.store.PruneWebhookDeliveries(ctx, at(4), 100); n != 2 || err != nil {
		f.Errorf("%d are pruned, %v", n, err)
	}

	changed := others
	changed.Seq, changed.State, changed.RetryAt, changed.Description = 17, webhooks.Disabled, nil, nil
	f.write(f.home, 0, func(tx store.Tx) error {
		if e, err := tx.LockWebhook(ctx, others.ID); err != nil || gocmp.Diff(others, e) != "" {
			f.Errorf("locked %+v, %v", e, err)
		}
		return tx.UpdateWebhook(ctx, changed)
	})
	f.write(f.home, 0, func(tx store.Tx) error {
		if err := tx.DeleteWebhook(ctx, ours.ID); err != nil {
			return err
		}
		if n, err := tx.CountWebhooks(ctx); n != 1 || err != nil {
			f.Errorf("%d endpoints are left, %v", n, err)
		}
		end, err := tx.LogEnd(ctx)
		if err != nil || end.Seq != before || end.Epoch == "" {
			f.Errorf("the log ends at %s, was %d, %v", end, before, err)
		}
		return err
	})
	left, err := hooks.Endpoints().ByID(ctx, f.home.ID, []crm.ID{ours.ID, others.ID, theirs.ID})
	if diff := gocmp.Diff([]webhooks.Endpoint{changed}, left); diff != "" || err != nil {
		f.Errorf("left (-want +got):\n%s", diff)
	}
}

// webhooksBehind: those that are enabled, behind the end of their log, and have no job.
func webhooksBehind(f *fixture) {
	ctx, hooks := f.Context(), f.store.Webhooks()
	add := func(o tenant, change func(*webhooks.Endpoint)) webhooks.Endpoint {
		e := o.newWebhook(1)
		f.write(o, 0, func(tx store.Tx) error {
			end, err := tx.LogEnd(ctx)
			if err != nil {
				return err
			}
			e.Epoch, e.Seq = end.Epoch, end.Seq
			change(&e)
			return tx.InsertWebhook(ctx, e)
		})
		return e
	}
	add(f.home, func(*webhooks.Endpoint) {})
	add(f.home, func(e *webhooks.Endpoint) { e.Seq, e.State = 0, webhooks.Paused })
	behind := []crm.ID{
		add(f.home, func(e *webhooks.Endpoint) { e.Seq-- }).ID,
		add(f.home, func(e *webhooks.Endpoint) { e.Epoch = "ANOTHER234" }).ID,
		add(f.away, func(e *webhooks.Endpoint) { e.Seq = 0 }).ID,
	}
	found := func(orgs []crm.ID, limit int) []crm.ID {
		var ids []crm.ID
		var from *webhooks.Behind
		for {
			rows, next, err := hooks.Behind(ctx, orgs, from, limit)
			for _, b := range must(f, rows, err) {
				if b.Failures != 1 || !b.Slow || b.RetryAt == nil {
					f.Errorf("%+v", b)
				}
				ids = append(ids, b.ID)
			}
			if from = next; from == nil {
				break
			}
		}
		slices.SortFunc(ids, func(a, b crm.ID) int { return slices.Index(behind, a) - slices.Index(behind, b) })
		return ids
	}
	for _, limit := range []int{1, 2, 100} {
		if got := found(nil, limit); !slices.Equal(got, behind) {
			f.Errorf("by %d: %v of %v", limit, got, behind)
		}
	}
	if got := found([]crm.ID{f.away.ID, crm.NewID()}, 10); !slices.Equal(got, behind[2:]) {
		f.Errorf("of one organisation: %v", got)
	}
	key := webhooks.UniqueKey(behind[0])
	job := jobs.Job{OrgID: f.home.ID, ID: crm.NewID(), Kind: jobs.SendNotification, State: jobs.Ready, MaxAttempts: 1, UniqueKey: &key}
	if _, err := f.store.Jobs().Insert(ctx, f.home.by, []jobs.Job{job}); err != nil {
		f.Fatal(err)
	}
	if got := found(nil, 10); !slices.Equal(got, behind[1:]) {
		f.Errorf("beside a job: %v", got)
	}
	if _, err := f.store.Jobs().Cancel(ctx, f.home.by, job.ID); err != nil {
		f.Fatal(err)
	}
	if got := found(nil, 1); !slices.Equal(got, behind) {
		f.Errorf("after the job: %v", got)
	}
}
