package crm

import (
	"errors"
	"strings"
	"testing"
)

func TestCompanyRules(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", MaxNameLength+1)
	for name, c := range map[string]struct {
		patch CompanyPatch
		bad   string // the fields complained of, in order
	}{
		"OK":                {CompanyPatch{Name: Of(" Acme  Ltd "), Domain: Of("ACME.Example"), Size: Of("small")}, ""},
		"NameMissing":       {CompanyPatch{}, "name"},
		"NameNull":          {CompanyPatch{Name: Null[string]()}, "name"},
		"NameBlank":         {CompanyPatch{Name: Of(" \t ")}, "name"},
		"NameLongest":       {CompanyPatch{Name: Of(long[2:])}, ""},
		"NameTooLong":       {CompanyPatch{Name: Of(long)}, "name"},
		"NUL":               {CompanyPatch{Name: Of("a\x00b")}, "name"},
		"NotUTF8":           {CompanyPatch{Name: Of("a\xffb")}, "name"},
		"DomainIsURL":       {CompanyPatch{Name: Of("a"), Domain: Of("https://acme.example/")}, "domain"},
		"DomainOneLabel":    {CompanyPatch{Name: Of("a"), Domain: Of("localhost")}, "domain"},
		"DomainUmlaut":      {CompanyPatch{Name: Of("a"), Domain: Of("bücher.example")}, ""},
		"SizeUnknown":       {CompanyPatch{Name: Of("a"), Size: Of("Small")}, "size"},
		"WebsiteBare":       {CompanyPatch{Name: Of("a"), Website: Of("www.acme.example/about")}, ""},
		"WebsiteWithPort":   {CompanyPatch{Name: Of("a"), Website: Of("acme.example:8080")}, ""},
		"WebsiteJavascript": {CompanyPatch{Name: Of("a"), Website: Of("javascript:alert(1)")}, "website"},
		"EverythingAtOnce": {CompanyPatch{Domain: Of("x"), Size: Of("x"), Website: Of("data:x"), ExternalID: Of(long)},
			"name domain size website external_id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var company Company
			var r Rules
			c.patch.Apply(&company, &r)
			if got := fieldsOf(r.Err()); got != c.bad {
				t.Errorf("complaints about %q, want %q", got, c.bad)
			}
		})
	}
}

// fieldsOf returns the fields that an error complains of.
func fieldsOf(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	var fields []string
	for _, f := range e.Fields {
		fields = append(fields, f.Field)
	}
	return strings.Join(fields, " ")
}

func TestPersonNeedsSomeName(t *testing.T) {
	t.Parallel()
	var contact, owner, r Rules
	ContactPatch{Title: Of("CTO")}.Apply(&Contact{}, &contact)
	OwnerPatch{Role: Of("rep")}.Apply(&Owner{}, &owner)
	if got := fieldsOf(contact.Err()) + " " + fieldsOf(owner.Err()); got != "first_name first_name" {
		t.Errorf("complaints about %q", got)
	}
	c := Contact{}
	ContactPatch{Email: Of("Ann.Lee@Example.COM")}.Apply(&c, &r)
	if r.Err() != nil || *c.Email != "ann.lee@example.com" {
		t.Errorf("%v, %v", r.Err(), c.Email)
	}
}

func TestPrimaryContactNeedsACompany(t *testing.T) {
	t.Parallel()
	company := NewID()
	var r Rules
	var c Contact
	ContactPatch{FirstName: Of("A"), IsPrimary: Of(true)}.Apply(&c, &r)
	if r.Err() != nil || c.IsPrimary {
		t.Errorf("without a company: %v, primary %v", r.Err(), c.IsPrimary)
	}
	c = Contact{FirstName: new("A"), CompanyID: &company, IsPrimary: true}
	ContactPatch{CompanyID: Null[ID]()}.Apply(&c, &r)
	if r.Err() != nil || c.IsPrimary {
		t.Errorf("taken off its company: %v, primary %v", r.Err(), c.IsPrimary)
	}
}

