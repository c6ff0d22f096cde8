package crm

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/currency"
)

// The most characters of a text member.
const (
	maxName   = 255
	maxShort  = 255
	maxPhone  = 50
	maxEmail  = 254 // RFC 5321, 4.5.3.1.3
	maxDomain = 253 // RFC 1035, 2.3.4
	maxURL    = 2048
	maxText   = 10_000
)

var (
	domainPattern = regexp.MustCompile(`^([\pL\pN]([\pL\pN-]{0,61}[\pL\pN])?\.)+[\pL\pN]([\pL\pN-]{0,61}[\pL\pN])?$`)
	colorPattern  = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)
)

// The values of the enumerated members.
var (
	companySizes    = []string{"startup", "small", "medium", "large", "enterprise"}
	dealStatuses    = []string{StatusActive, StatusWon, StatusLost}
	priorities      = []string{"low", "medium", "high"}
	identifierTypes = []string{"email", "phone", "linkedin", "unknown"}
	stageOutcomes   = []string{string(OutcomeOpen), string(OutcomeWon), string(OutcomeLost)}
	repsSee         = []string{string(RepsSeeAll), string(RepsSeeOwn)}
	contactRoles    = []string{"decision_maker", "influencer", "stakeholder", "champion", "blocker"}
)

// rules collects what is wrong with the members of a patch while it is applied, so
// that all of it can be told at once.
type rules struct{ bad []FieldError }

// add notes a complaint, unless there is one about the member already: that it cannot
// be read makes whatever follows from its absence noise.
func (r *rules) add(field, format string, args ...any) {
	if slices.ContainsFunc(r.bad, func(b FieldError) bool { return b.Field == field }) {
		return
	}
	r.bad = append(r.bad, FieldError{field, fmt.Sprintf(format, args...)})
}

// err gives everything that was found, nil for nothing.
func (r *rules) err() error {
	if len(r.bad) == 0 {
		return nil
	}
	return Invalid(r.bad...)
}

// A textRule checks a trimmed, non-empty text and may normalise it; "" accepts.
type textRule func(s string) (normal, complaint string)

func atMost(n int) textRule {
	return func(s string) (string, string) {
		switch {
		case utf8.RuneCountInString(s) > n:
			return s, fmt.Sprintf("must be at most %d characters long", n)
		case strings.ContainsRune(s, 0):
			return s, "must not contain a NUL character"
		case !utf8.ValidString(s):
			return s, "must be valid UTF-8"
		}
		return s, ""
	}
}

// within is atMost(n) and then more.
func within(n int, more textRule) textRule {
	limit := atMost(n)
	return func(s string) (string, string) {
		if s, complaint := limit(s); complaint != "" {
			return s, complaint
		}
		return more(s)
	}
}

var (
	nameRule  = atMost(maxName)
	shortRule = atMost(maxShort)
	phoneRule = atMost(maxPhone)
	longRule  = atMost(maxText)

	emailRule = within(maxEmail, func(s string) (string, string) {
		a, err := mail.ParseAddress(s)
		if err != nil || a.Address != s || a.Name != "" {
			return s, "must be an e-mail address"
		}
		return strings.ToLower(s), ""
	})
	domainRule = within(maxDomain, func(s string) (string, string) {
		s = strings.ToLower(s)
		if !domainPattern.MatchString(s) {
			return s, "must be a host name such as example.com"
		}
		return s, ""
	})
	// A link is shown as one: nothing but the web may hide behind it.
	urlRule = within(maxURL, func(s string) (string, string) {
		u, err := url.Parse(s)
		if err != nil || strings.ContainsAny(s, " \t\r\n") {
			return s, "must be a web address"
		}
		if u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" && !strings.Contains(u.Scheme, ".") {
			return s, "must be a web address (http or https)"
		}
		return s, ""
	})
	colorRule = within(7, func(s string) (string, string) {
		if !colorPattern.MatchString(s) {
			return s, "must be a colour such as #3B82F6"
		}
		return s, ""
	})
	currencyRule = within(3, func(s string) (string, string) {
		u, err := currency.ParseISO(strings.ToUpper(s))
		if err != nil {
			return s, "must be an ISO 4217 currency such as GBP"
		}
		return u.String(), ""
	})
)

func oneOf(values []string) textRule {
	return func(s string) (string, string) {
		if !slices.Contains(values, s) {
			return s, "must be one of " + strings.Join(values, ", ")
		}
		return s, ""
	}
}

// ValidCurrency normalises the code of a currency of ISO 4217.
func ValidCurrency(code string) (string, bool) {
	s, complaint := currencyRule(code)
	return s, complaint == ""
}

// text applies a member that may be cleared; a text of nothing but space clears.
func (r *rules) text(field string, f Field[string], dst **string, rule textRule) {
	if !f.Set {
		return
	}
	s := strings.TrimSpace(f.Value)
	if f.Null || s == "" {
		*dst = nil
		return
	}
	s, complaint := rule(s)
	if complaint != "" {
		r.add(field, "%s", complaint)
		return
	}
	*dst = &s
}

