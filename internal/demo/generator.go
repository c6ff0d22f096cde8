package demo

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// kind selects independent random numbers for different uses.
type kind uint64

const (
	kindPerson kind = iota + 1
	kindCompany
	kindContact
	kindDeal
	kindID
	kindActivity
	kindTask
)

// generator generates rows. It is immutable, so that rows can be generated repeatedly.
type generator struct {
	plan     Plan
	org      crm.ID
	currency string
	names    *vocabulary
	owners   []crm.ID    // possible owners; those of the plan if there were none
	open     []crm.Stage // the pipeline in order
	won      *crm.Stage  // nil if the organisation has no such stage
	lost     *crm.Stage

	// Numbers of existing rows: the plan's rows are numbered from there.
	hadCompanies, hadContacts, hadDeals int
	hadActivities, hadTasks             int
}

// newGenerator reads the data that generated rows refer to.
func newGenerator(ctx context.Context, store bulk.Store, org crm.ID, plan Plan) (*generator, error) {
	o, err := store.Organisation(ctx, org)
	if err != nil {
		return nil, err
	}
	g := &generator{plan: plan, org: org, currency: o.DefaultCurrency, names: newVocabulary(plan.Seed)}
	return g, store.Snapshot(ctx, crm.Operator(org), func(r bulk.Reads) error { return g.read(ctx, r) })
}

// read reads what is there already.
func (g *generator) read(ctx context.Context, r bulk.Reads) error {
	if err := cmp.Or(
		count(ctx, r.Companies(), g.org, crm.Companies.Sorts, &g.hadCompanies),
		count(ctx, r.Contacts(), g.org, crm.Contacts.Sorts, &g.hadContacts),
		count(ctx, r.Deals(), g.org, crm.Deals.Sorts, &g.hadDeals),
		count(ctx, r.Activities(), g.org, crm.Activities.Sorts, &g.hadActivities),
		count(ctx, r.Tasks(), g.org, crm.Tasks.Sorts, &g.hadTasks),
	); err != nil {
		return err
	}
	stages, err := r.Stages().Page(ctx, g.org, crm.List[crm.StageFilter]{Sort: crm.Stages.Sorts.Default, Limit: crm.MaxLimit})
	if err != nil {
		return err
	}
	for _, s := range stages.Rows {
		switch {
		case s.Outcome == crm.OutcomeWon && g.won == nil:
			g.won = &s
		case s.Outcome == crm.OutcomeLost && g.lost == nil:
			g.lost = &s
		case s.Outcome == crm.OutcomeOpen:
			g.open = append(g.open, s)
		}
	}
	if len(g.open) == 0 && g.plan.Deals > 0 {
		return crm.Conflict("The organisation has no open deal stage, so no deals can be created.")
	}
	owners, err := r.Owners().Page(ctx, g.org, crm.List[crm.OwnerFilter]{Sort: crm.Sort{Field: "created_at"}, Limit: crm.MaxLimit})
	if err != nil {
		return err
	}
	for _, p := range owners.Rows {
		if !p.Service && p.DeactivatedAt == nil {
			g.owners = append(g.owners, p.ID)
		}
	}
	if len(g.owners) > 0 {
		g.plan.People = 0
	}
	for i := range g.plan.People {
		g.owners = append(g.owners, g.person(i).ID)
	}
	return nil
}

// count counts the rows of a list.
func count[T, F any](ctx context.Context, v crm.View[T, F], org crm.ID, sorts crm.Sorts, n *int) error {
	page, err := v.Page(ctx, org, crm.List[F]{Sort: sorts.Default, Limit: 1, Count: crm.CountExact})
	if err == nil && page.Total != nil {
		*n = int(*page.Total)
	}
	return err
}

// random returns the random numbers of a row, always the same ones.
func (g *generator) random(k kind, number int) *rand.Rand {
	return rand.New(rand.NewPCG(mix(g.plan.Seed), mix(uint64(k)<<56^uint64(number))))
}

// id returns the UUIDv7 (RFC 9562, 5.7) of a row.
func (g *generator) id(k kind, number, part int, created time.Time) crm.ID {
	high := binary.BigEndian.Uint64(g.org[:8]) ^ mix(g.plan.Seed) ^ mix(uint64(kindID)<<56^uint64(g.plan.Now.UnixMicro()))
	low := binary.BigEndian.Uint64(g.org[8:]) ^ mix(uint64(k)<<56^uint64(part)<<48^uint64(number))
	bits := rand.NewPCG(high, low)
	var id crm.ID
	binary.BigEndian.PutUint64(id[:8], uint64(created.UnixMilli())<<16|0x7000|bits.Uint64()&0x0fff)
	binary.BigEndian.PutUint64(id[8:], 1<<63|bits.Uint64()>>2)
	return id
}

// mix hashes a number (the finaliser of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

const day = 24 * time.Hour

const year = 365 * day

// start returns the start of the history.
func (g *generator) start() time.Time { return g.plan.Now.Add(-year) }

// within returns a time between two, mostly on a working day in working hours.
func within(r *rand.Rand, from, to time.Time) time.Time {
	duration := to.Sub(from)
	if duration <= 0 {
		return from.Truncate(time.Microsecond)
	}
	t := from
	for range 6 { // a short interval may contain no working hours
		t = from.Add(time.Duration(r.Float64() * float64(duration)))
		if w := working(r, t); w.After(from) && w.Before(to) {
			return w
		}
	}
	return t.Truncate(time.Microsecond)
}

// working moves a time to working hours of the same day, or mostly of the Friday before if
// it is on a weekend.
func working(r *rand.Rand, t time.Time) time.Time {
	const evenOnWeekends = 0.06
	t = t.UTC()
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	if r.Float64() > evenOnWeekends {
		switch midnight.Weekday() {
		case time.Saturday:
			midnight = midnight.Add(-day)
		case time.Sunday:
			midnight = midnight.Add(-2 * day)
		}
	}
	hour := min(max(12.8+2.6*r.NormFloat64(), 6.5), 21)
	return midnight.Add(time.Duration(hour * float64(time.Hour))).Truncate(time.Microsecond)
}

// logNormal returns a log-normally distributed number.
func logNormal(r *rand.Rand, median, sigma float64) float64 {
	return median * math.Exp(sigma*r.NormFloat64())
}

// chance returns true with probability p.
func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

// pick returns a random element.
func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// pickOwner returns an owner, some more often than others, and rarely nil.
func (g *generator) pickOwner(r *rand.Rand) *crm.ID {
	if len(g.owners) == 0 || chance(r, 0.03) {
		return nil
	}
	u := r.Float64()
	return &g.owners[int(u*math.Sqrt(u)*float64(len(g.owners)))]
}

// maybe returns v with probability p, and otherwise nil.
func maybe[T any](r *rand.Rand, p float64, v T) *T {
	if !chance(r, p) {
		return nil
	}
	return &v
}
