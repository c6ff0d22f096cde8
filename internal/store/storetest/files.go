package storetest

import (
	"context"
	"errors"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/files"
)

// filesOfOrganisations are rows of one organisation each, by the database's clock.
func filesOfOrganisations(f *fixture) {
	ctx := f.Context()
	now, err := f.store.Now(ctx)
	now = must(f, now, err)
	day := crm.Instant((24 * time.Hour).Microseconds())
	newFile := func(o tenant, expires crm.Instant) files.File {
		return files.File{OrgID: o.ID, ID: crm.NewID(), Purpose: files.Export, Name: "a.csv", Media: "text/csv", Size: 7, SHA256: "00", CreatedAt: at(1), ExpiresAt: expires, Expired: expires < now}
	}
	full, old, older := newFile(f.home, now+day), newFile(f.home, now-day), newFile(f.home, now-40*day)
	full.Place, full.ActorID, full.SeesAll, full.AdminOnly = ptr("folder"), &f.home.owner.ID, true, true
	theirs := full
	theirs.OrgID, theirs.Name, theirs.Size = f.away.ID, "theirs.csv", 1<<40
	before := logEnd(f, f.home.ID)
	for _, row := range []files.File{full, old, older} {
		if err := f.store.InsertFile(ctx, f.home.by, row); err != nil {
			f.Fatal(err)
		}
	}
	if err := f.store.InsertFile(ctx, f.away.by, theirs); err != nil {
		f.Fatal(err)
	}
	if err := f.store.InsertFile(ctx, f.home.by, newFile(f.away, now)); err == nil {
		f.Error("a file of another organisation was written")
	}
	expect := func(o tenant, want ...files.File) {
		f.Helper()
		var got []files.File
		for after := (crm.ID{}); ; after = got[len(got)-1].ID {
			page, err := f.store.Files(ctx, o.ID, after, 1)
			if got = append(got, must(f, page, err)...); len(page) == 0 {
				break
			}
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			f.Errorf("(-want +got):\n%s", diff)
		}
		for _, w := range want {
			one, err := f.store.File(ctx, o.ID, w.ID)
			if diff := gocmp.Diff(w, must(f, one, err)); diff != "" {
				f.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
	expect(f.home, full, old, older)
	expect(f.away, theirs)
	some, err := f.store.FilesByID(ctx, f.home.ID, []crm.ID{full.ID, crm.NewID(), old.ID})
	if len(must(f, some, err)) != 2 {
		f.Errorf("by ids: %+v", some)
	}
	size, present, err := f.store.FilesSize(ctx, f.home.ID)
	if must(f, size, err) != 7 || present < now {
		f.Errorf("the size is %d at %v; %v before", size, present, now)
	}
	if _, err := f.store.File(ctx, f.home.ID, crm.NewID()); crm.CodeOf(err) != crm.CodeNotFound {
		f.Errorf("one that is not there: %v", err)
	}

	// Part of a transaction, with which it is not there.
	lost := newFile(f.home, now)
	broken := errors.New("broken")
	err = f.store.Atomic(ctx, f.home.by, at(2), func(ctx context.Context) error {
		if err := f.store.InsertFile(ctx, f.home.by, lost); err != nil {
			return err
		}
		if _, err := f.store.File(ctx, f.home.ID, lost.ID); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		f.Errorf("the transaction: %v", err)
	}
	err = f.store.Atomic(ctx, f.home.by, at(2), func(ctx context.Context) error { return f.store.DeleteFile(ctx, f.home.by, full.ID) })
	if err == nil {
		f.Error("a file was removed as part of a transaction")
	}
	expect(f.home, full, old, older)

	n, err := f.store.PruneFiles(ctx, now-30*day, 10)
	if must(f, n, err) != 1 {
		f.Errorf("%d were removed, want 1", n)
	}
	if err := f.store.DeleteFile(ctx, f.home.by, full.ID); err != nil {
		f.Error(err)
	}
	expect(f.home, old)
	expect(f.away, theirs)
	ids, err := f.store.OrganisationIDs(ctx)
	if len(must(f, ids, err)) != 2 {
		f.Errorf("the organisations: %v", ids)
	}
	if end := logEnd(f, f.home.ID); end != before {
		f.Errorf("the change log ends at %v, want %v", end, before)
	}
}
