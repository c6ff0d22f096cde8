package transfer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/transfer/preset"
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
		{
			"OtherSpellings", []string{"FirstName", "Last\u00a0Name", "E-mail", "LinkedInUrl", "ExternalId"}, nil,
			[]string{"FirstName→first_name", "Last\u00a0Name→last_name", "E-mail→email", "LinkedInUrl→linkedin_url", "ExternalId→external_id"}, nil,
		},
		{
			"TwiceIsLeftOut", []string{"email", "Phone", "Phone"}, nil, []string{"email→email"}, nil,
		},
		{
			"TwiceByNumber", []string{"email", "Phone", "Phone"}, []pair{{"Phone#2", "phone"}}, []string{"email→email", "Phone→phone"}, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fields := newFields(crm.Contacts, currencies{}, bulk.RefCompany, bulk.RefOwner)
			m, err := newMapping(c.header, c.pairs, nil, fields)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, b := range m.bindings {
				got = append(got, fmt.Sprintf("%s→%s", c.header[b.columns[0]], b.field.name))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("bindings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.left, m.leftOut); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
	fields := newFields(crm.Contacts, currencies{})
	for name, pairs := range map[string][]pair{
		"clash":     {{"a", "full_name"}, {"b", "last_name"}},
		"ambiguous": {{"C D", "title"}},
		"twice":     {{"twice", "title"}},
	} {
		if m, err := newMapping([]string{"a", "b", "c_d", "c-d", "twice", "twice"}, pairs, nil, fields); err == nil {
			t.Errorf("%s: %v", name, m.fields)
		}
	}
}

// TestFieldsOfEveryKind: the fields are what a client may write, and what only an import may;
// presets know the same ones.
func TestFieldsOfEveryKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind      Kind
		got, want []string
	}{
		{Companies, newFields(crm.Companies, currencies{}, bulk.RefOwner).names(), append(writable(crm.Companies), "owner")},
		{Contacts, newFields(crm.Contacts, currencies{}, bulk.RefCompany, bulk.RefOwner).names(), append(writable(crm.Contacts), "company", "owner", "full_name")},
		{Deals, newFields(crm.Deals, currencies{}, bulk.RefCompany, bulk.RefOwner, bulk.RefStage, bulk.RefContact).names(),
			append(writable(crm.Deals), "closed_at_if_closed", "company_name", "contact", "owner", "stage", "stage_changed_at")},
		{Activities, newFields(crm.Activities, currencies{}, bulk.RefCompany, bulk.RefOwner, bulk.RefContact, bulk.RefDeal).names(),
			append(writable(crm.Activities), "company", "contact", "deal", "owner")},
		{Tasks, newFields(crm.Tasks, currencies{}, bulk.RefCompany, bulk.RefContact, bulk.RefDeal, bulk.RefOwner, bulk.RefCreator).names(),
			append(writable(crm.Tasks), "assignee", "company", "contact", "creator", "deal")},
		{Stages, newFields(crm.Stages, currencies{}).names(), writable(crm.Stages)},
		{Owners, newFields(crm.Owners, currencies{}).names(), append(writable(crm.Owners), "full_name")},
	} {
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.kind, diff)
		}
		if diff := cmp.Diff(preset.Fields(string(c.kind)), c.got); diff != "" {
			t.Errorf("%s, in presets (-preset +fields):\n%s", c.kind, diff)
		}
	}
}

// writable returns the properties that clients write, and those that every import has.
func writable[T, P, F any](e *crm.Entity[T, P, F]) []string {
	names := []string{"id", "created_at", "updated_at"}
	for _, p := range e.Properties {
		if p.Writable() {
			names = append(names, p.Name)
		}
	}
	return names
}
