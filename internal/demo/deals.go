package demo

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

var products = []string{
	"Annual licence", "Platform rollout", "Support renewal", "Pilot", "Team plan", "Enterprise plan",
	"Onboarding package", "Integration project", "Data migration", "Training programme", "Seat expansion",
}

// sources are the lead sources of deals.
var sources = []struct{ kind, channel string }{
	{"inbound", "website"}, {"inbound", "organic search"}, {"inbound", "webinar"}, {"inbound", "referral"},
	{"outbound", "cold e-mail"}, {"outbound", "linkedin"}, {"outbound", "phone"},
	{"partner", "reseller"}, {"partner", "marketplace"}, {"event", "trade show"},
}

var nextSteps = []string{
	"Send the proposal", "Book a demo with the wider team", "Agree the scope", "Chase procurement", "Answer the security questionnaire",
	"Call back after the budget round", "Share a reference customer", "Send the contract for signature",
}

// Parameters of a deal's progress.
const (
	stayMedian   = 8.5  // days in a stage
	stallChance  = 0.06 // of a much longer stay
	loseInStage  = 0.17 // probability that a deal is lost in a stage
	foreignShare = 0.06 // of deals in another currency
)

// story is a deal and its related rows.
type story struct {
	deal     crm.Deal
	moves    []crm.StageHistoryEntry
	contacts []crm.DealContact
}

// story generates the plan's deal d.
func (g *generator) story(d int) story {
	number := g.hadDeals + d
	r := g.random(kindDeal, number)
	from, subject, median := g.start(), "", sizes[1].median
	var deal crm.Deal
	company := -1
	if g.plan.Companies > 0 {
		// Some companies buy much more than others.
		company = int(math.Pow(r.Float64(), 1.4) * float64(g.plan.Companies))
		c, _ := g.companyHead(company)
		from, subject, median = c.created, c.name+": ", c.size.median
		deal.CompanyID, deal.OwnerID, deal.Company = &c.id, c.owner, &c.name
	}
	if deal.OwnerID == nil || chance(r, 0.15) {
		deal.OwnerID = g.pickOwner(r)
	}
	created := within(r, from, g.plan.Now)
	deal.OrgID, deal.ID, deal.Version = g.org, g.id(kindDeal, number, 0, created), 1
	deal.Name = subject + pick(r, products)
	if deal.Company == nil {
		deal.Company = &deal.Name // the default of the use case
	}
	deal.CreatedAt = crm.InstantOf(created)
	g.setValue(r, &deal, median)
	s := story{deal: deal}
	if company >= 0 {
		g.addContacts(r, &s, company)
	}
	g.progress(r, &s, number, created)
	g.schedule(r, &s.deal)
	return s
}

// setValue sets a deal's value and the fields that depend on it.
func (g *generator) setValue(r *rand.Rand, d *crm.Deal, median float64) {
	d.Currency = g.currency
	if chance(r, foreignShare) {
		d.Currency = pick(r, []string{"EUR", "USD"})
	}
	source := pick(r, sources)
	d.LeadSourceType, d.LeadSourceChannel = maybe(r, 0.9, source.kind), maybe(r, 0.85, source.channel)
	if chance(r, 0.04) {
		return // not priced yet
	}
	total := round(logNormal(r, median, 0.65))
	switch u := r.Float64(); {
	case u < 0.4: // once
		d.OneOffRevenue, d.Value = &total, &total
	case u < 0.75: // by the month
		monthly := round(float64(total/100) / 12)
		annual := 12 * monthly
		d.MonthlyMRR, d.AnnualValue, d.Value = &monthly, &annual, &annual
	default: // both
		once := round(float64(total/100) / 4)
		monthly := round(float64(total/100) * 3 / 4 / 12)
		annual := 12 * monthly
		sum := once + annual
		d.OneOffRevenue, d.MonthlyMRR, d.AnnualValue, d.Value = &once, &monthly, &annual, &sum
	}
	class, priority := "large", "high"
	switch v := *d.Value; {
	case v < 10_000_00:
		class, priority = "small", "low"
	case v < 50_000_00:
		class, priority = "medium", "medium"
	}
	d.DealSize, d.Priority = maybe(r, 0.8, class), maybe(r, 0.85, priority)
}

// round rounds to an amount that is plausible in an offer.
func round(units float64) crm.Money {
	step := 5.0
	for step*100 < units {
		step *= 10
	}
	return crm.Money(math.Max(math.Round(units/step), 1) * step * 100)
}

