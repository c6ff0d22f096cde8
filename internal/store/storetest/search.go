package storetest

import (
	"fmt"
	"slices"
	"strings"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// titles gives the names that a search of everything finds, in order.
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

// finds tells whether a search of everything finds just these, in this order.
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
		"cme": "", "acme xyz": "", "example acme neill": "O'Neill & Söhne",
		"": "", `'`: "", `"`: "", "%": "", "_": "", `\`: "", "*": "", "' OR 1=1 --": "", "acm*ville": "", "🦀": "", "\x00": "",
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

// acmes tells whether a name has a word that begins with acme.
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
	findsJust(f, f.home, "second", "Second")

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

// searchLimit looks at what was entered last.
func searchLimit(f *fixture) {
	rows := make([]crm.Company, crm.MaxHits+100)
	for i := range rows {
		rows[i] = f.home.newCompany(fmt.Sprintf("Row %d", i))
	}
	insert(f, f.home, companies(), rows...)
	q := crm.ParseQuery("row")
	p, err := f.store.Reads(crm.Actor{}).Companies().Page(f.Context(), f.home.ID, crm.List[crm.CompanyFilter]{Search: &q, Sort: crm.ByRank, Limit: crm.MaxLimit, Count: crm.CountExact})
	must(f, p, err)
	if len(p.Rows) != crm.MaxHits || *p.Total != crm.MaxHits || p.HasMore {
		f.Fatalf("found %d, counted %d, more %v", len(p.Rows), *p.Total, p.HasMore)
	}
	for _, r := range p.Rows {
		if slices.ContainsFunc(rows[:100], func(c crm.Company) bool { return c.ID == r.ID }) {
			f.Fatalf("%s is among the last %d", r.Name, crm.MaxHits)
		}
	}
	// By what fewer have, the oldest are found too.
	if got := titles(f, f.home, "row 7"); len(got) != 1+10+100 || got[0] != "Row 7" {
		f.Errorf("found %d, the first of them %q", len(got), got[0])
	}
	// What is entered anew is among the last.
	update(f, f.home, companies(), 2, func(c *crm.Company) { c.Industry = ptr("Mining") }, rows[3].ID)
	if !slices.Contains(titles(f, f.home, "row"), rows[3].Name) {
		f.Error("what was changed last is not found")
	}
}

// searchFill enters what a database held before it had an index: what was entered
// goes, and the migration that fills the index is to be run again.
func searchFill(f *fixture) {
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
	forgetIndex(f)
	findsJust(f, f.home, "kept")
	if err := f.engine.Migrate(f.Context()); err != nil {
		f.Fatal(err)
	}
	findsJust(f, f.home, "kept", before...)
	findsJust(f, f.home, "ship", "Ship")
	findsJust(f, f.away, "kept", "Kept away")
	if len(before) != 3 {
		f.Errorf("found %q", before)
	}
	// Ended halfway, it is run again over what it has done.
	if err := store.FillSearch(f.Context(), f.engine); err != nil {
		f.Fatal(err)
	}
	findsJust(f, f.home, "kept", before...)
}

// forgetIndex empties the index and has the migration that fills it forgotten, with those
// after it, which may be run again once what SQLite cannot do twice is undone.
func forgetIndex(f *fixture) {
	f.Helper()
	f.asOwner("DELETE FROM search", "ALTER TABLE api_keys DROP COLUMN used_at", "ALTER TABLE organisations DROP COLUMN reps_see",
		"DELETE FROM goose_db_version WHERE version_id >= 5")
}
