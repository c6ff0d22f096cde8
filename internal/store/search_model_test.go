package store_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sixty/internal/crm"
	"sixty/internal/store"
)

// A searchModel is things whose words are known, and what is to be found among them,
// in the plainest Go.
type searchModel struct {
	random *rand.Rand
	org    crm.Organisation
	owners []crm.Owner
	stage  crm.Stage
	things []*thing // in the order in which they are entered
}

// A thing is one of three, and its words.
type thing struct {
	company               *crm.Company
	contact               *crm.Contact
	deal                  *crm.Deal
	hit                   crm.Hit
	created               crm.Instant
	asOne                 string // the title, written as one
	title, beside, linked []string
}

func (t *thing) all() []string { return slices.Concat(t.title, t.beside, t.linked) }

var epoch = crm.InstantOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))

func newSearchModel() *searchModel {
	m := &searchModel{random: rand.New(rand.NewPCG(3, 4))} // the same rows in every run
	m.org = crm.Organisation{ID: m.id(), Name: "Home", DefaultCurrency: "GBP", CreatedAt: epoch}
	for _, name := range []string{"Ada", "Grace"} {
		m.owners = append(m.owners, crm.Owner{OrgID: m.org.ID, ID: m.id(), FirstName: &name, FullName: name, Role: crm.RoleRep, CreatedAt: epoch, UpdatedAt: epoch, Version: 1})
	}
	m.stage = crm.Stage{OrgID: m.org.ID, ID: m.id(), Name: "Lead", Outcome: crm.OutcomeOpen, CreatedAt: epoch, UpdatedAt: epoch, Version: 1}
	for i := range searchedRows {
		m.things = append(m.things, m.newThing(i))
	}
	return m
}

func (m *searchModel) id() (id crm.ID) {
	for i := range id {
		id[i] = byte(m.random.IntN(256))
	}
	return id
}

func (m *searchModel) newThing(i int) *thing {
	t := &thing{}
	name, words := randomPieces(m.random, 1+m.random.IntN(3))
	if i%4 == 0 {
		name, words = name+" "+strconv.Itoa(i), append(words, strconv.Itoa(i))
	}
	t.title, t.asOne = spell(words), strings.ReplaceAll(strings.Join(words, ""), "-", "")
	label := func(odds int) *string {
		if m.random.IntN(odds) > 0 {
			return nil
		}
		text, words := randomPieces(m.random, 1)
		t.beside = append(t.beside, spell(words)...)
		return &text
	}
	var owner *crm.ID
	if n := m.random.IntN(len(m.owners) + 1); n > 0 {
		owner = &m.owners[n-1].ID
	}
	id, updated := m.id(), epoch+crm.Instant(m.random.IntN(50))*1_000_000
	t.created = epoch + crm.Instant(m.random.IntN(50))*1_000_000
	t.hit = crm.Hit{ID: id, Title: name, OwnerID: owner, UpdatedAt: updated}
	switch m.random.IntN(4) {
	case 0:
		c := crm.Company{OrgID: m.org.ID, ID: id, Name: name, Industry: label(2), OwnerID: owner, CreatedAt: t.created, UpdatedAt: updated, Version: 1}
		if i%10 == 0 {
			domain := "d" + strconv.Itoa(i) + ".example"
			c.Domain, t.beside = &domain, append(t.beside, "d"+strconv.Itoa(i), "example")
		}
		if i%7 == 0 {
			phone := fmt.Sprintf("+44 (0)20 7946-%04d", i%1000)
			c.Phone, t.beside = &phone, append(t.beside, fmt.Sprintf("442079460%03d", i%1000))
		}
		if t.hit.Kind, t.hit.Subtitle = crm.KindCompany, c.Domain; c.Domain == nil {
			t.hit.Subtitle = c.Industry
		}
		t.company = &c
	case 1:
		c := crm.Contact{OrgID: m.org.ID, ID: id, FirstName: &name, FullName: name, Title: label(2), OwnerID: owner, CreatedAt: t.created, UpdatedAt: updated, Version: 1}
		t.hit.Kind, t.hit.Subtitle = crm.KindContact, c.Title
		t.contact = &c
	default:
		d := crm.Deal{
			OrgID: m.org.ID, ID: id, Name: name, Company: label(2), ContactName: label(3), Currency: "GBP", StageID: m.stage.ID, StageChangedAt: epoch,
			Status: crm.StatusActive, OwnerID: owner, CreatedAt: t.created, UpdatedAt: updated, Version: 1,
		}
		t.hit.Kind, t.hit.Subtitle = crm.KindDeal, d.Company
		for range m.random.IntN(3) { // what it is linked to is stored before
			if len(m.things) == 0 {
				break
			}
			other := m.things[m.random.IntN(len(m.things))]
			switch {
			case other.company != nil && d.CompanyID == nil:
				d.CompanyID = &other.hit.ID
			case other.contact != nil && d.PrimaryContactID == nil:
				d.PrimaryContactID = &other.hit.ID
			default:
				continue
			}
			t.linked = append(t.linked, other.title...)
		}
		t.deal = &d
	}
	return t
}