// TestSettle is the table of what stage, status and closing time do to each other.
func TestSettle(t *testing.T) {
	t.Parallel()
	const now, earlier, given = Instant(1000), Instant(500), Instant(700)
	open := &Stage{ID: NewID(), Name: "Lead", Outcome: OutcomeOpen}
	won := &Stage{ID: NewID(), Name: "Won", Outcome: OutcomeWon}
	lost := &Stage{ID: NewID(), Name: "Lost", Outcome: OutcomeLost}
	for name, c := range map[string]struct {
		status string // before; closed ones since earlier
		to     *Stage // nil: not moved
		patch  DealPatch
		want   string
		closed Instant // 0: not
		bad    string
	}{
		"MoveWithinOpen":           {StatusActive, open, DealPatch{}, StatusActive, 0, ""},
		"EnterWon":                 {StatusActive, won, DealPatch{}, StatusWon, now, ""},
		"EnterWonWithTime":         {StatusActive, won, DealPatch{ClosedAt: Of(Moment(given))}, StatusWon, given, ""},
		"EnterWonWithNullTime":     {StatusActive, won, DealPatch{ClosedAt: Null[Moment]()}, StatusWon, now, ""},
		"WonToLost":                {StatusWon, lost, DealPatch{}, StatusLost, now, ""},
		"WonToAnotherWon":          {StatusWon, won, DealPatch{}, StatusWon, earlier, ""},
		"Reopen":                   {StatusWon, open, DealPatch{}, StatusActive, 0, ""},
		"ReopenWithTime":           {StatusLost, open, DealPatch{ClosedAt: Of(Moment(given))}, StatusActive, 0, "closed_at"},
		"ReopenSentBack":           {StatusLost, open, DealPatch{ClosedAt: Of(Moment(earlier))}, StatusActive, 0, ""},
		"StatusWon":                {StatusActive, nil, DealPatch{Status: Of(StatusWon)}, StatusWon, now, ""},
		"StatusActive":             {StatusWon, nil, DealPatch{Status: Of(StatusActive)}, StatusActive, 0, ""},
		"StatusSame":               {StatusWon, nil, DealPatch{Status: Of(StatusWon)}, StatusWon, earlier, ""},
		"TimeOfClosed":             {StatusWon, nil, DealPatch{ClosedAt: Of(Moment(given))}, StatusWon, given, ""},
		"TimeOfActive":             {StatusActive, nil, DealPatch{ClosedAt: Of(Moment(given))}, StatusActive, 0, "closed_at"},
		"NullTimeOfActive":         {StatusActive, nil, DealPatch{ClosedAt: Null[Moment]()}, StatusActive, 0, ""},
		"NullTimeOfClosed":         {StatusWon, nil, DealPatch{ClosedAt: Null[Moment]()}, StatusWon, earlier, ""},
		"StatusAgreesWithStage":    {StatusActive, won, DealPatch{StageID: Of(won.ID), Status: Of(StatusWon)}, StatusWon, now, ""},
		"StatusInAWonStage":        {StatusActive, won, DealPatch{StageID: Of(won.ID), Status: Of(StatusActive)}, StatusActive, 0, ""},
		"StatusInAnotherStage":     {StatusActive, won, DealPatch{StageID: Of(won.ID), Status: Of(StatusLost)}, StatusLost, now, ""},
		"StatusInAnOpenStage":      {StatusActive, open, DealPatch{StageID: Of(open.ID), Status: Of(StatusWon), ClosedAt: Of(Moment(given))}, StatusWon, given, ""},
		"StatusStaysInAnOpenStage": {StatusWon, open, DealPatch{StageID: Of(open.ID), Status: Of(StatusWon)}, StatusWon, earlier, ""},
		"StatusWithTheFirstStage":  {StatusActive, open, DealPatch{Status: Of(StatusWon)}, StatusWon, now, ""},
		"NothingSentNothingChange": {StatusLost, nil, DealPatch{}, StatusLost, earlier, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := Deal{Status: c.status}
			if c.status != StatusActive {
				d.ClosedAt = new(earlier)
			}
			var r Rules
			c.patch.Settle(&d, c.to, c.to != nil, now, &r)
			if got := fieldsOf(r.Err()); got != c.bad {
				t.Fatalf("complaints about %q, want %q", got, c.bad)
			}
			if c.bad != "" {
				return
			}
			var closed Instant
			if d.ClosedAt != nil {
				closed = *d.ClosedAt
			}
			if d.Status != c.want || closed != c.closed {
				t.Errorf("%s, closed at %d; want %s, %d", d.Status, closed, c.want, c.closed)
			}
			if c.to != nil && (d.StageID != c.to.ID || d.StageChangedAt != now) {
				t.Errorf("in stage %s since %d", d.StageID, d.StageChangedAt)
			}
		})
	}
}

func TestDealRules(t *testing.T) {
	t.Parallel()
	var d Deal
	var r Rules
	DealPatch{
		Value: Of(Money(-1)), Probability: Of(101), Currency: Of("XYZ1"), Status: Of("open"), Priority: Of("urgent"),
		StageID: Null[ID](), ContactIdentifierType: Of("fax"),
	}.Apply(&d, &r)
	const want = "name contact_identifier_type value currency probability priority status stage_id"
	if got := fieldsOf(r.Err()); got != want {
		t.Errorf("complaints about %q, want %q", got, want)
	}
	r = Rules{}
	DealPatch{Name: Of("x"), Currency: Of("eur"), Value: Of(MaxMoney)}.Apply(&d, &r)
	if r.Err() != nil || d.Currency != "EUR" {
		t.Errorf("%v, %s", r.Err(), d.Currency)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	me, other := NewID(), NewID()
	for role, want := range map[Role]string{
		RoleViewer: "", RoleRep: "mine", RoleManager: "mine others unowned handover stages", RoleAdmin: "mine others unowned handover stages",
	} {
		a := Actor{Org: NewID(), User: me, Role: role}
		var may []string
		for _, try := range []struct {
			what string
			err  error
		}{
			{"mine", a.checkWrite(&me)}, {"others", a.checkWrite(&other)}, {"unowned", a.checkWrite(nil)},
			{"handover", a.checkWrite(&me, &other)}, {"stages", a.CheckReference()},
		} {
			if try.err == nil {
				may = append(may, try.what)
			} else if CodeOf(try.err) != CodeForbidden {
				t.Errorf("%s: %v", role, try.err)
			}
		}
		if got := strings.Join(may, " "); got != want {
			t.Errorf("a %s may write %q, want %q", role, got, want)
		}
	}
}
