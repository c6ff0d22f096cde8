package transfer

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

func TestPairs(t *testing.T) {
	t.Parallel()
	got, err := parsePairs("--map", []string{`a=name, "Amount, in GBP=value",x=y=phone,`, `"a ""quoted"" one=domain"`, ""})
	want := []pair{{"a", "name"}, {"Amount, in GBP", "value"}, {"x=y", "phone"}, {`a "quoted" one`, "domain"}}
	if err != nil || !cmp.Equal(want, got, cmp.AllowUnexported(pair{})) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, list := range []string{"a", "=a", "a=", `"a, b"=c`, `"a=b`} {
		if got, err := parsePairs("--map", []string{list}); err == nil {
			t.Errorf("%q was read as %v", list, got)
		}
	}
}

func TestMapping(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		header []string
		pairs  []pair
		want   []string // column→field, in the order they are read
		left   []string
	}{
		{
			"SameNames", []string{"External ID", "first-name", "LAST_NAME", "x"}, nil,
			[]string{"External ID→external_id", "first-name→first_name", "LAST_NAME→last_name"}, []string{"x"},
		},
		{
			"NamedColumnsAreNotOffered", []string{"name", "full_name", "email"}, []pair{{"NAME", "title"}},
			[]string{"name→title", "full_name→full_name", "email→email"}, nil,
		},
		{
			"OneColumnForSeveralFields", []string{"mail"}, []pair{{"mail", "email"}, {"mail", "external_id"}},
			[]string{"mail→email", "mail→external_id"}, nil,
		},
		{
			"FedFieldsAreNotFedAgain", []string{"title", "role", "Title "}, []pair{{"role", "title"}},
			[]string{"role→title"}, []string{"title", "Title "},
		},
		{
			"PartsOfANameBeforeTheWhole", []string{"first_name", "full_name", "name", ""}, nil,
			[]string{"first_name→first_name"}, []string{"full_name", "name"},
		},
		{
			"IDsOverrule", []string{"company_id", "owner_id", "company", "owner"}, nil,
			[]string{"company→company", "owner→owner", "company_id→company_id", "owner_id→owner_id"}, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fields := newFields[crm.ContactPatch, crm.Contact]("", crm.RefCompany, crm.RefOwner)
			m, err := newMapping(c.header, c.pairs, fields)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, b := range m.bindings {
				got = append(got, fmt.Sprintf("%s→%s", c.header[b.column], b.field.name))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("bindings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.left, m.left); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
	fields := newFields[crm.ContactPatch, crm.Contact]("")
	for name, pairs := range map[string][]pair{
		"clash":     {{"a", "full_name"}, {"b", "last_name"}},
		"ambiguous": {{"C D", "title"}},
	} {
		if m, err := newMapping([]string{"a", "b", "c_d", "c-d"}, pairs, fields); err == nil {
			t.Errorf("%s: %v", name, m.fed)
		}
	}
}

// TestFieldsOfEveryKind: the fields are what a client may write, and what only an
// import may.
func TestFieldsOfEveryKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind      Kind
		got, want []string
	}{
		{Companies, newFields[crm.CompanyPatch, crm.Company]("", crm.RefOwner).names(), []string{
			"address", "created_at", "description", "domain", "external_id", "id", "industry", "linkedin_url", "name", "owner", "owner_id", "phone", "size", "updated_at", "website",
		}},
		{Contacts, newFields[crm.ContactPatch, crm.Contact]("", crm.RefCompany, crm.RefOwner).names(), []string{
			"company", "company_id", "created_at", "email", "external_id", "first_name", "full_name", "id", "is_primary", "last_name", "linkedin_url", "owner", "owner_id", "phone", "title", "updated_at",
		}},
		{Deals, newFields[crm.DealPatch, crm.Deal]("", crm.RefCompany, crm.RefOwner, crm.RefStage, crm.RefContact).names(), []string{
			"annual_value", "closed_at", "company", "company_id", "company_name", "contact", "contact_email", "contact_identifier", "contact_identifier_type", "contact_name", "contact_phone",
			"created_at", "currency", "deal_size", "description", "expected_close_date", "external_id", "first_billing_date", "id", "lead_source_channel", "lead_source_type",
			"monthly_mrr", "name", "next_steps", "one_off_revenue", "owner", "owner_id", "primary_contact_id", "priority", "probability", "stage", "stage_changed_at", "stage_id", "status", "updated_at", "value",
		}},
		{Owners, newFields[crm.OwnerPatch, crm.Owner]("").names(), []string{
			"avatar_url", "created_at", "email", "first_name", "full_name", "id", "last_name", "role", "stage", "updated_at",
		}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.kind, diff)
		}
	}
}