// addContacts adds contacts of the deal's company.
func (g *generator) addContacts(r *rand.Rand, s *story, company int) {
	n := g.contactsOf(company)
	if n == 0 {
		return
	}
	lead := r.IntN(n)
	if chance(r, 0.93) {
		h, _ := g.contactHead(g.contactAt(company, lead))
		s.deal.PrimaryContactID = &h.id
		kind := "email"
		s.deal.ContactIdentifier, s.deal.ContactIdentifierType = &h.email, &kind
	}
	for further := 1; further < min(n, 3) && chance(r, 0.2); further++ {
		h, _ := g.contactHead(g.contactAt(company, (lead+further)%n))
		s.contacts = append(s.contacts, crm.DealContact{DealID: s.deal.ID, ContactID: h.id, Role: pick(r, crm.DealContactRoles)})
	}
}

// progress moves a deal through the pipeline until now, or until it is won or lost.
func (g *generator) progress(r *rand.Rand, s *story, number int, created time.Time) {
	at, d := created, &s.deal
	enter := func(stage *crm.Stage) {
		d.StageID, d.StageChangedAt, d.Probability = stage.ID, crm.InstantOf(at), stage.DefaultProbability
		if n := len(s.moves); n > 0 {
			left := d.StageChangedAt
			s.moves[n-1].ExitedAt = &left
		}
		s.moves = append(s.moves, crm.StageHistoryEntry{
			OrgID: g.org, ID: g.id(kindDeal, number, 1+len(s.moves), at), DealID: d.ID, StageID: stage.ID,
			EnteredAt: d.StageChangedAt, UserID: d.OwnerID,
		})
	}
	d.Status = crm.StatusActive
	for i := range g.open {
		enter(&g.open[i])
		days := logNormal(r, stayMedian, 0.75)
		if chance(r, stallChance) {
			days *= 6
		}
		until := at.Add(time.Duration(days * float64(day)))
		if moved := working(r, until); moved.After(at) {
			until = moved
		}
		if !until.Before(g.plan.Now) {
			break // the current stage
		}
		end := g.lost
		if !chance(r, loseInStage) {
			if i < len(g.open)-1 {
				at = until
				continue
			}
			end = g.won
		}
		if end == nil {
			break // no such stage
		}
		at = until
		enter(end)
		d.Status = string(end.Outcome)
		closed := d.StageChangedAt
		d.ClosedAt = &closed
		d.UpdatedAt = closed
		return
	}
	d.UpdatedAt = crm.InstantOf(within(r, at, g.plan.Now))
	if chance(r, 0.2) { // deviates from the stage's default
		d.Probability = min(max(d.Probability+5*(r.IntN(7)-3), 5), 95)
	}
}

// schedule sets a deal's dates and next steps.
func (g *generator) schedule(r *rand.Rand, d *crm.Deal) {
	if d.ClosedAt == nil {
		// A few are overdue.
		expected := crm.DateOf(g.plan.Now) + crm.Date(r.IntN(95)-12)
		d.ExpectedCloseDate = maybe(r, 0.9, expected)
		d.NextSteps = maybe(r, 0.6, pick(r, nextSteps))
		return
	}
	closed := d.ClosedAt.Time()
	d.ExpectedCloseDate = maybe(r, 0.95, crm.DateOf(closed)+crm.Date(r.IntN(29)-14))
	if d.Status == crm.StatusWon {
		billing := crm.DateOf(time.Date(closed.Year(), closed.Month()+1, 1, 0, 0, 0, 0, time.UTC))
		d.FirstBillingDate = maybe(r, 0.85, billing)
	}
}

func (g *generator) writeDeals(ctx context.Context, tx bulk.Tx, from, to int) error {
	stories := rows(from, to, g.story)
	deals := make([]crm.Deal, len(stories))
	var (
		moves    []crm.StageHistoryEntry
		contacts []crm.DealContact
	)
	for i := range stories {
		deals[i] = stories[i].deal
		moves = append(moves, stories[i].moves...)
		contacts = append(contacts, stories[i].contacts...)
	}
	if err := tx.Deals().Insert(ctx, deals); err != nil {
		return err
	}
	if err := tx.InsertStageHistory(ctx, moves); err != nil {
		return err
	}
	return tx.InsertDealContacts(ctx, deals, contacts)
}