// store enters the things: some in bulk, some few at a time.
func (m *searchModel) store(t *testing.T, s *store.Store) {
	t.Helper()
	by := crm.Actor{Org: m.org.ID, User: m.owners[0].ID, Role: crm.RoleAdmin}
	write := func(fn func(tx store.Tx) error) {
		if err := s.Write(t.Context(), by, epoch, fn); err != nil {
			t.Fatal(err)
		}
	}
	write(func(tx store.Tx) error {
		if err := tx.PutOrganisation(t.Context(), m.org); err != nil {
			return err
		}
		if err := tx.Owners().Insert(t.Context(), m.owners); err != nil {
			return err
		}
		return tx.Stages().Insert(t.Context(), []crm.Stage{m.stage})
	})
	for rest, size := m.things, 7; len(rest) > 0; size = 1000 - size {
		n := min(size, len(rest))
		var companies []crm.Company
		var contacts []crm.Contact
		var deals []crm.Deal
		for _, x := range rest[:n] {
			switch {
			case x.company != nil:
				companies = append(companies, *x.company)
			case x.contact != nil:
				contacts = append(contacts, *x.contact)
			default:
				deals = append(deals, *x.deal)
			}
		}
		write(func(tx store.Tx) error {
			if err := tx.Companies().Insert(t.Context(), companies); err != nil {
				return err
			}
			if err := tx.Contacts().Insert(t.Context(), contacts); err != nil {
				return err
			}
			return tx.Deals().Insert(t.Context(), deals)
		})
		rest = rest[n:]
	}
}

// found returns the matches of a kind, and of an owner if one is given, in an order: of those
// entered last as many as are looked at. cut says that there are more.
func (m *searchModel) found(q string, kind string, owner *crm.ID, most int, order func(a, b *thing) int) (all []*thing, cut bool) {
	query := crm.ParseQuery(q)
	for _, t := range slices.Backward(m.things) {
		if t.hit.Kind != kind || owner != nil && (t.hit.OwnerID == nil || *t.hit.OwnerID != *owner) {
			continue
		}
		rank := rankOf(t, query.Terms())
		if rank == 0 || len(all) > most {
			continue
		}
		ranked := *t
		ranked.hit.Rank = rank
		all = append(all, &ranked)
	}
	slices.SortFunc(all, order)
	return all[:min(len(all), most)], len(all) > most
}

// rankOf returns the rank of a record, 0 if it does not match.
func rankOf(t *thing, terms []crm.QueryTerm) (rank int64) {
	var typed strings.Builder
	for _, term := range terms {
		typed.WriteString(strings.Join(term.Parts, ""))
		worth := termWorth(term, func(word string) int64 { return ownWorth(t, word) })
		if worth == 0 {
			worth = termWorth(term, func(word string) int64 { return cmp.Or(ownWorth(t, word), linkWorth(t, word)) })
		}
		if worth == 0 {
			return 0
		}
		rank += worth
	}
	switch {
	case rank == 0:
	case typed.String() == t.asOne:
		rank += 1280
	case strings.HasPrefix(t.asOne, typed.String()):
		rank += 640
	}
	return rank
}

