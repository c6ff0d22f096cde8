package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
	"sixty/internal/transfer"
)

// recorded imports as a recorded import, and returns its id.
func (w *world) recorded(opt transfer.Options, sources ...transfer.Source) crm.ID {
	w.t.Helper()
	record := w.bulk.NewImport(w.by, string(opt.Kind), "cli")
	opt.Record = &record
	s, err := transfer.Import(w.t.Context(), w.bulk, w.by, opt, sources...)
	if err := errors.Join(err, transfer.End(w.t.Context(), w.bulk, w.by, record.ID, s.Counts, err)); err != nil {
		w.t.Fatal(err)
	}
	return record.ID
}

// noJob is for imports without jobs.
func noJob(context.Context, crm.ID) (bool, error) { return false, errors.New("there is no job") }

func (w *world) undo(id crm.ID) bulk.Undone {
	w.t.Helper()
	if _, err := w.bulk.BeginUndo(w.t.Context(), w.by, id, nil, noJob); err != nil {
		w.t.Fatal(err)
	}
	done, err := w.bulk.Undo(w.t.Context(), w.by, id, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return done
}

// TestUndoDataSet undoes the imports of the data sets, from the last to the first: nothing is left of
// them.
func TestUndoDataSet(t *testing.T) {
	t.Parallel()
	eachDataSet(t, func(t *testing.T, w *world, set dataSet) {
		stages := len(all(w, w.service.Stages))
		people := len(all(w, w.service.Owners))
		var ids []crm.ID
		var want int64
		for _, f := range set.files(t) {
			ids = append(ids, w.recorded(f.opt, f.source))
			want += f.rows
		}
		want += int64(len(all(w, w.service.Stages)) - stages)
		var deleted int64
		for _, id := range slices.Backward(ids) {
			done := w.undo(id)
			deleted += done.Deleted
			if done.Kept > 0 || done.Restored > 0 || done.Steps != done.Total {
				t.Errorf("%+v", done)
			}
		}
		left := len(all(w, w.service.Deals)) + len(all(w, w.service.Companies)) + len(all(w, w.service.Contacts))
		if left > 0 || len(all(w, w.service.Stages)) != stages || len(all(w, w.service.Owners)) != people || deleted != want {
			t.Errorf("%d records and %d stages are left, %d of %d are deleted", left, len(all(w, w.service.Stages)), deleted, want)
		}
	})
}

// before are rows of deals and contacts, after are rows that change them.
const (
	dealsBefore = "external_id,name,company,stage,value,primary_contact\n1,One,Acme,Lead,10,Ann Other\n2,Two,Acme,Lead,20,\n3,Three,Acme,Lead,30,\n4,Four,,Lead,40,\n"
	dealsAfter  = "external_id,name,company,stage,value,primary_contact\n1,One more,Bcme,Talk,11,Bob Other\n2,Two,Bcme,Talk,21,\n3,Three,Ccme,Talk,30,\n4,Four,,Lead,41,\n5,Five,Bcme,Talk,50,\n6,Six,,Lead,60,\n"
)

var undoDeals = transfer.Options{Kind: transfer.Deals, Keys: []string{"external_id"}, CreateMissing: []string{"company", "stage", "contact"}, Maps: []string{"primary_contact=contact"}}

// everything are the deals as they are, their histories included, and the names of all other records.
func (w *world) everything() []string {
	w.t.Helper()
	var facts []string
	for _, d := range all(w, w.service.Deals) {
		shown := d
		shown.Version, shown.UpdatedAt, shown.ID, shown.OrgID = 0, 0, crm.ID{}, crm.ID{}
		history, err := w.service.DealHistory(w.t.Context(), w.by, d.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		text, err := crm.EncodeJSON([]any{shown, history})
		if err != nil {
			w.t.Fatal(err)
		}
		facts = append(facts, string(text))
	}
	for _, c := range all(w, w.service.Companies) {
		facts = append(facts, "company "+c.Name)
	}
	for _, c := range all(w, w.service.Contacts) {
		facts = append(facts, fmt.Sprintf("contact %s %t", c.FullName, c.IsPrimary))
	}
	for _, s := range all(w, w.service.Stages) {
		facts = append(facts, "stage "+s.Name)
	}
	slices.Sort(facts)
	return facts
}

// TestUndoChanges: what an import has changed is as it was before, histories included.
func TestUndoChanges(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.load(undoDeals, file(t, dealsBefore))
		before := w.everything()
		id := w.recorded(undoDeals, file(t, dealsAfter))
		if cmp.Equal(before, w.everything()) {
			t.Fatal("the import changes nothing")
		}
		done := w.undo(id)
		if diff := cmp.Diff(before, w.everything()); diff != "" {
			t.Errorf("what is undone (-before +after):\n%s", diff)
		}
		if done.Deleted != 2+2+1+1 || done.Restored != 4 || done.Kept != 0 {
			t.Errorf("%+v", done)
		}
		// The file can be imported again.
		if got, _ := w.load(undoDeals, file(t, dealsAfter)); got.Created != 2 || got.Updated != 4 {
			t.Errorf("once more: %+v", got)
		}
	})
}

