package crm

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                 "",
		" \t\u200b\ufeff\u00a0":            "",
		" Ada  King\n":                     "Ada  King",
		"\u200e Cre\u0300me\u2060":         "Crème",
		"\U0001f469\u200d\U0001f4bb\u200d": "\U0001f469\u200d\U0001f4bb", // a joiner inside has a meaning
		"می\u200cخواهم":                    "می\u200cخواهم",
		"soft\u00adhyphen":                 "soft\u00adhyphen",
		"a\xff ":                           "a\xff", // which TextRule rejects
	} {
		if got := Text(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "text")
		got := Text(in)
		if again := Text(got); again != got || !norm.NFC.IsNormalString(got) {
			t.Fatalf("%q becomes %q, and that %q", in, got, again)
		}
		if twin := Text("\u200b" + norm.NFD.String(in) + " "); twin != got {
			t.Fatalf("%q becomes %q, decomposed %q", in, got, twin)
		}
	})
}

// Every member that is a text passes the rule; one that shows nothing is none.
func TestTextMembers(t *testing.T) {
	t.Parallel()
	c := Contact{Title: new("CTO")}
	var r Rules
	ContactPatch{FirstName: Of("\u200b"), LastName: Of(" Cre\u0300me \ufeff"), Title: Of("\u2060"), Email: Of("\u200eJo\u0308@KO\u0308LN.example")}.Apply(&c, &r)
	if r.Err() != nil || c.FirstName != nil || *c.LastName != "Crème" || c.FullName != "Crème" || c.Title != nil || *c.Email != "jö@köln.example" {
		t.Errorf("%+v, %v", c, r.Err())
	}
	var company Company
	CompanyPatch{Name: Of("\u200b \u00ad")}.Apply(&company, &r)
	if got := fieldsOf(r.Err()); got != "name" {
		t.Errorf("complaints about %q", got)
	}
	var f CompanyFilter
	if err := Companies.Filters[1].Set(&f, "Cre\u0300me\u200b"); err != nil || *f.Industry != "Crème" {
		t.Errorf("%v, %v", f.Industry, err)
	}
}

// The addresses in a deal are stored as all others are. Other text is accepted if all of it
// is visible.
func TestDealAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind     Field[string] // of the identifier
		in       string
		email    string // "": it is rejected
		identity string
	}{
		{Of("email"), "\u200eJo\u0308@KO\u0308LN.Example ", "jö@köln.example", "jö@köln.example"},
		{Of("email"), "dmİn@X.com", "dmİn@x.com", "dmİn@x.com"},
		{Of("email"), "a\u200bdmİn@X.com", "", ""},
		{Of("email"), "Ada\u202eKing", "", ""},
		{Of("email"), "Ada King <ada@ACME.example>", "Ada King <ada@ACME.example>", "Ada King <ada@ACME.example>"},
		{Of("email"), "to be asked", "to be asked", "to be asked"},
		{Of("linkedin"), "In/Ada\u00a0King", "", "In/Ada\u00a0King"},
		{Null[string](), "Ada@ACME.example", "ada@acme.example", "Ada@ACME.example"},
	} {
		d := Deal{Name: "Deal", Currency: "GBP"}
		var r Rules
		DealPatch{ContactEmail: Of(c.in), ContactIdentifier: Of(c.in), ContactIdentifierType: c.kind}.Apply(&d, &r)
		var want []string
		if c.email == "" {
			want = append(want, "contact_email")
		} else if d.ContactEmail == nil || *d.ContactEmail != c.email {
			t.Errorf("%q: the address is %v", c.in, d.ContactEmail)
		}
		if c.identity == "" {
			want = append(want, "contact_identifier")
		} else if d.ContactIdentifier == nil || *d.ContactIdentifier != c.identity {
			t.Errorf("%q: the identifier is %v", c.in, d.ContactIdentifier)
		}
		if got := fieldsOf(r.Err()); got != strings.Join(want, " ") {
			t.Errorf("%q: complaints about %q, want %q", c.in, got, want)
		}
	}

	// The type alone decides, too, and other changes do not touch what is stored.
	d := Deal{Name: "Deal", Currency: "GBP", ContactIdentifier: new("Ada@ACME.example")}
	var r Rules
	DealPatch{ContactIdentifierType: Of("email")}.Apply(&d, &r)
	if r.Err() != nil || *d.ContactIdentifier != "ada@acme.example" {
		t.Errorf("%v, %v", *d.ContactIdentifier, r.Err())
	}
	d.ContactIdentifier = new("a\u200bb@x.example")
	DealPatch{Name: Of("Other")}.Apply(&d, &r)
	DealPatch{ContactIdentifier: Null[string]()}.Apply(&d, &r)
	if r.Err() != nil || d.ContactIdentifier != nil {
		t.Errorf("%v, %v", d.ContactIdentifier, r.Err())
	}
}

// What is stored is brought to the rules, as far as it does not break them.
func TestNormalise(t *testing.T) {
	t.Parallel()
	c := Contact{FirstName: new("Zoe\u0308"), FullName: "Zoe\u0308", Email: new("a\u200bb@x.example"), Title: new("\u200b"), LinkedInURL: new("javascript:x\u200b")}
	Contacts.Normalise(&c, ContactPatch.Apply)
	if *c.FirstName != "Zoë" || c.FullName != "Zoë" || *c.Email != "a\u200bb@x.example" || c.Title != nil || *c.LinkedInURL != "javascript:x\u200b" {
		t.Errorf("%+v", c)
	}
	named := Contact{FullName: "Grace Hopper", Email: new("Grace@x.example")} // without its parts
	Contacts.Normalise(&named, ContactPatch.Apply)
	if named.FullName != "Grace Hopper" || *named.Email != "grace@x.example" {
		t.Errorf("%+v", named)
	}
	d := Deal{Name: "Ship\u200b", Status: StatusWon, Currency: "GBP", Priority: new("high")}
	Deals.Normalise(&d, DealPatch.Apply)
	if d.Name != "Ship" || d.Status != StatusWon || d.Currency != "GBP" || *d.Priority != "high" {
		t.Errorf("%+v", d)
	}
	company := Company{Name: "\u200b"} // it must have one
	Companies.Normalise(&company, CompanyPatch.Apply)
	if company.Name != "\u200b" {
		t.Errorf("%+v", company)
	}
}

func TestStoredEmails(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]string{
		"\u0020Ada@X.example":         {"ada@x.example", "ada@x.example"},
		"JÖ@x.example":                {"jÖ@x.example", "jö@x.example"},
		"adm\u0130n@x.example":        {"adm\u0130n@x.example", "admin@x.example"},
		"a\u200bB@x.example":          {"", "a\u200bb@x.example"},
		"A@xn--bcher-kva.example":     {"a@bücher.example", "a@xn--bcher-kva.example"},
		"a\x00@x.example":             {"", ""},
		"a\xff@x.example":             {"", ""},
		"":                            {"", ""},
		"\u200bada@x.example\u200b\t": {"ada@x.example", "\u200bada@x.example\u200b"},
	} {
		if normal, legacy := StoredEmails(in); normal != want[0] || legacy != want[1] {
			t.Errorf("%q: %q, %q; want %q", in, normal, legacy, want)
		}
	}
}
