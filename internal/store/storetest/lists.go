package storetest

import (
	"slices"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// The lists, filled, and their filters.

func companyList(f *fixture) *list[crm.Company, crm.CompanyFilter] {
	m := newMaker()
	people := three(f, owners(), f.home.newOwner)
	industries, sizes := []string{"Mining", "mining", "Food & drink"}, []string{"startup", "small", "enterprise"}
	l := &list[crm.Company, crm.CompanyFilter]{
		kind: companies(),
		key: func(field string, c *crm.Company) sortKey {
			return commonKey(field, c.UpdatedAt, c.CreatedAt, c.Name)
		},
	}
	ids := l.fill(f, m, func(i int) crm.Company {
		c := l.vary(m, f.home.newCompany(m.name()))
		if i%3 > 0 {
			c.Domain = distinct(ptr("000000.example"), i)
		}
		c.OwnerID, c.Industry, c.Size = some(m, people), some(m, industries), some(m, sizes)
		c.CreatedAt, c.UpdatedAt = m.instant(), m.instant()
		return c
	}, func(c *crm.Company) { c.OwnerID = nil })
	return l.settle(f, ids...)
}

func commonKey(field string, updated, created crm.Instant, name string) sortKey {
	switch field {
	case "updated_at":
		return number(&updated)
	case "created_at":
		return number(&created)
	}
	return named(name)
}

// personKey sorts people by their e-mail address when they have no name.
func personKey(field string, updated, created crm.Instant, name string, email *string) sortKey {
	if name == "" && email != nil {
		name = *email
	}
	return commonKey(field, updated, created, name)
}

func contactList(f *fixture) *list[crm.Contact, crm.ContactFilter] {
	m := newMaker()
	people, firms := three(f, owners(), f.home.newOwner), three(f, companies(), f.home.newCompany)
	l := &list[crm.Contact, crm.ContactFilter]{
		kind: contacts(),
		key: func(field string, c *crm.Contact) sortKey {
			return personKey(field, c.UpdatedAt, c.CreatedAt, c.FullName, c.Email)
		},
	}
	ids := l.fill(f, m, func(i int) crm.Contact {
		c := l.vary(m, f.home.newContact(m.name()))
		if i%5 == 0 {
			c.FirstName, c.FullName, c.Email = nil, "", distinct(ptr("0000none@example.org"), i)
		}
		c.OwnerID, c.CompanyID = some(m, people), some(m, firms)
		c.CreatedAt, c.UpdatedAt = m.instant(), m.instant()
		return c
	}, func(c *crm.Contact) { c.OwnerID, c.CompanyID = nil, nil })
	return l.settle(f, ids...)
}

func stageList(f *fixture) *list[crm.Stage, crm.StageFilter] {
	m := newMaker()
	l := &list[crm.Stage, crm.StageFilter]{
		kind: stages(),
		key: func(field string, s *crm.Stage) sortKey {
			if field == "order_position" {
				return number(&s.OrderPosition)
			}
			return commonKey(field, s.UpdatedAt, s.CreatedAt, s.Name)
		},
	}
	ids := l.fill(f, m, func(int) crm.Stage {
		s := l.vary(m, f.home.newStage(m.name()))
		s.OrderPosition, s.CreatedAt, s.UpdatedAt = m.IntN(20), m.instant(), m.instant()
		return s
	}, func(*crm.Stage) {})
	return l.settle(f, append(ids, f.home.stage.ID)...)
}

// ownerList lists people; users of programs are no people.
func ownerList(f *fixture) *list[crm.Owner, crm.OwnerFilter] {
	m := newMaker()
	l := &list[crm.Owner, crm.OwnerFilter]{
		kind: owners(),
		key: func(field string, o *crm.Owner) sortKey {
			return personKey(field, o.UpdatedAt, o.CreatedAt, o.FullName, o.Email)
		},
	}
	ids := l.fill(f, m, func(i int) crm.Owner {
		o := l.vary(m, f.home.newOwner(m.name()))
		if i%5 == 0 {
			o.FirstName, o.FullName, o.Email = nil, "", distinct(ptr("0000none@example.org"), i)
		}
		o.Service, o.CreatedAt, o.UpdatedAt = i%7 == 0, m.instant(), m.instant()
		return o
	}, func(*crm.Owner) {})
	l.settle(f, append(ids, f.home.owner.ID)...)
	l.rows = slices.DeleteFunc(l.rows, func(o crm.Owner) bool { return o.Service })
	return l
}

func dealKey(field string, d *crm.Deal) sortKey {
	switch field {
	case "value":
		return number(d.Value)
	case "expected_close_date":
		return number(d.ExpectedCloseDate)
	}
	return commonKey(field, d.UpdatedAt, d.CreatedAt, d.Name)
}

// gapList lists deals all of which have a date, and none a value.
func gapList(f *fixture) *list[crm.Deal, crm.DealFilter] {
	m := newMaker()
	l := &list[crm.Deal, crm.DealFilter]{kind: deals(), key: dealKey}
	ids := l.fill(f, m, func(int) crm.Deal {
		d := l.vary(m, f.home.newDeal(m.name()))
		d.Value, d.ExpectedCloseDate = nil, ptr(crm.Date(m.IntN(10)))
		return d
	}, func(d *crm.Deal) { d.StageID = f.away.stage.ID })
	return l.settle(f, ids...)
}

func dealList(f *fixture) *list[crm.Deal, crm.DealFilter] {
	m := newMaker()
	people, firms := three(f, owners(), f.home.newOwner), three(f, companies(), f.home.newCompany)
	steps, persons := three(f, stages(), f.home.newStage), three(f, contacts(), f.home.newContact)
	amounts := []crm.Money{0, 1, 100, 5_000, 5_001, crm.MaxMoney}
	days := []crm.Date{-1, 0, 20_000, 20_001, 20_002, lastDay}
	statuses := []string{crm.StatusActive, crm.StatusWon, crm.StatusLost}
	further := map[crm.ID]bool{}
	l := &list[crm.Deal, crm.DealFilter]{
		kind: deals(),
		key:  dealKey,
		related: func(filter string, d *crm.Deal, f *crm.DealFilter) (passes, known bool) {
			of := f.ContactID
			if of.Null && further[d.ID] {
				of.Null = false // it has a contact
			}
			return of.Has(d.PrimaryContactID) || f.ContactID.Has(&persons[0]) && further[d.ID], filter == "contactId"
		},
	}
	ids := l.fill(f, m, func(int) crm.Deal {
		d := l.vary(m, f.home.newDeal(m.name()))
		d.StageID, d.Status = steps[m.IntN(3)], statuses[m.IntN(3)]
		if d.Status != crm.StatusActive {
			d.ClosedAt = ptr(m.instant())
		}
		d.OwnerID, d.CompanyID, d.PrimaryContactID = some(m, people), some(m, firms), some(m, persons)
		d.Value, d.ExpectedCloseDate = some(m, amounts), some(m, days)
		d.CreatedAt, d.UpdatedAt = m.instant(), m.instant()
		return d
	}, func(d *crm.Deal) {
		d.OwnerID, d.CompanyID, d.PrimaryContactID, d.StageID = nil, nil, nil, f.away.stage.ID
	})
	for i, id := range ids[listSize/10:] {
		if i%6 == 0 {
			further[id] = true
			f.write(f.home, i%10, func(tx store.Tx) error {
				return tx.PutDealContact(f.Context(), crm.Deal{OrgID: f.home.ID, ID: id}, crm.DealContact{DealID: id, ContactID: persons[0], Role: "champion"})
			})
		}
	}
	return l.settle(f, ids...)
}