// TestUndoKeeps: what was changed since, or is referred to by what came later, is kept, and listed.
func TestUndoKeeps(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.load(undoDeals, file(t, dealsBefore))
		id := w.recorded(undoDeals, file(t, dealsAfter))
		byName := map[string]crm.Deal{}
		for _, d := range all(w, w.service.Deals) {
			byName[d.Name] = d
		}
		companies := map[string]crm.ID{}
		for _, c := range all(w, w.service.Companies) {
			companies[c.Name] = c.ID
		}
		two, six := byName["Two"], byName["Six"]
		for _, deal := range []crm.Deal{two, six} {
			if _, err := w.service.UpdateDeal(ctx, w.by, deal.ID, crm.VersionCondition{}, crm.DealPatch{Description: crm.Of("changed since")}); err != nil {
				t.Fatal(err)
			}
		}
		ccme := companies["Ccme"]
		newer, err := w.service.CreateContact(ctx, w.by, crm.ContactPatch{FirstName: crm.Of("New"), CompanyID: crm.Of(ccme)})
		if err != nil {
			t.Fatal(err)
		}
		done := w.undo(id)
		slices.SortFunc(done.Left, func(a, b bulk.Left) int { return strings.Compare(a.Entity+a.ID.String(), b.Entity+b.ID.String()) })
		stage := two.StageID
		want := []bulk.Left{
			{Entity: "company", ID: companies["Bcme"], Reason: "other records refer to it"},
			{Entity: "company", ID: ccme, Reason: "other records refer to it"},
			{Entity: "deal", ID: two.ID, Reason: "it was changed since"},
			{Entity: "deal", ID: six.ID, Reason: "it was changed since"},
			{Entity: "deal_stage", ID: stage, Reason: "other records refer to it"},
		}
		slices.SortFunc(want, func(a, b bulk.Left) int { return strings.Compare(a.Entity+a.ID.String(), b.Entity+b.ID.String()) })
		if diff := cmp.Diff(want, done.Left); diff != "" || done.Kept != 5 || done.Restored != 3 {
			t.Errorf("%+v (-want +got):\n%s", done, diff)
		}
		if now, err := w.service.Deal(ctx, w.by, two.ID); err != nil || *now.Value != 2100 || *now.Description != "changed since" {
			t.Errorf("the changed deal: %+v, %v", now, err)
		}
		if now, err := w.service.Contact(ctx, w.by, newer.ID); err != nil || now.CompanyID == nil || *now.CompanyID != ccme {
			t.Errorf("the newer contact: %+v, %v", now, err)
		}
	})
}

// TestUndoRefused: an import that is running, undone, unknown or too old is not undone.
func TestUndoRefused(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		refused := func(service *bulk.Service, id crm.ID, code crm.Code, want string) {
			t.Helper()
			_, err := service.BeginUndo(ctx, w.by, id, nil, noJob)
			if crm.CodeOf(err) != code || err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		}
		running := w.bulk.NewImport(w.by, "deals", "cli")
		if err := w.bulk.BeginImport(ctx, w.by, running); err != nil {
			t.Fatal(err)
		}
		refused(w.bulk, running.ID, crm.CodeConflict, "The import is running")
		refused(w.bulk, crm.NewID(), crm.CodeNotFound, "There is no such import")
		id := w.recorded(undoDeals, file(t, dealsAfter))
		late := bulk.NewService(w.store.Bulk(), func() time.Time { return enginetest.Started.Add(31 * 24 * time.Hour) })
		refused(late, id, crm.CodeConflict, "it can be undone for 30 days")
		w.undo(id)
		refused(w.bulk, id, crm.CodeConflict, "The import is undone")
		if other := w.sibling("Other"); other.by.Org != w.by.Org {
			if _, err := w.bulk.BeginUndo(ctx, other.by, id, nil, noJob); crm.CodeOf(err) != crm.CodeNotFound {
				t.Errorf("of another organisation: %v", err)
			}
		}
	})
}

// TestUndoResumes: an undo that is interrupted at any transaction, and run again, ends in the same.
func TestUndoResumes(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		run := func(at int64, committed bool) (crashed bool) {
			other := w.sibling(fmt.Sprintf("%d %t", at, committed))
			other.load(undoDeals, file(t, dealsBefore))
			before := other.everything()
			id := other.recorded(undoDeals, file(t, dealsAfter))
			if _, err := other.bulk.BeginUndo(t.Context(), other.by, id, nil, noJob); err != nil {
				t.Fatal(err)
			}
			crashing := bulk.NewService(crashingStore{Store: w.store.Bulk(), at: at, committed: committed, writes: new(atomic.Int64)}, enginetest.Clock())
			_, err := crashing.Undo(t.Context(), other.by, id, nil)
			if err != nil && !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			done, again := other.bulk.Undo(t.Context(), other.by, id, nil)
			if again != nil || done.Deleted != 6 || done.Restored != 4 || done.Kept != 0 {
				t.Errorf("at %d, %t: %+v, %v", at, committed, done, again)
			}
			if diff := cmp.Diff(before, other.everything()); diff != "" {
				t.Errorf("at %d, %t (-before +after):\n%s", at, committed, diff)
			}
			return err != nil
		}
		at := int64(1)
		for run(at, false) && run(at, true) {
			at++
		}
		if at < 4 {
			t.Errorf("it was interrupted %d times", at-1)
		}
	})
}

// TestUndoPrimary: a contact that an import has made the primary one of a company steps back for the one
// that was it.
func TestUndoPrimary(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		opt := transfer.Options{Kind: transfer.Contacts, Keys: []string{"email"}, CreateMissing: []string{"company"}}
		w.load(opt, file(t, "email,first_name,company,is_primary\na@example.com,Ann,Acme,true\nc@example.com,Cid,Bcme,true\n"))
		before := w.everything()
		id := w.recorded(opt, file(t, "email,first_name,company,is_primary\nb@example.com,Bob,Acme,true\nc@example.com,Cy,Acme,false\n"))
		if done := w.undo(id); done.Deleted != 1 || done.Restored != 2 || done.Kept != 0 {
			t.Errorf("%+v", done)
		}
		if diff := cmp.Diff(before, w.everything()); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	})
}
