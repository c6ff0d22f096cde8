package app_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/identity/identitytest"
	"sixty/internal/store"
)

// What looks the same is the same: it is taken once, and found by either way to write it.
func TestTwins(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		key := c.key(c.organisation("Twins").ID, crm.RoleAdmin)
		contact := func(email string) (string, object) {
			return "/api/contacts", object{"first_name": "T", "email": email}
		}
		domain := func(domain string) (string, object) { return "/api/companies", object{"name": "T", "domain": domain} }
		external := func(id string) (string, object) { return "/api/companies", object{"name": "T", "external_id": id} }
		for name, test := range map[string]struct {
			of           func(string) (string, object)
			first, other string
			want         int
		}{
			"LetterCase":       {contact, "c@x.example", "C@X.example", http.StatusConflict},
			"ZeroWidthSpace":   {contact, "a@x.example", "a@x.example\u200b", http.StatusConflict},
			"ByteOrderMark":    {contact, "b@x.example", "\ufeffb@x.example", http.StatusConflict},
			"SoftHyphen":       {contact, "d@x.example", "d@x.exam\u00adple", http.StatusUnprocessableEntity},
			"Decomposed":       {contact, "jö@x.example", "jo\u0308@x.example", http.StatusConflict},
			"ALabel":           {contact, "e@bücher.example", "e@xn--bcher-kva.example", http.StatusConflict},
			"DotlessTurkish":   {contact, "admin@x.example", "adm\u0130n@x.example", http.StatusCreated},
			"DomainALabel":     {domain, "bücher.example", "xn--bcher-kva.example", http.StatusConflict},
			"DomainDecomposed": {domain, "münchen.example", "mu\u0308nchen.example", http.StatusConflict},
			"ExternalID":       {external, "k", "k\u200b", http.StatusConflict},
		} {
			path, body := test.of(test.first)
			if status, _, answer := c.do("POST", path, key, body); status != http.StatusCreated {
				t.Errorf("%s: %d %v", name, status, answer["detail"])
			}
			path, body = test.of(test.other)
			if status, _, answer := c.do("POST", path, key, body); status != test.want {
				t.Errorf("%s: its twin: %d, want %d: %v", name, status, test.want, answer["detail"])
			}
		}

		status, _, answer := c.do("POST", "/api/contacts", key, object{"email": "a\u2060b@x.example"})
		if problems, _ := answer["errors"].([]any); status != http.StatusUnprocessableEntity || len(problems) != 1 ||
			at(problems[0].(object), "detail") != "must not contain the invisible character U+2060" {
			t.Errorf("%d %v", status, answer)
		}
		if status, _, _ := c.do("POST", "/api/companies", key, object{"name": "\u200b"}); status != http.StatusUnprocessableEntity {
			t.Errorf("a name that shows nothing: %d", status)
		}
		_, _, answer = c.do("POST", "/api/companies", key, object{"name": "\u200eCre\u0300me  Ltd\u200b", "industry": "Cre\u0300merie", "description": "\U0001f469\u200d\U0001f4bb"})
		expect(t, at(answer, "data").(object), object{"name": "Crème Ltd", "industry": "Crèmerie", "description": "\U0001f469\u200d\U0001f4bb"})
		for _, industry := range []string{"Crèmerie", "Cre\u0300merie", "Crèmerie\u200b"} {
			if _, _, answer := c.do("GET", "/api/companies?"+url.Values{"industry": {industry}}.Encode(), key, nil); answer["count"] != 1.0 {
				t.Errorf("%q finds %v", industry, answer["count"])
			}
		}
	})
}

