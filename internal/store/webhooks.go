package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"sixty/internal/crm"
	"sixty/internal/webhooks"
)

// Webhooks: endpoints, and what was sent to them. Neither is in the change log: what follows it
// would follow itself.

func webhookTable() table[webhooks.Endpoint, webhooks.EndpointFilter] {
	return table[webhooks.Endpoint, webhooks.EndpointFilter]{
		name: "webhooks", entity: webhooks.Entity, permanent: true,
		columns: columnsOf(webhooks.Endpoints, nil),
		sorts:   map[string]sortKey{"created_at": commonSorts["created_at"]}, order: webhooks.Endpoints.Sorts.Default.Field,
		id:  func(e *webhooks.Endpoint) crm.ID { return e.ID },
		org: func(e *webhooks.Endpoint) crm.ID { return e.OrgID },
	}
}

func webhookDeliveryTable() table[webhooks.Delivery, webhooks.DeliveryFilter] {
	return table[webhooks.Delivery, webhooks.DeliveryFilter]{
		name: "webhook_deliveries", entity: webhooks.Deliveries.Name, permanent: true,
		columns: columnsOf(webhooks.Deliveries, nil),
		sorts:   map[string]sortKey{"at": {column: "at", kind: keyInstant}}, order: webhooks.Deliveries.Sorts.Default.Field,
		filters: filtersOf(webhooks.Deliveries, map[string]condition[webhooks.DeliveryFilter]{
			"webhookId": {column: "t.webhook_id"},
			"state":     {column: "t.state"},
		}),
		id:  func(d *webhooks.Delivery) crm.ID { return d.ID },
		org: func(d *webhooks.Delivery) crm.ID { return d.OrgID },
	}
}

// webhookStore implements webhooks.Store.
type webhookStore struct{ port[webhooks.Tx] }

// Webhooks returns the store as internal/webhooks needs it.
func (s *Store) Webhooks() webhooks.Store { return webhookStore{port[webhooks.Tx]{s}} }

func (w webhookStore) Endpoints() crm.View[webhooks.Endpoint, webhooks.EndpointFilter] {
	return viewOf(&reader{store: w.Store}, &w.webhooks)
}

func (w webhookStore) Deliveries() crm.View[webhooks.Delivery, webhooks.DeliveryFilter] {
	return viewOf(&reader{store: w.Store}, &w.webhookDeliveries)
}

func (w webhookStore) Owners() crm.View[crm.Owner, crm.OwnerFilter] {
	return viewOf(&reader{store: w.Store}, &w.owners)
}

// behindIn composes the statement of Behind: of some organisations, or of all.
func (s *Store) behindIn(some bool) *Statement {
	name, condition := "webhook.behind", ""
	if some {
		name, condition = name+"_of", " AND "+s.dialect.AnyID("w.org_id", 4)
	}
	return s.statement(name, func() *Statement {
		return &Statement{name, `SELECT w.org_id, w.id, w.retry_at, w.failures, w.slow FROM webhooks w JOIN organisations o ON o.id = w.org_id
WHERE (w.org_id, w.id) > ($1, $2) AND w.state = 'enabled' AND (w.seq <> o.log_seq OR w.epoch <> ` + s.dialect.Epoch() + ")" + condition + " ORDER BY w.org_id, w.id LIMIT $3"}
	})
}

func (w webhookStore) Behind(ctx context.Context, orgs []crm.ID, from *webhooks.Behind, limit int) (found []webhooks.Behind, next *webhooks.Behind, err error) {
	s := w.Store
	if from == nil {
		from = &webhooks.Behind{}
	}
	args := []any{from.OrgID, from.ID, int64(limit)}
	if orgs != nil {
		args = append(args, s.dialect.IDs(orgs))
	}
	found, err = collect(ctx, s, s.service(), s.behindIn(orgs != nil), func(b *webhooks.Behind) []any {
		return []any{&b.OrgID, &b.ID, &b.RetryAt, &b.Failures, &b.Slow}
	}, args...)
	if err != nil || len(found) == 0 {
		return nil, nil, err
	}
	if len(found) == limit {
		last := found[limit-1]
		next = &last
	}
	keys, ids := make([]string, len(found)), make([]crm.ID, len(found))
	for i := range found {
		keys[i], ids[i] = webhooks.UniqueKey(found[i].ID), found[i].OrgID
	}
	st := s.statement("webhook.jobs", func() *Statement {
		return &Statement{"webhook.jobs", "SELECT unique_key FROM jobs WHERE " + s.dialect.AnyID("org_id", 1) + " AND kind = 'send-notification' AND " +
			s.dialect.AnyText("unique_key", 2) + " AND state IN ('scheduled', 'ready', 'running')"}
	})
	waiting, err := collect(ctx, s, s.service(), st, func(key *string) []any { return []any{key} }, s.dialect.IDs(ids), s.dialect.Texts(keys))
	return slices.DeleteFunc(found, func(b webhooks.Behind) bool { return slices.Contains(waiting, webhooks.UniqueKey(b.ID)) }), next, err
}

