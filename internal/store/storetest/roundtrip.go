package storetest

import (
	"reflect"
	"slices"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// What is stored is read again as it was, member by member, in every way that
// there is to store and to read.

// newRefs stores one of each kind, for others to refer to.
func newRefs(f *fixture, o tenant) refs {
	f.Helper()
	r := refs{owner: o.newOwner("Referred"), company: o.newCompany("Referred"), contact: o.newContact("Referred Person"), stage: o.newStage("Referred"), deal: o.newDeal("Referred")}
	r.contact.Email = ptr("referred@full.example")
	insert(f, o, owners(), r.owner)
	insert(f, o, companies(), r.company)
	insert(f, o, contacts(), r.contact)
	insert(f, o, stages(), r.stage)
	insert(f, o, deals(), r.deal)
	return r
}

// shown returns a deal as its view shows it, its primary contact being c.
func shown(d crm.Deal, c crm.Contact) crm.Deal {
	if d.PrimaryContactID != nil {
		d.ContactName, d.ContactEmail = &c.FullName, c.Email
	}
	return d
}

func same[T any](row T) T { return row }

func roundTrips(f *fixture) {
	r := newRefs(f, f.home)
	f.sub("companies", func(f *fixture) { roundTrip(f, companies(), companyVariants(f.home, r), same, nil) })
	f.sub("contacts", func(f *fixture) { roundTrip(f, contacts(), contactVariants(f.home, r), same, nil) })
	f.sub("deals", func(f *fixture) {
		roundTrip(f, deals(), dealVariants(f.home, r), func(d crm.Deal) crm.Deal { return shown(d, r.contact) }, nil)
	})
	f.sub("stages", func(f *fixture) { roundTrip(f, stages(), stageVariants(f.home, r), same, nil) })
	f.sub("owners", func(f *fixture) {
		roundTrip(f, owners(), ownerVariants(f.home, r), same, func(o *crm.Owner) bool { return !o.Service })
	})
	f.sub("activities", func(f *fixture) { roundTrip(f, activities(), activityVariants(f.home, r), same, nil) })
	f.sub("tasks", func(f *fixture) { roundTrip(f, tasks(), taskVariants(f.home, r), same, nil) })
}

// roundTrip stores the variants of a kind and reads them in every way. shows returns a
// row as views show it; listed (nil: all) reports whether a list holds it.
func roundTrip[T, F any](f *fixture, k kind[T, F], variants []T, shows func(T) T, listed func(*T) bool) {
	k.complete(&variants[0], &variants[2])
	checkVariants(f, variants[0], variants[1])
	insert(f, f.home, k, variants...)
	checkRows(f, k, variants, shows)
	list := listAll(f, f.home, k)
	for i := range variants {
		row, there := list[*k.id(&variants[i])]
		if want := listed == nil || listed(&variants[i]); there != want {
			f.Errorf("listed: %v, want %v", there, want)
		} else if diff := cmp.Diff(shows(variants[i]), row); there && diff != "" {
			f.Errorf("listed (-want +got):\n%s", diff)
		}
	}
}

// checkVariants makes sure that the first variant sets every member and the second
// none that may be null, so that a member added later is tested.
func checkVariants[T any](f *fixture, full, bare T) {
	f.Helper()
	a, b := reflect.ValueOf(full), reflect.ValueOf(bare)
	for i := range a.NumField() {
		name := a.Type().Field(i).Name
		if a.Field(i).IsZero() {
			f.Errorf("the full variant lacks %s", name)
		}
		if b.Field(i).Kind() == reflect.Pointer && !b.Field(i).IsNil() {
			f.Errorf("the bare variant has %s", name)
		}
	}
}

// checkRows compares what is stored, read by id and locked, with what it must be.
func checkRows[T, F any](f *fixture, k kind[T, F], want []T, shows func(T) T) {
	f.Helper()
	got := readAll(f, f.home, k, idsOf(k, want))
	locked := map[crm.ID]T{}
	f.write(f.home, 9, func(tx store.Tx) error {
		rows, err := k.table(tx).LockForUpdate(f.Context(), idsOf(k, want))
		for i := range rows {
			locked[*k.id(&rows[i])] = rows[i]
		}
		return err
	})
	if len(got) != len(want) || len(locked) != len(want) {
		f.Fatalf("read %d rows and locked %d, want %d", len(got), len(locked), len(want))
	}
	for i := range want {
		id := *k.id(&want[i])
		if !reflect.DeepEqual(got[id], shows(want[i])) {
			f.Fatalf("row %d, by id (-want +got):\n%s", i, cmp.Diff(shows(want[i]), got[id]))
		}
		if !reflect.DeepEqual(locked[id], want[i]) {
			f.Fatalf("row %d, locked (-want +got):\n%s", i, cmp.Diff(want[i], locked[id]))
		}
	}
}

// copies makes n rows of the variants in turn.
func copies[T, F any](k kind[T, F], variants []T, n int) []T {
	rows := make([]T, n)
	for i := range rows {
		rows[i] = variants[i%len(variants)]
		k.fresh(&rows[i], i)
	}
	return rows
}

// bulkLoads inserts few and many rows at once, about the sizes where an engine's
// ways change, and after a roll-back.
func bulkLoads(f *fixture) {
	r := newRefs(f, f.home)
	f.sub("companies", func(f *fixture) { bulkLoad(f, companies(), companyVariants(f.home, r), same) })
	f.sub("contacts", func(f *fixture) { bulkLoad(f, contacts(), contactVariants(f.home, r), same) })
	f.sub("deals", func(f *fixture) {
		bulkLoad(f, deals(), dealVariants(f.home, r), func(d crm.Deal) crm.Deal { return shown(d, r.contact) })
	})
	f.sub("stages", func(f *fixture) { bulkLoad(f, stages(), stageVariants(f.home, r), same) })
	f.sub("owners", func(f *fixture) { bulkLoad(f, owners(), ownerVariants(f.home, r), same) })
	f.sub("activities", func(f *fixture) { bulkLoad(f, activities(), activityVariants(f.home, r), same) })
	f.sub("tasks", func(f *fixture) { bulkLoad(f, tasks(), taskVariants(f.home, r), same) })
}

func bulkLoad[T, F any](f *fixture, k kind[T, F], variants []T, shows func(T) T) {
	sizes := []int{0, 1, 24, 25, 26, 49, 50, 51, 500}
	if k.entity == "deal" {
		sizes = append(sizes, 5000)
	}
	total := 0
	for _, n := range sizes {
		total += n
	}
	all := copies(k, variants, total)
	rest := all
	for _, n := range sizes {
		rows := rest[:n]
		rest = rest[n:]
		if n <= 500 {
			err := f.store.DryRun(f.Context(), f.home.by, at(1), func(tx store.Tx) error {
				return k.table(tx).Insert(f.Context(), rows)
			})
			if err != nil {
				f.Fatalf("rehearsing %d rows: %v", n, err)
			}
		}
		insert(f, f.home, k, rows...)
		checkRows(f, k, rows, shows)
	}
	// Two loads of one transaction do not see each other's rows.
	more := copies(k, all[:1], 120)
	for i := range more {
		k.fresh(&more[i], total+i)
	}
	f.write(f.home, 1, func(tx store.Tx) error {
		for part := range slices.Chunk(more, 60) {
			if err := k.table(tx).Insert(f.Context(), part); err != nil {
				return err
			}
		}
		return nil
	})
	checkRows(f, k, more, shows)
}

// updates turns rows of each variant into rows of the others, one by one and many
// at once, and refuses rows that are not as they were read.
func updates(f *fixture) {
	r := newRefs(f, f.home)
	f.sub("companies", func(f *fixture) { updateAll(f, companies(), companyVariants(f.home, r), same) })
	f.sub("contacts", func(f *fixture) { updateAll(f, contacts(), contactVariants(f.home, r), same) })
	f.sub("deals", func(f *fixture) {
		updateAll(f, deals(), dealVariants(f.home, r), func(d crm.Deal) crm.Deal { return shown(d, r.contact) })
	})
	f.sub("stages", func(f *fixture) { updateAll(f, stages(), stageVariants(f.home, r), same) })
	f.sub("owners", func(f *fixture) { updateAll(f, owners(), ownerVariants(f.home, r), same) })
	f.sub("activities", func(f *fixture) { updateAll(f, activities(), activityVariants(f.home, r), same) })
	f.sub("tasks", func(f *fixture) { updateAll(f, tasks(), taskVariants(f.home, r), same) })
}

func updateAll[T, F any](f *fixture, k kind[T, F], variants []T, shows func(T) T) {
	rows := copies(k, variants, 120)
	insert(f, f.home, k, rows...)
	stale := rows[0]
	serial := len(rows)
	for round, n := range []int{1, 2, 49, 50, len(rows)} {
		changes := make([]crm.Change[T], n)
		for i := range changes {
			after := variants[(i+round+1)%len(variants)]
			k.fresh(&after, serial)
			serial++
			*k.id(&after), *k.version(&after) = *k.id(&rows[i]), *k.version(&rows[i])
			changes[i] = crm.Change[T]{Before: rows[i], After: after}
		}
		f.write(f.home, 2, func(tx store.Tx) error { return k.table(tx).Update(f.Context(), changes) })
		for i := range changes {
			rows[i] = changes[i].After
			*k.version(&rows[i])++
		}
		checkRows(f, k, rows, shows)
	}
	for _, n := range []int{1, len(rows)} {
		changes := make([]crm.Change[T], n)
		for i := range changes {
			changes[i] = crm.Change[T]{Before: rows[i], After: rows[i]}
		}
		changes[0] = crm.Change[T]{Before: stale, After: stale}
		_ = f.fails(f.home, func(tx store.Tx) error { return k.table(tx).Update(f.Context(), changes) })
		checkRows(f, k, rows, shows)
	}
}

// dealContactText shows a deal's own text for its contact where there is no primary
// contact, and the contact's, be it empty, where there is one.
func dealContactText(f *fixture) {
	named, nameless := f.home.newContact("Grace"), f.home.newContact("")
	named.Email, nameless.FirstName = ptr("grace@example.org"), nil
	insert(f, f.home, contacts(), named, nameless)
	for _, c := range []struct {
		name        string
		contact     *crm.ID
		text, email *string
	}{
		{"none", nil, ptr("own text"), ptr("own@example.org")},
		{"named", &named.ID, ptr("Grace"), ptr("grace@example.org")},
		{"nameless", &nameless.ID, ptr(""), nil},
	} {
		d := f.home.newDeal(c.name)
		d.PrimaryContactID, d.ContactName, d.ContactEmail = c.contact, ptr("own text"), ptr("own@example.org")
		insert(f, f.home, deals(), d)
		want := d
		want.ContactName, want.ContactEmail = c.text, c.email
		if diff := cmp.Diff(want, get(f, f.home, deals(), d.ID)); diff != "" {
			f.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(want, listAll(f, f.home, deals())[d.ID]); diff != "" {
			f.Errorf("%s, listed (-want +got):\n%s", c.name, diff)
		}
	}
}
