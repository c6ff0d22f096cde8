package changes_test

import (
	"context"
	"testing"

	"sixty/internal/changes"
	"sixty/internal/crm"
)

// busy returns a Follower of an organisation with many changes, and the unchanged tags of a
// page of 50 deals and their contacts.
func busy(b *testing.B) (f *changes.Follower, org crm.ID, at crm.LogPosition, tags []crm.Tag) {
	b.Helper()
	org = crm.NewID()
	log := newMemoryLog(org)
	f = changes.New(changes.Options{})
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = f.Run(ctx, log)
	}()
	b.Cleanup(func() { cancel(); <-ended })
	if _, _, ok := f.Position(b.Context(), org); !ok {
		b.Fatal("no position")
	}
	contact := func(e crm.LogEntry) crm.LogEntry { e.Entity = crm.EntityContact; return e }
	for range 2000 {
		refs := crm.Refs{Owner: []crm.ID{crm.NewID()}, Company: []crm.ID{crm.NewID()}}
		f.Committed(org, log.epoch, log.write(org, updated(crm.NewID(), refs), contact(updated(crm.NewID(), refs))))
	}
	at = f.Known(org)
	at.Seq -= 200
	tags = append(tags, crm.Tag{Entity: crm.EntityDeal, By: crm.ByOwner, ID: crm.NewID()})
	for range 59 {
		tags = append(tags, crm.Tag{Entity: crm.EntityContact, By: crm.ByID, ID: crm.NewID()})
	}
	if !f.Fresh(org, at, tags) {
		b.Fatal("not fresh")
	}
	return f, org, at, tags
}

func BenchmarkFresh(b *testing.B) {
	f, org, at, tags := busy(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if !f.Fresh(org, at, tags) {
				b.Error("not fresh")
			}
		}
	})
}

func BenchmarkPosition(b *testing.B) {
	f, org, _, _ := busy(b)
	ctx := b.Context()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, ok := f.Position(ctx, org); !ok {
				b.Error("no position")
			}
		}
	})
}