// need applies a member that may not be empty.
func (r *rules) need(field string, f Field[string], dst *string, rule textRule) {
	var p *string
	if *dst != "" {
		p = dst
	}
	before := len(r.bad)
	r.text(field, f, &p, rule)
	switch {
	case len(r.bad) > before:
	case p == nil:
		r.add(field, "must not be empty")
	default:
		*dst = *p
	}
}

// value applies a member of any other kind that may be cleared.
func value[T any](f Field[T], dst **T) {
	if f.Set {
		*dst = nil
		if !f.Null {
			v := f.Value
			*dst = &v
		}
	}
}

// amount applies an amount, which may not be negative.
func (r *rules) amount(field string, f Field[Money], dst **Money) {
	if f.Set && !f.Null && (f.Value < 0 || f.Value > MaxMoney) {
		r.add(field, "must be between 0.00 and %s", MaxMoney)
		return
	}
	value(f, dst)
}

// number applies a whole number that may not be cleared.
func (r *rules) number(field string, f Field[int], dst *int, least, most int) {
	switch {
	case !f.Set:
	case f.Null:
		r.add(field, "must not be null")
	case f.Value < least || f.Value > most:
		r.add(field, "must be between %d and %d", least, most)
	default:
		*dst = f.Value
	}
}

// name applies a thing's name, which it must have; inner space is kept to single
// blanks.
func (r *rules) name(f Field[string], dst *string) {
	f.Value = cleanSpace(f.Value)
	r.need("name", f, dst, nameRule)
}

// namePart applies a part of a person's name.
func (r *rules) namePart(field string, f Field[string], dst **string) {
	f.Value = cleanSpace(f.Value)
	r.text(field, f, dst, nameRule)
}

func (p CompanyPatch) apply(c *Company, r *rules) {
	r.bad = append(r.bad, p.DecodeErrors...)
	r.name(p.Name, &c.Name)
	r.text("domain", p.Domain, &c.Domain, domainRule)
	r.text("industry", p.Industry, &c.Industry, shortRule)
	r.text("size", p.Size, &c.Size, oneOf(companySizes))
	r.text("website", p.Website, &c.Website, urlRule)
	r.text("address", p.Address, &c.Address, longRule)
	r.text("phone", p.Phone, &c.Phone, phoneRule)
	r.text("description", p.Description, &c.Description, longRule)
	r.text("linkedin_url", p.LinkedInURL, &c.LinkedInURL, urlRule)
	r.text("external_id", p.ExternalID, &c.ExternalID, shortRule)
	value(p.OwnerID, &c.OwnerID)
}

func (p ContactPatch) apply(c *Contact, r *rules) {
	r.bad = append(r.bad, p.DecodeErrors...)
	r.namePart("first_name", p.FirstName, &c.FirstName)
	r.namePart("last_name", p.LastName, &c.LastName)
	r.text("email", p.Email, &c.Email, emailRule)
	r.text("phone", p.Phone, &c.Phone, phoneRule)
	r.text("title", p.Title, &c.Title, shortRule)
	r.text("linkedin_url", p.LinkedInURL, &c.LinkedInURL, urlRule)
	r.text("external_id", p.ExternalID, &c.ExternalID, shortRule)
	value(p.CompanyID, &c.CompanyID)
	value(p.OwnerID, &c.OwnerID)
	if p.IsPrimary.Set {
		c.IsPrimary = p.IsPrimary.Value && !p.IsPrimary.Null
	}
	c.FullName = fullName(c.FirstName, c.LastName)
	if c.FullName == "" && c.Email == nil && len(r.bad) == 0 {
		r.add("first_name", "must be there when there is neither a last_name nor an email")
	}
	if c.IsPrimary && c.CompanyID == nil {
		if p.IsPrimary.Set && c.IsPrimary && !p.CompanyID.Set {
			r.add("is_primary", "needs a company_id")
		}
		c.IsPrimary = false // taken off its company, it is nobody's primary contact
	}
}

func (p OrganisationPatch) apply(o *Organisation, r *rules) {
	r.bad = append(r.bad, p.DecodeErrors...)
	r.name(p.Name, &o.Name)
	see := string(o.RepsSee)
	r.need("reps_see", p.RepsSee, &see, oneOf(repsSee))
	o.RepsSee = RepVisibility(see)
}

func (p StagePatch) apply(s *Stage, r *rules) {
	r.bad = append(r.bad, p.DecodeErrors...)
	r.name(p.Name, &s.Name)
	r.text("description", p.Description, &s.Description, longRule)
	r.text("color", p.Color, &s.Color, colorRule)
	r.number("order_position", p.OrderPosition, &s.OrderPosition, 0, 1_000_000)
	r.number("default_probability", p.DefaultProbability, &s.DefaultProbability, 0, 100)
	outcome := string(s.Outcome)
	r.need("outcome", p.Outcome, &outcome, oneOf(stageOutcomes))
	s.Outcome = Outcome(outcome)
}

