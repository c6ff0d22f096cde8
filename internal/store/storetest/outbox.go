package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/mail"
)

func (o tenant) newMessage(n int) mail.Entry {
	e := mail.Entry{
		OrgID: o.ID, ID: crm.NewID(), State: mail.Waiting, Recipient: "ada@example.com", Subject: "Grüße", Size: int64(n),
		JobID: crm.NewID(), CreatedAt: at(n),
	}
	if n%2 == 1 {
		e.State, e.Secret, e.Error, e.ActorID, e.SentAt = mail.Failed, true, ptr("no such user"), &o.owner.ID, ptr(at(n+1))
	}
	return e
}

// outboxes hold messages and what they say, newest first, for their own organisation alone.
func outboxes(f *fixture) {
	ctx, s := f.Context(), f.store.Mail()
	before := logEnd(f, f.home.ID)
	said := mail.Content{Text: "Hello\r\n", HTML: "<p>Hello</p>", Attachments: []mail.Attachment{{Name: "a.bin", Media: "application/octet-stream", Content: []byte{0, 1, 255}}}}
	var want []mail.Entry
	for n := range 7 {
		e := f.home.newMessage(n)
		if err := s.Put(ctx, f.home.by, e, said); err != nil {
			f.Fatal(err)
		}
		want = append(want, e)
		theirs := e // of another organisation, with the same id
		theirs.OrgID, theirs.Subject, theirs.ActorID = f.away.ID, "Away", nil
		if err := s.Put(ctx, f.away.by, theirs, mail.Content{Text: "Away"}); err != nil {
			f.Fatal(err)
		}
		if err := s.Put(ctx, f.home.by, theirs, said); err == nil {
			f.Error("a message of another organisation is written")
		}
	}
	slices.Reverse(want)
	for name, c := range map[string]struct {
		filter mail.Filter
		keep   func(mail.Entry) bool
	}{
		"All":    {mail.Filter{}, func(mail.Entry) bool { return true }},
		"Failed": {mail.Filter{State: crm.Only(string(mail.Failed))}, func(e mail.Entry) bool { return e.State == mail.Failed }},
	} {
		fit := slices.DeleteFunc(slices.Clone(want), func(e mail.Entry) bool { return !c.keep(e) })
		var got []mail.Entry
		q := crm.List[mail.Filter]{Filter: c.filter, Sort: mail.Outbox.Sorts.Default, Limit: 2}
		for more := true; more; {
			p, err := s.Page(ctx, f.home.ID, q)
			must(f, p, err)
			got, q.From, more = append(got, p.Rows...), p.Last, p.HasMore
		}
		if diff := gocmp.Diff(fit, got); diff != "" {
			f.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	e := want[0]
	got, ok, err := s.Content(ctx, f.home.ID, e.ID)
	if diff := gocmp.Diff(said, must(f, got, err)); diff != "" || !ok {
		f.Errorf("the content (-want +got):\n%s", diff)
	}
	u := mail.Update{State: mail.Sent, SentAt: ptr(at(9)), Remove: true}
	if err := s.Update(ctx, f.home.by, at(9), e.ID, u); err != nil {
		f.Fatal(err)
	}
	e.State, e.Error, e.SentAt = u.State, u.Error, u.SentAt
	now, err := s.Entry(ctx, f.home.ID, e.ID)
	if diff := gocmp.Diff(e, must(f, now, err)); diff != "" {
		f.Errorf("changed (-want +got):\n%s", diff)
	}
	if _, ok, err := s.Content(ctx, f.home.ID, e.ID); ok || err != nil {
		f.Errorf("a content that was removed: %t, %v", ok, err)
	}
	theirs, ok, err := s.Content(ctx, f.away.ID, e.ID)
	if must(f, theirs, err).Text != "Away" || !ok {
		f.Errorf("another organisation's content is %+v", theirs)
	}
	if _, err := s.Entry(ctx, f.home.ID, crm.NewID()); crm.CodeOf(err) != crm.CodeNotFound {
		f.Errorf("an unknown message: %v", err)
	}
	if err := s.Update(ctx, f.home.by, at(9), crm.NewID(), u); crm.CodeOf(err) != crm.CodeNotFound {
		f.Errorf("a change of an unknown message: %v", err)
	}
	if after := logEnd(f, f.home.ID); after != before {
		f.Errorf("the change log grew from %d to %d", before, after)
	}
}

// outboxJoins: a message is part of the transaction that adds it.
func outboxJoins(f *fixture) {
	s, failure := f.store.Mail(), errors.New("on purpose")
	kept, lost := f.home.newMessage(0), f.home.newMessage(1)
	for _, c := range []struct {
		e    mail.Entry
		fail error
	}{{kept, nil}, {lost, failure}} {
		err := f.store.Atomic(f.Context(), f.home.by, at(1), func(ctx context.Context) error {
			if err := s.Put(ctx, f.home.by, c.e, mail.Content{Text: "Hello"}); err != nil {
				return err
			}
			return c.fail
		})
		if !errors.Is(err, c.fail) {
			f.Fatal(err)
		}
	}
	e, err := s.Entry(f.Context(), f.home.ID, kept.ID)
	must(f, e, err)
	if _, err := s.Entry(f.Context(), f.home.ID, lost.ID); crm.CodeOf(err) != crm.CodeNotFound {
		f.Errorf("a message of a transaction that was rolled back: %v", err)
	}
	if _, ok, err := s.Content(f.Context(), f.home.ID, lost.ID); ok || err != nil {
		f.Errorf("its content: %t, %v", ok, err)
	}
}

// outboxPruned removes the old messages, with what they say.
func outboxPruned(f *fixture) {
	s, first := f.store.Mail(), map[crm.ID]crm.ID{}
	for i := range 3 {
		for _, o := range []tenant{f.home, f.away} {
			e := o.newMessage(i)
			if err := s.Put(f.Context(), o.by, e, mail.Content{Text: "Hello"}); err != nil {
				f.Fatal(err)
			}
			if i == 0 {
				first[o.ID] = e.ID
			}
		}
	}
	pruned(f, "messages", f.store.PruneOutbox, []pruning{{0, 100, 0}, {3, 0, 0}, {2, 3, 3}, {2, 100, 1}, {2, 100, 0}})
	for _, o := range []tenant{f.home, f.away} {
		p, err := s.Page(f.Context(), o.ID, crm.List[mail.Filter]{Sort: mail.Outbox.Sorts.Default, Limit: 10})
		if rows := must(f, p, err).Rows; len(rows) != 1 || rows[0].CreatedAt != at(2) {
			f.Errorf("what is left is %+v", rows)
		}
		if _, ok, err := s.Content(f.Context(), o.ID, first[o.ID]); ok || err != nil {
			f.Errorf("the content of a message that was removed: %t, %v", ok, err)
		}
	}
}

// messages fills an outbox.
func (m maker) messages(f *fixture, o tenant, n int) {
	f.Helper()
	states := []mail.State{mail.Waiting, mail.Sent, mail.Kept, mail.Failed}
	reason := strings.Repeat("note ", 200) // so that reading the whole table costs something
	s := f.store.Mail()
	err := f.store.Atomic(f.Context(), o.by, at(1), func(ctx context.Context) error {
		for range n {
			e := o.newMessage(0)
			e.CreatedAt, e.State, e.Error = m.moment(), states[m.IntN(len(states))], &reason
			if err := s.Put(ctx, o.by, e, mail.Content{Text: "Hello"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
}
