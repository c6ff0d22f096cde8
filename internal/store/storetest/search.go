package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// titles returns the names that a search of everything finds, in order.
func titles(f *fixture, o tenant, typed string) []string {
	f.Helper()
	q := crm.ParseQuery(typed)
	p, err := f.store.Reads(crm.Actor{}).Search(f.Context(), o.ID, crm.List[crm.HitFilter]{Search: &q, Sort: crm.ByRank, Limit: crm.MaxLimit})
	all := []string{}
	for _, h := range must(f, p, err).Rows {
		all = append(all, h.Title)
	}
	return all
}

// finds reports whether a search of everything finds just these, in this order.
func findsJust(f *fixture, o tenant, typed string, want ...string) {
	f.Helper()
	if got := titles(f, o, typed); !slices.Equal(got, want) {
		f.Errorf("%.60q finds %q, want %q", typed, got, want)
	}
}

// searches finds by words and their beginnings, best first, whatever is typed.
func searches(f *fixture) {
	acme, ville, oneill := f.home.newCompany("Acme"), f.home.newCompany("Acmeville"), f.home.newCompany("O'Neill & Söhne")
	acme.UpdatedAt = at(1)
	acme.Domain, acme.Industry, oneill.Domain = ptr("acme.example"), ptr("Straßenbau"), ptr("acme-oneill.example")
	jorg, nameless := f.home.newContact("Jörg Müller"), f.home.newContact("")
	jorg.Title, nameless.FirstName, nameless.Email = ptr("Geschäftsführer"), nil, ptr("ada@acme.example")
	deal := f.home.newDeal("Łódź – 200 licences")
	deal.Company, deal.ContactName, deal.ExternalID = ptr("Acme"), ptr("Jörg"), ptr("D-17")
	insert(f, f.home, companies(), acme, ville, oneill)
	insert(f, f.home, contacts(), jorg, nameless)
	insert(f, f.home, deals(), deal)

	findsJust(f, f.home, "acm", "Acme", "Acmeville", "ada@acme.example", "Łódź – 200 licences", "O'Neill & Söhne")
	findsJust(f, f.home, "acme", "Acme", "Acmeville", "ada@acme.example", "Łódź – 200 licences", "O'Neill & Söhne")
	for typed, want := range map[string]string{
		"jorg mul": "Jörg Müller", "MÜLLER": "Jörg Müller", "jo\u0308rg geschafts": "Jörg Müller",
		"strasse": "Acme", "straße acme": "Acme", "o'neill": "O'Neill & Söhne", "SOHNE": "O'Neill & Söhne",
		"ada@acme.example": "ada@acme.example", "lodz 200": "Łódź – 200 licences", "d-17 jörg": "Łódź – 200 licences",
		`"acmeville"*`: "Acmeville", "acmeville; DROP TABLE search": "", "acmeville OR acme": "", "acmeville -acme": "Acmeville",
		"acme xyz": "", "me": "", "cmevil": "Acmeville", "neill": "O'Neill & Söhne", "oneill": "O'Neill & Söhne", "o’neill": "O'Neill & Söhne", "acmeoneill": "O'Neill & Söhne",
		"d17": "Łódź – 200 licences", "https://www.acme-oneill.example/path?x=1#y": "O'Neill & Söhne", "\u200b": "", strings.Repeat("acmeville-", 1000): "Acmeville", "example acme neill": "O'Neill & Söhne",
		"": "", `'`: "", `"`: "", "%": "", "_": "", `\`: "", "*": "", "' OR 1=1 --": "", "acm*ville": "Acmeville", "🦀": "", "\x00": "",
		"NEAR(acme)": "", "title:acme": "", "acmeville & !x": "", "acmeville:*": "Acmeville", "(acmeville)": "Acmeville", "^acmeville": "Acmeville",
		strings.Repeat("acmeville ", 1000): "Acmeville", strings.Repeat("x", 10_000): "", strings.Repeat("🦀", 10_000): "", strings.Repeat("'\"%", 3000): "",
	} {
		if want == "" {
			findsJust(f, f.home, typed)
		} else {
			findsJust(f, f.home, typed, want)
		}
	}
}

// searchLists narrows a searched list by every filter, in every order, and walks it.
func searchLists[T, F any](f *fixture, l *list[T, F], typed string, fits func(*T) bool) {
	q := crm.ParseQuery(typed)
	searched := condition[T, F]{"search", func(*F) {}, fits}
	for _, field := range l.sorts.Fields {
		for _, desc := range []bool{false, true} {
			sort := crm.Sort{Field: field, Desc: desc}
			want := l.ordered(sort, searched)
			if len(want) < 10 {
				f.Fatalf("only %d rows fit %q", len(want), typed)
			}
			for _, limit := range []int{3, 7, crm.MaxLimit} {
				page := crm.List[F]{Search: &q, Sort: sort, Limit: limit}
				l.forward(f, page, want)
				l.backward(f, page, want)
			}
			from := l.read(f, crm.List[F]{Search: &q, Sort: sort, Limit: 5}, want, 0, 5).Last
			at := *from
			at.Inclusive = true
			l.read(f, crm.List[F]{Search: &q, Sort: sort, Limit: 3, From: &at}, want, 4, 7)
			l.read(f, crm.List[F]{Search: &q, Sort: sort, Limit: 3, From: &at, Backward: true}, want, 2, 5)
		}
	}
	for _, c := range l.conditions {
		want := l.ordered(l.sorts.Default, searched, c)
		page := crm.List[F]{Search: &q, Filter: l.filter(c), Sort: l.sorts.Default, Limit: crm.MaxLimit, Count: crm.CountExact}
		if p := l.read(f, page, want, 0, len(want)); *p.Total != int64(len(want)) {
			f.Errorf("%s and %q: counted %d of %d", c.name, typed, *p.Total, len(want))
		}
	}
}

// acmes reports whether a name has a word that begins with acme.
func acmes(name string) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(name)), "acme")
}

// searchKeepsUp with everything that writes.
func searchKeepsUp(f *fixture) {
	c, p, d := f.home.newCompany("First"), f.home.newContact("Grace"), f.home.newDeal("Ship")
	insert(f, f.home, companies(), c)
	p.CompanyID = &c.ID
	insert(f, f.home, contacts(), p)
	d.CompanyID, d.PrimaryContactID, d.Company = &c.ID, &p.ID, ptr("First")
	insert(f, f.home, deals(), d)
	findsJust(f, f.home, "first", "First", "Ship")

	update(f, f.home, companies(), 2, func(c *crm.Company) { c.Name = "Second" }, c.ID)
	update(f, f.home, companies(), 3, func(c *crm.Company) { c.Phone = ptr("1") }, c.ID)
	findsJust(f, f.home, "first", "Ship")
	findsJust(f, f.home, "second", "Second", "Ship")

	remove(f, f.home, deals(), 4, d.ID)
	findsJust(f, f.home, "ship")
	f.write(f.home, 5, func(tx store.Tx) error { return tx.ClearCompany(f.Context(), c.ID) })
	remove(f, f.home, companies(), 5, c.ID)
	findsJust(f, f.home, "second")
	findsJust(f, f.home, "grace", "Grace")

	// What is rolled back was never there.
	err := f.store.DryRun(f.Context(), f.home.by, at(6), func(tx store.Tx) error {
		return tx.Companies().Insert(f.Context(), []crm.Company{f.home.newCompany("Rehearsed")})
	})
	if err != nil {
		f.Fatal(err)
	}
	findsJust(f, f.home, "rehearsed")

	// In bulk: loaded, changed and loaded again, in one transaction too.
	const many = 300
	rows := make([]crm.Company, many)
	ids := make([]crm.ID, many)
	for i := range rows {
		rows[i] = f.home.newCompany(fmt.Sprintf("Bulk %d", i))
		ids[i] = rows[i].ID
	}
	insert(f, f.home, companies(), rows...)
	if n := len(titles(f, f.home, "bulk")); n != many {
		f.Errorf("found %d of %d", n, many)
	}
	update(f, f.home, companies(), 7, func(c *crm.Company) { c.Name = "Changed" + c.Name[len("Bulk"):] }, ids...)
	if n := len(titles(f, f.home, "bulk")) + len(titles(f, f.home, "changed")); n != many {
		f.Errorf("after the change found %d of %d", n, many)
	}
	findsJust(f, f.home, "changed 299", "Changed 299")
	remove(f, f.home, companies(), 8, ids...)
	findsJust(f, f.home, "changed")
}

// searchConfined finds nothing of another organisation, though it shares the ids.
func searchConfined(f *fixture) {
	home := f.home.newCompany("Shared Home")
	away := home
	away.OrgID, away.Name = f.away.ID, "Shared Away"
	insert(f, f.home, companies(), home)
	insert(f, f.away, companies(), away)
	findsJust(f, f.home, "shared", "Shared Home")
	findsJust(f, f.away, "shared", "Shared Away")
	findsJust(f, f.home, "away")
	update(f, f.away, companies(), 2, func(c *crm.Company) { c.Name = "Changed" }, away.ID)
	remove(f, f.away, companies(), 3, away.ID)
	findsJust(f, f.home, "shared", "Shared Home")
	findsJust(f, f.away, "shared")
}

// searchLimit looks at what was entered last, and says so. A list in another order looks at more.
func searchLimit(f *fixture) {
	rows := make([]crm.Company, crm.MaxHits+100)
	for i := range rows {
		rows[i] = f.home.newCompany(fmt.Sprintf("Row %d", i))
		rows[i].Industry = ptr("of " + strings.Repeat("i", i/crm.MaxHits+1))
	}
	insert(f, f.home, companies(), rows...)
	page := func(typed string, sort crm.Sort) crm.Page[crm.Company] {
		q := crm.ParseQuery(typed)
		p, err := f.store.Reads(crm.Actor{}).Companies().Page(f.Context(), f.home.ID, crm.List[crm.CompanyFilter]{Search: &q, Sort: sort, Limit: crm.MaxLimit, Count: crm.CountExact})
		return must(f, p, err)
	}
	p := page("row", crm.ByRank)
	if len(p.Rows) != crm.MaxHits || p.Total != nil || !p.Truncated || p.HasMore {
		f.Fatalf("found %d, counted %v, truncated %t, more %v", len(p.Rows), p.Total, p.Truncated, p.HasMore)
	}
	for _, r := range p.Rows {
		if slices.ContainsFunc(rows[:99], func(c crm.Company) bool { return c.ID == r.ID }) {
			f.Fatalf("%s is among the last %d", r.Name, crm.MaxHits)
		}
	}
	q := crm.ParseQuery("row")
	hits, err := f.store.Reads(crm.Actor{}).Search(f.Context(), f.home.ID, crm.List[crm.HitFilter]{Search: &q, Sort: crm.ByRank, Limit: 5, Count: crm.CountExact})
	if err != nil || hits.Total != nil || !hits.Truncated || len(hits.Rows) != 5 {
		f.Errorf("a search of everything: %+v, %v", hits, err)
	}
	// Exactly as many as are looked at are all.
	if p := page("row iii", crm.ByRank); p.Total == nil || *p.Total != 0 || p.Truncated {
		f.Errorf("nothing: %+v", p)
	}
	f.write(f.home, 2, func(tx store.Tx) error {
		locked, err := tx.Companies().LockForUpdate(f.Context(), []crm.ID{rows[0].ID})
		if err != nil {
			return err
		}
		for i := range 100 {
			row := rows[i]
			if i == 0 {
				row = locked[0]
			}
			if err := tx.Companies().Delete(f.Context(), row); err != nil {
				return err
			}
		}
		return nil
	})
	if p := page("row", crm.ByRank); len(p.Rows) != crm.MaxHits || p.Total == nil || *p.Total != crm.MaxHits || p.Truncated {
		f.Errorf("all that are looked at: found %d, counted %v, truncated %t", len(p.Rows), p.Total, p.Truncated)
	}
	rows = rows[100:]
	more := make([]crm.Company, 100)
	for i := range more {
		more[i] = f.home.newCompany(fmt.Sprintf("Row x%d", i))
	}
	insert(f, f.home, companies(), more...)
	// In another order, all are found and counted.
	byName := crm.Sort{Field: "name"}
	if p := page("row", byName); len(p.Rows) != crm.MaxLimit || p.Total == nil || *p.Total != crm.MaxHits+100 || p.Truncated || !p.HasMore || p.Rows[0].Name != "Row 100" {
		f.Errorf("by name: found %d, counted %v, truncated %t, more %t, first %q", len(p.Rows), p.Total, p.Truncated, p.HasMore, p.Rows[0].Name)
	}
	// By what fewer have, the oldest are found too.
	if got := titles(f, f.home, "row 107"); len(got) != 11 || got[0] != "Row 107" || got[1] != "Row 1079" {
		f.Errorf("found %q", got)
	}
	// What is entered anew is among the last.
	update(f, f.home, companies(), 3, func(c *crm.Company) { c.Industry = ptr("Mining") }, rows[3].ID)
	if !slices.Contains(titles(f, f.home, "row"), rows[3].Name) {
		f.Error("what was changed last is not found")
	}
}

// searchSortLimit bounds what a list in another order looks at.
func searchSortLimit(f *fixture) {
	rows := make([]crm.Company, crm.MaxSorted+1)
	for i := range rows {
		rows[i] = f.home.newCompany(fmt.Sprintf("Row %05d", i))
	}
	insert(f, f.home, companies(), rows...)
	q := crm.ParseQuery("row")
	list := crm.List[crm.CompanyFilter]{Search: &q, Sort: crm.Sort{Field: "name"}, Limit: 3, Count: crm.CountExact}
	view := f.store.Reads(crm.Actor{}).Companies()
	p, err := view.Page(f.Context(), f.home.ID, list)
	if must(f, p, err); p.Total != nil || !p.Truncated || !p.HasMore || p.Rows[0].Name != "Row 00000" {
		f.Errorf("the first page: %+v", p)
	}
	list.From, list.Backward = nil, true
	p, err = view.Page(f.Context(), f.home.ID, list)
	if must(f, p, err); p.Rows[2].Name != fmt.Sprintf("Row %05d", crm.MaxSorted-1) || p.HasMore || !p.HasPrevious {
		f.Errorf("the last page: %+v", p)
	}
	remove(f, f.home, companies(), 2, rows[5].ID)
	if p, err = view.Page(f.Context(), f.home.ID, list); err != nil || p.Total == nil || *p.Total != crm.MaxSorted || p.Truncated {
		f.Errorf("all that are looked at: %+v, %v", p, err)
	}
}

// searchRebuilt rebuilds an index that is empty. Until then, searches say that they are
// incomplete.
func searchRebuilt(f *fixture) {
	ctx := f.Context()
	c, gone := f.home.newCompany("Kept"), f.home.newCompany("Kept not")
	insert(f, f.home, companies(), c, gone)
	remove(f, f.home, companies(), 2, gone.ID)
	there := f.away.newContact("Kept away")
	insert(f, f.away, contacts(), there)
	p, d := f.home.newContact("Grace Kept"), f.home.newDeal("Ship")
	insert(f, f.home, contacts(), p)
	d.PrimaryContactID, d.ContactName = &p.ID, ptr("Kept text")
	insert(f, f.home, deals(), d)
	before := titles(f, f.home, "kept")
	if len(before) != 3 {
		f.Errorf("found %q", before)
	}
	rebuilt := *f
	outdate := func() {
		f.asOwner("DELETE FROM search", "UPDATE derived_data SET version = 0 WHERE name = 'search'")
		_, rebuilt.store = f.open(patience)
	}
	outdate()
	q := crm.ParseQuery("kept")
	for _, count := range []crm.CountMode{crm.CountNone, crm.CountExact} {
		hits, err := rebuilt.store.Reads(f.home.by).Search(ctx, f.home.ID, crm.List[crm.HitFilter]{Search: &q, Sort: crm.ByRank, Limit: 10, Count: count})
		if err != nil || !hits.Truncated || hits.Total != nil || len(hits.Rows) > 0 {
			f.Errorf("a search of an index that is to be rebuilt: %+v, %v", hits, err)
		}
		list, err := rebuilt.store.Reads(f.home.by).Companies().Page(ctx, f.home.ID, crm.List[crm.CompanyFilter]{Search: &q, Sort: crm.ByRank, Limit: 10, Count: count})
		if err != nil || !list.Truncated || list.Total != nil {
			f.Errorf("a list of an index that is to be rebuilt: %+v, %v", list, err)
		}
	}
	rebuild := func(what string) {
		end := len(changeLog(f, f.home))
		if err := rebuilt.store.RebuildDerived(ctx); err != nil {
			f.Fatal(err)
		}
		findsJust(&rebuilt, f.home, "kept", before...)
		findsJust(&rebuilt, f.home, "ship", "Ship")
		findsJust(&rebuilt, f.away, "kept", "Kept away")
		hits, err := rebuilt.store.Reads(f.home.by).Search(ctx, f.home.ID, crm.List[crm.HitFilter]{Search: &q, Sort: crm.ByRank, Limit: 10, Count: crm.CountExact})
		if err != nil || hits.Truncated || hits.Total == nil || *hits.Total != 3 {
			f.Errorf("%s: %+v, %v", what, hits, err)
		}
		// What was answered meanwhile is no longer valid.
		for i, entity := range []string{crm.EntityCompany, crm.EntityContact, crm.EntityDeal} {
			if log := changeLog(f, f.home)[end:]; len(log) != 3 || log[i].Entity != entity || log[i].Op != "bulk" {
				f.Errorf("%s: logged %+v", what, log)
			}
		}
	}
	rebuild("a rebuild")

	// One that is interrupted goes on, whatever has been done.
	for n := 1; n < 14; n++ {
		outdate()
		f.interruptRebuild(3 * n)
		if err := rebuilt.store.RebuildDerived(f.Context()); err != nil {
			f.Fatal(err)
		}
		findsJust(&rebuilt, f.home, "kept", before...)
		findsJust(&rebuilt, f.away, "kept", "Kept away")
	}

	// It waits for a server of an older release, as long as that is seen.
	older := f.home.newOwner("Older").ID
	if _, err := rebuilt.store.Heartbeat(f.Context(), older); err != nil {
		f.Fatal(err)
	}
	outdate()
	f.asOwner("UPDATE instances SET search_version = 0")
	if err := rebuilt.store.RebuildDerived(f.Context()); !errors.Is(err, store.ErrOlderInstance) {
		f.Errorf("beside an older instance: %v", err)
	}
	if err := rebuilt.store.EndInstance(f.Context(), older); err != nil {
		f.Fatal(err)
	}
	rebuild("after an older instance")

	// On demand, the index is rebuilt while it is used.
	f.asOwner("DELETE FROM search")
	if err := rebuilt.store.Reindex(f.Context()); err != nil {
		f.Fatal(err)
	}
	findsJust(&rebuilt, f.home, "kept", before...)
}

// interruptRebuild begins a rebuild, and cancels it after a number of statements.
func (f *fixture) interruptRebuild(after int) {
	f.Helper()
	ctx, cancel := context.WithCancel(f.Context())
	defer cancel()
	steps := 0
	interrupted := store.New(f.opener(f.T, patience), store.Options{Observe: func(context.Context, store.StatementEvent) {
		if steps++; steps == after {
			cancel()
		}
	}})
	err := interrupted.RebuildDerived(ctx)
	if cerr := interrupted.Close(); cerr != nil {
		f.Error(cerr)
	}
	if err == nil && after <= 12 {
		f.Errorf("after %d statements it is done", after)
	}
}