// termWorth returns what a term counts for, given what a word does.
func termWorth(term crm.QueryTerm, of func(word string) int64) (worth int64) {
	for _, part := range term.Parts {
		n := of(part)
		if n == 0 {
			worth = 0
			break
		}
		worth += n
	}
	if term.Joined != "" {
		worth = max(worth, int64(len(term.Parts))*of(term.Joined))
	}
	return worth
}

func beginsWith(w string) func(string) bool {
	return func(word string) bool { return strings.HasPrefix(word, w) }
}

func holds(w string) func(string) bool {
	n := utf8.RuneCountInString(w)
	long := n >= 3 || n == 2 && strings.ContainsAny(w, "東京都株式会社コーヒ")
	return func(word string) bool { return long && strings.Contains(word, w) }
}

// ownWorth returns what a word counts for by a record's own texts.
func ownWorth(t *thing, w string) int64 {
	switch {
	case slices.Contains(t.title, w):
		return 40
	case slices.ContainsFunc(t.title, beginsWith(w)):
		return 30
	case slices.Contains(t.beside, w):
		return 20
	case slices.ContainsFunc(t.beside, beginsWith(w)):
		return 10
	case slices.ContainsFunc(t.title, holds(w)):
		return 5
	case slices.ContainsFunc(t.beside, holds(w)):
		return 4
	}
	return 0
}

// linkWorth returns what a word counts for by its links.
func linkWorth(t *thing, w string) int64 {
	switch {
	case slices.Contains(t.linked, w):
		return 3
	case slices.ContainsFunc(t.linked, beginsWith(w)):
		return 2
	case slices.ContainsFunc(t.linked, holds(w)):
		return 1
	}
	return 0
}

// hits returns the expected hits of a search of all kinds.
func (m *searchModel) hits(q string) []crm.Hit {
	var all []*thing
	for _, kind := range []string{crm.KindCompany, crm.KindContact, crm.KindDeal} {
		found, _ := m.found(q, kind, nil, crm.MaxHits, byRank)
		all = append(all, found...)
	}
	slices.SortFunc(all, byRank)
	hits := make([]crm.Hit, len(all))
	for i, t := range all {
		hits[i] = t.hit
	}
	return hits
}

func byRank(a, b *thing) int {
	return cmp.Or(cmp.Compare(b.hit.Rank, a.hit.Rank), cmp.Compare(b.hit.UpdatedAt, a.hit.UpdatedAt), bytes.Compare(b.hit.ID[:], a.hit.ID[:]))
}

// list returns the expected ids of a searched list.
func (m *searchModel) list(q string, kind string, owner *crm.ID, sort crm.Sort) (ids []crm.ID, cut bool) {
	most := crm.MaxSorted
	if sort == crm.ByRank {
		most = crm.MaxHits
	}
	all, cut := m.found(q, kind, owner, most, func(a, b *thing) int {
		switch sort.Field {
		case "updated_at":
			return cmp.Or(cmp.Compare(b.hit.UpdatedAt, a.hit.UpdatedAt), bytes.Compare(b.hit.ID[:], a.hit.ID[:]))
		case "name":
			return cmp.Or(strings.Compare(crm.NameKey(a.hit.Title), crm.NameKey(b.hit.Title)), bytes.Compare(a.hit.ID[:], b.hit.ID[:]))
		case "created_at":
			return cmp.Or(cmp.Compare(a.created, b.created), bytes.Compare(a.hit.ID[:], b.hit.ID[:]))
		}
		return byRank(a, b)
	})
	ids = make([]crm.ID, len(all))
	for i, t := range all {
		ids[i] = t.hit.ID
	}
	return ids, cut
}