// storedAs creates a user with a password whose address is stored as it is, as by a release
// without the rule for addresses.
func (c *client) storedAs(org crm.ID, email string) crm.Owner {
	c.t.Helper()
	o := c.member(org, "", crm.RoleRep)
	err := c.app.Core().Store.Write(c.t.Context(), crm.Operator(org), o.UpdatedAt, func(tx store.Tx) error {
		after := o
		after.Email = &email
		return tx.Owners().Update(c.t.Context(), []crm.Change[crm.Owner]{{Before: o, After: after}})
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return o
}

// An address that is stored in the old folding is found for its password, and never for an
// identity provider. Invitations elsewhere of the same address do not compete with it.
func TestOldAddresses(t *testing.T) {
	t.Parallel()
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			p := identitytest.New(t)
			c := boot(t, engine, trusting(p, func(cfg *config.Config) { cfg.SignInCreate = true }))
			org := c.organisation("Old").ID
			jo, admin := c.storedAs(org, "jö@acme.example"), c.member(org, "admin@acme.example", crm.RoleAdmin)
			odd := c.storedAs(org, "odd@xn--bcher-kva.example")
			b := &browser{client: c}
			elsewhere := newUser(c, "Elsewhere", crm.RoleAdmin)
			elsewhere.record(http.StatusCreated, "POST", "/api/auth/invite", object{"email": "jÖ@acme.example"})
			c.bind(org, "acme.example", "bücher.example")
			for written, want := range map[string]crm.Owner{
				"JÖ@ACME.example\u0020": jo, "jo\u0308@acme.example": jo, "Odd@XN--bcher-kva.example": odd, "Admin@acme.example": admin,
			} {
				answer := b.ask(http.StatusOK, "POST", "/api/auth/login", object{"email": written, "password": goodPassword})
				expect(t, at(answer, "data", "user").(object), object{"id": want.ID})
			}
			for _, written := range []string{"odd@bücher.example", "a\x00@acme.example", "a\u200bdmin@acme.example", ""} {
				if status, _, answer := b.send("POST", "/api/auth/login", object{"email": written, "password": goodPassword}); status != http.StatusUnauthorized && status != http.StatusUnprocessableEntity {
					t.Errorf("%q: %d %v", written, status, answer)
				}
			}
			if found, err := c.app.Core().Accounts.OwnerByEmail(t.Context(), crm.Operator(org), "JÖ@acme.example"); err != nil || found.ID != jo.ID {
				t.Errorf("found %+v, %v", found, err)
			}

			// The address of each is another person's, who gets an account of their own.
			for subject, email := range map[string]string{"1": "adm\u0130n@acme.example", "2": "JÖ@acme.example", "3": "odd@bücher.example"} {
				status, id := c.asks(p.Sign(p.User(subject, email)))
				if status != http.StatusOK || id == jo.ID.String() || id == admin.ID.String() || id == odd.ID.String() {
					t.Errorf("%s: %d %s", email, status, id)
				}
			}
			// The address as it is written by the provider is normal.
			c.is(admin, p.Sign(p.User("4", " ADMIN@Acme.EXAMPLE\u200b")))
			c.isRejected(p.Sign(p.User("5", "a\u00addmin@acme.example")))
			c.isRejected(p.SignText([]byte(`{"iss":"` + p.Issuer + `","sub":"6","aud":"` + identitytest.Audience +
				`","exp":99999999999,"email":"admin@acme.example","email_verified":false,"EMAIL_VERIFIED":true}`)))
		})
	}
}

// Failures count for an account however its address is written.
func TestFailuresByAddress(t *testing.T) {
	t.Parallel()
	c := boot(t, "sqlite")
	c.member(c.organisation("Failures").ID, "jö@bücher.example", crm.RoleRep)
	b := &browser{client: c}
	delayed := false
	for i := range 12 {
		written := []string{"jö@bücher.example", "Jo\u0308@BÜCHER.example", "jÖ@xn--bcher-kva.example", "\ufeffjö@bücher.example"}[i%4] + strings.Repeat("\u200b", i/4)
		status, _, _ := b.send("POST", "/api/auth/login", object{"email": written, "password": otherPassword})
		delayed = delayed || status == http.StatusTooManyRequests
	}
	if !delayed {
		t.Error("12 failures, each with the address written in another way, are not delayed")
	}
}
