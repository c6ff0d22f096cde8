package bulk

import (
	"strings"
	"sync"

	"sixty/internal/crm"
)

// createdReferences counts what an import creates because rows refer to it. It may be used from
// several goroutines.
type createdReferences struct {
	mu     sync.Mutex
	byKind map[Reference]*CreatedReferences
}

func (c *createdReferences) add(kind Reference, one CreatedReference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.byKind[kind]
	if of == nil {
		if c.byKind == nil {
			c.byKind = map[Reference]*CreatedReferences{}
		}
		of = &CreatedReferences{Kind: kind}
		c.byKind[kind] = of
	}
	if of.Count++; len(of.First) < maxCreatedTold {
		one.Name, one.ExternalID = strings.Clone(one.Name), strings.Clone(one.ExternalID) // which may be parts of their row
		of.First = append(of.First, one)
	}
}

func (c *createdReferences) report() (r Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, kind := range []Reference{RefCompany, RefContact, RefOwner, RefStage} {
		if of := c.byKind[kind]; of != nil {
			r.Created = append(r.Created, *of)
		}
	}
	return r
}

// newCompany returns a company with a name from a row, or with a domain.
func (b *batchTx) newCompany(text, id string, r *crm.Rules) created[crm.Company] {
	c := crm.NewCompany(b.by, crm.NewID(), b.now)
	p := crm.CompanyPatch{Name: crm.Of(visible(text)), ExternalID: optional(id)}
	if domain := domainOf(text); domain != "" {
		p.Domain = crm.Of(domain)
		if strings.Contains(text, "://") {
			p.Name = p.Domain
		}
	}
	p.Apply(&c, r)
	return created[crm.Company]{id: c.ID, record: c, told: CreatedReference{Name: c.Name, ExternalID: id}}
}

// named sets what a text says of a person, an e-mail address or a name, and returns it.
func named(text string, email, first, last *crm.Field[string]) string {
	if address := emailOf(text); address != "" {
		*email = crm.Of(address)
		return address
	}
	name := visible(text)
	*first, *last = crm.SplitName(name)
	return name
}

// newOwner returns a person with a name or an e-mail address from a row.
func (b *batchTx) newOwner(text, id string, r *crm.Rules) created[crm.Owner] {
	o := crm.NewOwner(b.by, crm.NewID(), b.now)
	p := crm.OwnerPatch{ExternalID: optional(id)}
	told := named(text, &p.Email, &p.FirstName, &p.LastName)
	p.Apply(&o, r)
	return created[crm.Owner]{id: o.ID, record: o, told: CreatedReference{Name: told, ExternalID: id}}
}

// newContact returns a contact with a name or an e-mail address from a row.
func (b *batchTx) newContact(text, id string, r *crm.Rules) created[crm.Contact] {
	c := crm.NewContact(b.by, crm.NewID(), b.now)
	p := crm.ContactPatch{ExternalID: optional(id)}
	told := named(text, &p.Email, &p.FirstName, &p.LastName)
	p.Apply(&c, r)
	return created[crm.Contact]{id: c.ID, record: c, told: CreatedReference{Name: told, ExternalID: id}}
}

// isPlaceholder reports whether a person was created for an id, without a name: then the id is their
// name.
func isPlaceholder(fullName string, externalID, email *string) bool {
	return externalID != nil && *externalID == fullName && email == nil && strings.ContainsAny(fullName, "0123456789")
}

// replaceName makes the name, or the e-mail address, of a row the only one of a person.
func replaceName(first, last *crm.Field[string], email crm.Field[string]) {
	if !first.Set && !last.Set && !email.Set {
		return
	}
	for _, part := range []*crm.Field[string]{first, last} {
		if !part.Set {
			*part = crm.Null[string]()
		}
	}
}

// optional returns a member that is a text, or is left open if there is none.
func optional(text string) crm.Field[string] {
	if text == "" {
		return crm.Field[string]{}
	}
	return crm.Of(text)
}

// newStage returns a stage with a name from a row.
func (b *batchTx) newStage(text, _ string, r *crm.Rules) created[crm.Stage] {
	s := crm.NewStage(b.by, crm.NewID(), b.now)
	crm.StagePatch{Name: crm.Of(visible(text))}.Apply(&s, r)
	var guessed bool
	s.Outcome, s.DefaultProbability, guessed = b.outcome(s.Name)
	return created[crm.Stage]{id: s.ID, record: s, told: CreatedReference{Name: s.Name, Outcome: s.Outcome, Guessed: guessed}}
}

// outcome returns the outcome of a new stage, its default probability, and whether the outcome
// is guessed from the name.
func (b *batchTx) outcome(name string) (outcome crm.Outcome, probability int, guessed bool) {
	outcome, stated := b.run.outcomes[crm.NameKey(name)]
	if !stated {
		outcome = OutcomeOf(name)
	}
	if outcome == crm.OutcomeWon {
		probability = 100
	}
	return outcome, probability, !stated
}
