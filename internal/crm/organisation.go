package crm

import (
	"context"
	"fmt"
	"hash/fnv"
)

// RepVisibility says what the reps of an organisation see of what people own.
type RepVisibility string

// What reps may see.
const (
	RepsSeeAll RepVisibility = "everything"
	RepsSeeOwn RepVisibility = "own" // see Actor.OwnerScope
)

// Organisation reads the actor's own organisation.
func (s *Service) Organisation(ctx context.Context, by Actor) (Organisation, error) {
	return s.store.Organisation(ctx, by.Org)
}

// Organisation is a tenant: everything else belongs to one.
type Organisation struct {
	ID              ID            `json:"id"`
	Name            string        `json:"name"`
	DefaultCurrency string        `json:"default_currency" doc:"ISO 4217."`
	RepsSee         RepVisibility `json:"reps_see" enum:"everything,own" doc:"What reps see of what people own: everything, or only what they own themselves."`
	KeyMaxDays      *int          `json:"key_max_days" doc:"The days after which a new API key expires at the latest; null: it need not expire."`
	CreatedAt       Instant       `json:"-"`
}

// maxKeyDays bounds KeyMaxDays.
const maxKeyDays = 3650

// Version returns a number that differs between settings, for conditional changes.
func (o *Organisation) Version() int64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%q %q %q", o.Name, o.DefaultCurrency, o.RepsSee)
	if o.KeyMaxDays != nil {
		_, _ = fmt.Fprintf(h, " %d", *o.KeyMaxDays)
	}
	return int64(h.Sum64() >> 1)
}

// OrganisationPatch holds the settings of an organisation that an admin may write.
type OrganisationPatch struct {
	Name       Field[string] `json:"name"`
	RepsSee    Field[string] `json:"reps_see"`
	KeyMaxDays Field[int]    `json:"key_max_days"`

	DecodeErrors DecodeErrors `json:"-"`
}

// Organisations declares organisations.
var Organisations = Declare(Entity[Organisation, OrganisationPatch, struct{}]{
	Name:         EntityOrganisation,
	DecodeErrors: func(p *OrganisationPatch) *DecodeErrors { return &p.DecodeErrors },
	Properties: []Property[Organisation, OrganisationPatch]{
		{Name: "id", At: func(o *Organisation, _ *OrganisationPatch) (any, any) { return &o.ID, nil }},
		{Name: "name", Rule: organisationNameRule, At: func(o *Organisation, p *OrganisationPatch) (any, any) { return &o.Name, &p.Name }},
		{Name: "default_currency", At: func(o *Organisation, _ *OrganisationPatch) (any, any) { return &o.DefaultCurrency, nil }},
		{Name: "reps_see", At: func(o *Organisation, p *OrganisationPatch) (any, any) { return (*string)(&o.RepsSee), &p.RepsSee }},
		{Name: "key_max_days", Min: 1, Max: maxKeyDays, At: func(o *Organisation, p *OrganisationPatch) (any, any) { return &o.KeyMaxDays, &p.KeyMaxDays }},
		{Name: "created_at", At: func(o *Organisation, _ *OrganisationPatch) (any, any) { return &o.CreatedAt, nil }},
	},
})

// Apply applies the patch by the rules of each member.
func (p OrganisationPatch) Apply(o *Organisation, r *Rules) { Organisations.Apply(&p, o, r) }

// FindOrganisation returns the organisation that a name or id means; false if none is, or more
// than one. An id comes before a name, and a name that is stored by today's rule before one
// from before it, which another organisation may have.
func FindOrganisation(all []Organisation, text string) (found Organisation, ok bool) {
	if text == "" {
		return Organisation{}, false
	}
	if id, err := ParseID(text); err == nil {
		for _, o := range all {
			if o.ID == id {
				return o, true
			}
		}
	}
	older := 0
	for _, o := range all {
		if NameKey(o.Name) != NameKey(text) {
			continue
		}
		if normal, _ := nameRule.Check(o.Name); normal == o.Name {
			return o, true
		}
		found = o
		older++
	}
	if older != 1 {
		return Organisation{}, false
	}
	return found, true
}