var (
	countWebhooks  = &Statement{"webhook.count", `SELECT count(*) FROM webhooks WHERE org_id = $1`}
	deleteWebhook  = &Statement{"webhook.delete", `DELETE FROM webhooks WHERE org_id = $1 AND id = $2`}
	dropDeliveries = &Statement{"webhook_delivery.drop", `DELETE FROM webhook_deliveries WHERE org_id = $1 AND webhook_id = $2`}
	trimDeliveries = &Statement{"webhook_delivery.trim", `DELETE FROM webhook_deliveries WHERE org_id = $1 AND id IN
(SELECT id FROM webhook_deliveries WHERE org_id = $1 AND webhook_id = $2 ORDER BY at DESC, id DESC LIMIT 1000000 OFFSET $3)`}
	oldDeliveries   = oldRows("webhook_delivery.old", "webhook_deliveries", "at")
	pruneDeliveries = &Statement{"webhook_delivery.prune", `DELETE FROM webhook_deliveries WHERE org_id = $1 AND id IN
(SELECT id FROM webhook_deliveries WHERE org_id = $1 AND at < $2 ORDER BY at LIMIT $3)`}
)

// PruneWebhookDeliveries removes deliveries from before an instant, at most limit.
func (s *Store) PruneWebhookDeliveries(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	return s.pruneRows(ctx, oldDeliveries, pruneDeliveries, before, limit)
}

// LockWebhook implements webhooks.Tx.
func (t *tx) LockWebhook(ctx context.Context, id crm.ID) (webhooks.Endpoint, error) {
	found, err := byID(ctx, t.store, t.db, &t.store.webhooks, t.by.Org, nil, []crm.ID{id}, false)
	if err == nil && len(found) == 0 {
		err = crm.NotFound(webhooks.Entity)
	}
	if err != nil {
		return webhooks.Endpoint{}, err
	}
	return found[0], nil
}

// CountWebhooks implements webhooks.Tx.
func (t *tx) CountWebhooks(ctx context.Context) (int64, error) {
	n, err := collect(ctx, t.store, t.db, countWebhooks, func(n *int64) []any { return []any{n} }, t.by.Org)
	return append(n, 0)[0], err
}

// LogEnd implements webhooks.Tx.
func (t *tx) LogEnd(ctx context.Context) (crm.LogPosition, error) {
	s := t.store
	st := s.statement("webhook.log_end", func() *Statement {
		return &Statement{"webhook.log_end", "SELECT " + s.dialect.Epoch() + ", log_seq FROM organisations WHERE id = $1"}
	})
	ends, err := collect(ctx, s, t.db, st, func(l *logEnd) []any { return []any{&l.epoch, &l.seq} }, t.by.Org)
	if err == nil && (len(ends) == 0 || ends[0].epoch == nil) {
		err = crm.Unavailable(errEpoch)
	}
	if err != nil {
		return crm.LogPosition{}, err
	}
	return crm.LogPosition{Epoch: *ends[0].epoch, Seq: ends[0].seq}, nil
}

// InsertWebhook implements webhooks.Tx.
func (t *tx) InsertWebhook(ctx context.Context, e webhooks.Endpoint) error {
	if err := t.confine(webhooks.Entity, e.OrgID); err != nil {
		return err
	}
	return insertRow(ctx, t, &t.store.webhooks, &e)
}

// insertRow inserts a row that is no change for the log.
func insertRow[T, F any](ctx context.Context, t *tx, into *table[T, F], row *T) error {
	_, err := t.exec(ctx, t.store.insertStatement(into.name, into.writtenColumns(), 1), into.values(row, nil)...)
	return err
}

// UpdateWebhook implements webhooks.Tx.
func (t *tx) UpdateWebhook(ctx context.Context, e webhooks.Endpoint) error {
	if err := t.confine(webhooks.Entity, e.OrgID); err != nil {
		return err
	}
	of := &t.store.webhooks
	st := t.store.statement("webhook.update", func() *Statement {
		var set, where []string
		for i, c := range of.writtenColumns() {
			assigned := c + " = $" + strconv.Itoa(i+1)
			if c == "org_id" || c == "id" {
				where = append(where, assigned)
			} else {
				set = append(set, assigned)
			}
		}
		return &Statement{"webhook.update", "UPDATE webhooks SET " + strings.Join(set, ", ") + " WHERE " + strings.Join(where, " AND ")}
	})
	n, err := t.exec(ctx, st, of.values(&e, nil)...)
	if err != nil {
		return err
	}
	return allWritten(of.name, n, 1)
}

// DeleteWebhook implements webhooks.Tx.
func (t *tx) DeleteWebhook(ctx context.Context, id crm.ID) error {
	if _, err := t.exec(ctx, dropDeliveries, t.by.Org, id); err != nil {
		return err
	}
	n, err := t.exec(ctx, deleteWebhook, t.by.Org, id)
	if err != nil {
		return err
	}
	return allWritten(t.store.webhooks.name, n, 1)
}

// InsertWebhookDelivery implements webhooks.Tx.
func (t *tx) InsertWebhookDelivery(ctx context.Context, d webhooks.Delivery) error {
	if err := t.confine(t.store.webhookDeliveries.entity, d.OrgID); err != nil {
		return err
	}
	return insertRow(ctx, t, &t.store.webhookDeliveries, &d)
}

// TrimWebhookDeliveries implements webhooks.Tx.
func (t *tx) TrimWebhookDeliveries(ctx context.Context, webhook crm.ID, keep int) error {
	_, err := t.exec(ctx, trimDeliveries, t.by.Org, webhook, int64(keep))
	return err
}
