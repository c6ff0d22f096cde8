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
		one.Name = strings.Clone(one.Name) // which may be a part of its row
		of.First = append(of.First, one)
	}
}

func (c *createdReferences) report() (r Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, kind := range []Reference{RefCompany, RefOwner, RefStage} {
		if of := c.byKind[kind]; of != nil {
			r.Created = append(r.Created, *of)
		}
	}
	return r
}

// newCompany returns a company with a name from a row, or with a domain.
func (b *batchTx) newCompany(text string, r *crm.Rules) created[crm.Company] {
	c := crm.NewCompany(b.by, crm.NewID(), b.now)
	p := crm.CompanyPatch{Name: crm.Of(visible(text))}
	if domain := domainOf(text); domain != "" {
		p.Domain = crm.Of(domain)
		if strings.Contains(text, "://") {
			p.Name = p.Domain
		}
	}
	p.Apply(&c, r)
	return created[crm.Company]{id: c.ID, record: c, told: CreatedReference{Name: c.Name}}
}

// newOwner returns a person with a name or an e-mail address from a row.
func (b *batchTx) newOwner(text string, r *crm.Rules) created[crm.Owner] {
	o := crm.NewOwner(b.by, crm.NewID(), b.now)
	var p crm.OwnerPatch
	told := visible(text)
	if email := emailOf(text); email != "" {
		p.Email, told = crm.Of(email), email
	} else {
		p.FirstName, p.LastName = crm.SplitName(told)
	}
	p.Apply(&o, r)
	return created[crm.Owner]{id: o.ID, record: o, told: CreatedReference{Name: told}}
}

// newStage returns a stage with a name from a row.
func (b *batchTx) newStage(text string, r *crm.Rules) created[crm.Stage] {
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
