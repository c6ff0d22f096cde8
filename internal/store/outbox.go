package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"sixty/internal/crm"
	"sixty/internal/mail"
)

// The outbox. The change log has no entries of it: no response is cached that is made from it.

func outboxTable() table[mail.Entry, mail.Filter] {
	return table[mail.Entry, mail.Filter]{
		name: "outbox", entity: mail.Entity, permanent: true,
		columns: columnsOf(mail.Outbox, nil),
		order:   mail.Outbox.Sorts.Default.Field,
		sorts:   map[string]sortKey{"created_at": {column: "created_at", kind: keyInstant}},
		filters: filtersOf(mail.Outbox, map[string]condition[mail.Filter]{"state": {column: "t.state"}}),
		id:      func(e *mail.Entry) crm.ID { return e.ID },
		org:     func(e *mail.Entry) crm.ID { return e.OrgID },
	}
}

var (
	putContent    = &Statement{"message.put_content", `INSERT INTO outbox_contents (org_id, id, text, html, attachments) VALUES ($1, $2, $3, $4, $5)`}
	messageText   = &Statement{"message.content", `SELECT text, html, attachments FROM outbox_contents WHERE org_id = $1 AND id = $2`}
	removeContent = &Statement{"message.remove_content", `DELETE FROM outbox_contents WHERE org_id = $1 AND id = $2`}
	updateMessage = &Statement{"message.update", `UPDATE outbox SET state = $3, error = $4, sent_at = $5 WHERE org_id = $1 AND id = $2`}
	oldMessages   = oldRows("message.old", "outbox", "created_at")
	pruneMessages = &Statement{"message.prune", `DELETE FROM outbox WHERE org_id = $1 AND id IN
(SELECT id FROM outbox WHERE org_id = $1 AND created_at < $2 ORDER BY created_at LIMIT $3)`}
)

// Mail returns the store as internal/mail needs it.
func (s *Store) Mail() mail.Store { return mailStore{s} }

type mailStore struct{ store *Store }

// write runs fn in the transaction that the context has joined, or in one of its own.
func (m mailStore) write(ctx context.Context, by crm.Actor, at crm.Instant, fn func(*tx) error) error {
	return m.store.Write(ctx, by, at, func(writing Tx) error {
		t, _ := writing.(*tx) // what Write passes
		return fn(t)
	})
}

// Put implements mail.Store.
func (m mailStore) Put(ctx context.Context, by crm.Actor, e mail.Entry, c mail.Content) error {
	attachments, err := json.Marshal(c.Attachments)
	if err != nil {
		return err
	}
	return m.write(ctx, by, e.CreatedAt, func(t *tx) error {
		if err := t.confine(mail.Entity, e.OrgID); err != nil {
			return err
		}
		into := &t.store.outbox
		st := t.store.statement("message.insert", func() *Statement {
			return &Statement{"message.insert", "INSERT INTO outbox (" + strings.Join(into.writtenColumns(), ", ") + ") VALUES (" + placeholders(1, len(into.columns)) + ")"}
		})
		if _, err := t.exec(ctx, st, into.values(&e, nil)...); err != nil {
			return err
		}
		_, err := t.exec(ctx, putContent, e.OrgID, e.ID, c.Text, c.HTML, string(attachments))
		return err
	})
}

// Outbox returns the view of the messages.
func (r *reader) Outbox() crm.View[mail.Entry, mail.Filter] {
	return view[mail.Entry, mail.Filter]{r, &r.store.outbox}
}

func (m mailStore) view() crm.View[mail.Entry, mail.Filter] {
	return (&reader{store: m.store}).Outbox()
}

// Page implements mail.Store.
func (m mailStore) Page(ctx context.Context, org crm.ID, q crm.List[mail.Filter]) (crm.Page[mail.Entry], error) {
	return m.view().Page(ctx, org, q)
}

// Entry implements mail.Store.
func (m mailStore) Entry(ctx context.Context, org, id crm.ID) (mail.Entry, error) {
	return crm.GetOne(ctx, m.view(), org, id, mail.Entity)
}

// Content implements mail.Store.
func (m mailStore) Content(ctx context.Context, org, id crm.ID) (mail.Content, bool, error) {
	type row struct {
		mail.Content
		attachments string
	}
	rows, err := collect(ctx, m.store, m.store.of(org), messageText, func(r *row) []any { return []any{&r.Text, &r.HTML, &r.attachments} }, org, id)
	if err != nil || len(rows) == 0 {
		return mail.Content{}, false, err
	}
	c := rows[0].Content
	if err := json.Unmarshal([]byte(rows[0].attachments), &c.Attachments); err != nil {
		return c, false, fmt.Errorf("the attachments of message %s: %w", id, err)
	}
	return c, true, nil
}

// Update implements mail.Store.
func (m mailStore) Update(ctx context.Context, by crm.Actor, at crm.Instant, id crm.ID, u mail.Update) error {
	return m.write(ctx, by, at, func(t *tx) error {
		n, err := t.exec(ctx, updateMessage, by.Org, id, string(u.State), u.Error, u.SentAt)
		if err == nil && n == 0 {
			err = crm.NotFound(mail.Entity)
		}
		if err != nil || !u.Remove {
			return err
		}
		_, err = t.exec(ctx, removeContent, by.Org, id)
		return err
	})
}

// PruneOutbox removes messages from before an instant, at most limit of them.
func (s *Store) PruneOutbox(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	return s.pruneRows(ctx, oldMessages, pruneMessages, before, limit)
}
