package storetest

import (
	"errors"
	"sync"

	"sixty/internal/crm"
)

// migrations may run again, and in several processes at once, on an empty database
// as on one that is in use.
func migrations(f *fixture) {
	c := f.home.newCompany("Kept")
	insert(f, f.home, companies(), c)
	if err := f.engine.Migrate(f.Context()); err != nil {
		f.Fatalf("again: %v", err)
	}
	get(f, f.home, companies(), c.ID)
	works(f, f.store)

	empty := *f
	empty.opener = f.database(f.T)
	const processes = 3
	errs := make([]error, processes)
	var starting sync.WaitGroup
	for i := range processes {
		starting.Go(func() {
			engine, _ := empty.open(patience)
			errs[i] = engine.Migrate(f.Context())
		})
	}
	starting.Wait()
	if err := errors.Join(errs...); err != nil {
		f.Fatalf("at once: %v", err)
	}
	empty.engine, empty.store = empty.open(patience)
	empty.home = empty.tenant("Home")
	works(&empty, empty.store)
}

// twoEngines on one database see what the other commits, in lists and locks alike.
func twoEngines(f *fixture) {
	_, second := f.open(patience)
	there := *f
	there.store = second
	for range 3 {
		c := f.home.newCompany("Here")
		insert(f, f.home, companies(), c)
		get(&there, f.home, companies(), c.ID)
		update(&there, f.home, companies(), 2, func(c *crm.Company) { c.Name = "There" }, c.ID)
		if got := get(f, f.home, companies(), c.ID); got.Name != "There" || got.Version != 2 {
			f.Errorf("read here: %q in version %d", got.Name, got.Version)
		}
		update(f, f.home, companies(), 3, func(c *crm.Company) { c.Name = "Here" }, c.ID)
		if got := listAll(&there, f.home, companies())[c.ID]; got.Name != "Here" || got.Version != 3 {
			f.Errorf("listed there: %q in version %d", got.Name, got.Version)
		}
		remove(&there, f.home, companies(), 4, c.ID)
		if rows := readAll(f, f.home, companies(), []crm.ID{c.ID}); len(rows) > 0 {
			f.Error("what was deleted there is read here")
		}
	}
}