func (p OwnerPatch) apply(o *Owner, r *rules) {
	r.bad = append(r.bad, p.DecodeErrors...)
	r.namePart("first_name", p.FirstName, &o.FirstName)
	r.namePart("last_name", p.LastName, &o.LastName)
	r.text("email", p.Email, &o.Email, emailRule)
	r.text("stage", p.Stage, &o.Stage, shortRule)
	r.text("avatar_url", p.AvatarURL, &o.AvatarURL, urlRule)
	role := string(o.Role)
	r.need("role", p.Role, &role, func(s string) (string, string) {
		if _, err := ParseRole(s); err != nil {
			return s, "must be one of viewer, rep, manager, admin"
		}
		return s, ""
	})
	o.Role = Role(role)
	o.FullName = fullName(o.FirstName, o.LastName)
	if o.FullName == "" && o.Email == nil && len(r.bad) == 0 {
		r.add("first_name", "must be there when there is neither a last_name nor an email")
	}
}

// apply applies everything of a deal that has no rule across members; what the
// stage, the status and the closing time do to each other is settle's.
func (p DealPatch) apply(d *Deal, r *rules) {
	r.bad = append(r.bad, p.DecodeErrors...)
	r.name(p.Name, &d.Name)
	r.text("company", p.Company, &d.Company, shortRule)
	r.text("contact_name", p.ContactName, &d.ContactName, shortRule)
	r.text("contact_email", p.ContactEmail, &d.ContactEmail, atMost(maxEmail))
	r.text("contact_phone", p.ContactPhone, &d.ContactPhone, phoneRule)
	r.text("contact_identifier", p.ContactIdentifier, &d.ContactIdentifier, shortRule)
	r.text("contact_identifier_type", p.ContactIdentifierType, &d.ContactIdentifierType, oneOf(identifierTypes))
	r.amount("value", p.Value, &d.Value)
	r.need("currency", p.Currency, &d.Currency, currencyRule)
	r.amount("one_off_revenue", p.OneOffRevenue, &d.OneOffRevenue)
	r.amount("monthly_mrr", p.MonthlyMRR, &d.MonthlyMRR)
	r.text("description", p.Description, &d.Description, longRule)
	r.number("probability", p.Probability, &d.Probability, 0, 100)
	r.text("priority", p.Priority, &d.Priority, oneOf(priorities))
	r.amount("annual_value", p.AnnualValue, &d.AnnualValue)
	r.text("deal_size", p.DealSize, &d.DealSize, shortRule)
	r.text("lead_source_type", p.LeadSourceType, &d.LeadSourceType, shortRule)
	r.text("lead_source_channel", p.LeadSourceChannel, &d.LeadSourceChannel, shortRule)
	r.text("next_steps", p.NextSteps, &d.NextSteps, longRule)
	r.text("external_id", p.ExternalID, &d.ExternalID, shortRule)
	value(p.ExpectedCloseDate, &d.ExpectedCloseDate)
	value(p.FirstBillingDate, &d.FirstBillingDate)
	value(p.CompanyID, &d.CompanyID)
	value(p.PrimaryContactID, &d.PrimaryContactID)
	value(p.OwnerID, &d.OwnerID)
	if p.Status.Set && (p.Status.Null || !slices.Contains(dealStatuses, p.Status.Value)) {
		r.add("status", "must be one of %s", strings.Join(dealStatuses, ", "))
	}
	if p.StageID.Set && p.StageID.Null {
		r.add("stage_id", "must not be null")
	}
}

// settle makes stage, status and closing time agree: entering a won or lost stage
// sets the status; going back to an open one makes the deal active; a deal is
// closed exactly while it is won or lost, from closed_at if that is given and else
// from now. A status that contradicts the stage it is sent with is refused.
func (p DealPatch) settle(d *Deal, stage *Stage, moved bool, now Instant, r *rules) {
	status := d.Status
	if moved {
		d.StageID, d.StageChangedAt = stage.ID, now
		status = stage.status()
	}
	if p.Status.Set && !p.Status.Null {
		if moved && p.StageID.Set && p.Status.Value != status {
			r.add("status", "must be %s in the stage %s", status, stage.Name)
			return
		}
		status = p.Status.Value
	}
	reopened := d.Status != StatusActive && status == StatusActive
	closed := d.Status != status && status != StatusActive
	d.Status = status
	switch {
	case reopened || status == StatusActive:
		d.ClosedAt = nil
	case p.ClosedAt.Set && !p.ClosedAt.Null:
		at := p.ClosedAt.Value
		d.ClosedAt = &at
	case closed || d.ClosedAt == nil:
		d.ClosedAt = &now
	}
}

// status is the status of a deal that enters the stage.
func (s *Stage) status() string {
	if s.Outcome == OutcomeOpen {
		return StatusActive
	}
	return string(s.Outcome)
}
