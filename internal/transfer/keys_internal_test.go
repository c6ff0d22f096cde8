package transfer

import (
	"math/rand/v2"
	"testing"

	"sixty/internal/bulk"
	"sixty/internal/cells"
	"sixty/internal/crm"
)

// TestKeysOfSurvey: the survey, which reads only some fields of a row, finds the key that the row
// has when it is loaded.
func TestKeysOfSurvey(t *testing.T) {
	t.Parallel()
	checkKeys(t, Companies, newFields(crm.Companies, currencies{}, bulk.RefOwner), bulk.CompanyKey)
	checkKeys(t, Contacts, newFields(crm.Contacts, currencies{}, bulk.RefCompany, bulk.RefOwner), bulk.ContactKey)
	checkKeys(t, Deals, newFields(crm.Deals, currencies{}, bulk.RefCompany, bulk.RefOwner, bulk.RefStage, bulk.RefContact), bulk.DealKey)
	checkKeys(t, Activities, newFields(crm.Activities, currencies{}, bulk.RefCompany, bulk.RefOwner, bulk.RefContact, bulk.RefDeal), bulk.ActivityKey)
	checkKeys(t, Tasks, newFields(crm.Tasks, currencies{}, bulk.RefCompany, bulk.RefContact, bulk.RefDeal, bulk.RefOwner, bulk.RefCreator), bulk.TaskKey)
	checkKeys(t, Stages, newFields(crm.Stages, currencies{}), bulk.StageKey)
	checkKeys(t, Owners, newFields(crm.Owners, currencies{}), bulk.OwnerKey)
}

func checkKeys[P any](t *testing.T, kind Kind, fields *fields[P], keyOf bulk.KeyOf[P]) {
	t.Helper()
	pool := []string{
		"", "", "Acme", " ACME ", "acme.example", "anna@acme.example", "Anna Schmidt", "2024-02-03", "17", "1;2", "true",
		"01a22ca8-1d30-7c36-bc44-34ef50b3950c", "1.23457E+17", "000000000000000AAA", "x\x00y", "Zürich\u00a0AG",
	}
	r := rand.New(rand.NewPCG(1, uint64(len(kind))))
	for range 500 {
		var header []string
		for _, name := range fields.names() {
			if r.IntN(3) > 0 {
				header = append(header, name)
			}
		}
		r.Shuffle(len(header), func(i, j int) { header[i], header[j] = header[j], header[i] })
		fields.byID = r.IntN(2) == 0
		m, err := newMapping(header, nil, nil, fields)
		if err != nil {
			continue // a name and its parts
		}
		keys, err := chooseKeys(kind, nil, []*input[P]{{mapping: m}})
		if err != nil {
			continue // no key among the columns
		}
		for i := range m.bindings {
			m.bindings[i].reader = cells.NewReader(m.bindings[i].field.kind, cells.Options{})
		}
		for range 20 {
			record := make([]string, len(header))
			for i := range record {
				record[i] = pool[r.IntN(len(pool))]
			}
			surveyed, value := keyOf(keys, fields.parseKeys(m, record))
			row := fields.parse(m, record)
			if key, want := keyOf(keys, &row); key != surveyed || value != want {
				t.Errorf("%s: %q with %q: the survey finds %s %q, the import %s %q", kind, header, record, surveyed, value, key, want)
				return
			}
		}
	}
}
