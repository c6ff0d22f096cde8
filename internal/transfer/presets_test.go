package transfer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/store/enginetest"
	"sixty/internal/transfer"
	"sixty/internal/transfer/preset"
)

// presetFolder is what a folder of exports holds.
type presetFolder struct {
	Counts   map[string]int    `json:"counts"`   // of the records that are imported, by kind
	Skipped  map[string]int    `json:"skipped"`  // of the rows that are passed over
	Value    map[string]string `json:"value"`    // of the deals, by currency
	Status   map[string]int    `json:"status"`   // of the deals
	Stage    map[string]int    `json:"stage"`    // of the deals
	Outcomes map[string]string `json:"outcomes"` // of some stages
	Spot     []struct {
		Kind       string            `json:"kind"`
		ExternalID string            `json:"external_id"`
		Members    map[string]string `json:"members"` // "" is none; an instant may be cut
	} `json:"spot"`
}

// TestPresets: a folder of exports in the layout of each system goes in at once. Its totals
// agree with sums over its files, and a second run changes nothing.
func TestPresets(t *testing.T) {
	t.Parallel()
	for system, layout := range dealLayouts {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join("testdata", "presets", system)
			want := presetFolder{}
			if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, "expected.json"))), &want); err != nil {
				t.Fatal(err)
			}
			value, status := layout.sums(t, dir)
			if diff := cmp.Diff(want.Value, value); diff != "" {
				t.Errorf("value expected, and in the file (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want.Status, status); diff != "" {
				t.Errorf("status expected, and in the file (-want +got):\n%s", diff)
			}
			eachEngine(t, func(t *testing.T, w *world) {
				w.t = t
				before := len(everything(w, crm.Owners, w.service.Owners))
				first := w.importFolder(dir)
				created := 0
				for _, n := range want.Counts {
					created += n
				}
				skipped := 0
				for _, n := range want.Skipped {
					skipped += n
				}
				made := want.Counts["owners"] - first.read["owners"] // on the way, for rows that name them
				if int(first.Created) != created-made || int(first.Skipped) != skipped || first.Updated+first.Unchanged+first.Rejected != 0 {
					t.Errorf("%+v; %d records are expected, and %d rows that are passed over", first.Counts, created, skipped)
				}
				w.checkFolder(want, before)
				again := w.importFolder(dir)
				if again.Unchanged != first.Created || again.Created+again.Updated+again.Rejected != 0 {
					t.Errorf("again: %+v", again.Counts)
				}
				w.checkFolder(want, before)
			})
		})
	}
}

// folderImport is the summary of a folder, with the rows that were read of each kind.
type folderImport struct {
	transfer.FolderSummary
	read map[string]int
}

// importFolder imports a folder and reports its rejected rows.
func (w *world) importFolder(dir string) folderImport {
	w.t.Helper()
	opt := transfer.Options{Rejected: func(r transfer.Rejection) { w.t.Errorf("%s, line %d: %s", r.File, r.Line, r.Reason) }}
	s, err := transfer.ImportFolder(w.t.Context(), w.bulk, w.by, opt, dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, ignored := range s.Ignored {
		if filepath.Base(ignored.Name) != "expected.json" {
			w.t.Errorf("%s is ignored: %s", ignored.Name, ignored.Reason)
		}
	}
	f := folderImport{s, map[string]int{}}
	for _, i := range s.Imports {
		f.read[string(i.Kind)] += int(i.Created + i.Updated + i.Unchanged)
	}
	return f
}

// everything lists all records of a kind.
func everything[T, P, F any](w *world, e *crm.Entity[T, P, F], page func(context.Context, crm.Actor, crm.List[F]) (crm.Page[T], error)) []T {
	w.t.Helper()
	var rows []T
	q := crm.List[F]{Sort: e.Sorts.Default, Limit: crm.MaxLimit}
	for {
		p, err := page(w.t.Context(), w.by, q)
		if err != nil {
			w.t.Fatal(err)
		}
		if rows = append(rows, p.Rows...); !p.HasMore {
			return rows
		}
		q.From = p.Last
	}
}

// checkFolder compares the records with what a folder holds.
func (w *world) checkFolder(want presetFolder, ownersBefore int) {
	w.t.Helper()
	owners, companies := everything(w, crm.Owners, w.service.Owners), everything(w, crm.Companies, w.service.Companies)
	contacts, deals := everything(w, crm.Contacts, w.service.Contacts), everything(w, crm.Deals, w.service.Deals)
	activities, tasks := everything(w, crm.Activities, w.service.Activities), everything(w, crm.Tasks, w.service.Tasks)
	counts := map[string]int{
		"owners": len(owners) - ownersBefore, "companies": len(companies), "contacts": len(contacts), "deals": len(deals), "activities": len(activities), "tasks": len(tasks),
	}
	for kind, n := range counts {
		if n != want.Counts[kind] {
			w.t.Errorf("%d %s, want %d", n, kind, want.Counts[kind])
		}
	}
	stages, outcomes := map[crm.ID]string{}, map[string]string{}
	for _, s := range everything(w, crm.Stages, w.service.Stages) {
		stages[s.ID] = s.Name
		outcomes[s.Name] = string(s.Outcome)
	}
	for name, outcome := range want.Outcomes {
		if outcomes[name] != outcome {
			w.t.Errorf("the stage %s is %q, want %s", name, outcomes[name], outcome)
		}
	}
	sums, status, stage := map[string]crm.Money{}, map[string]int{}, map[string]int{}
	for i := range deals {
		status[deals[i].Status]++
		stage[stages[deals[i].StageID]]++
		if deals[i].Value != nil {
			sums[deals[i].Currency] += *deals[i].Value
		}
	}
	value := map[string]string{}
	for currency, sum := range sums {
		value[currency] = sum.String()
	}
	got := presetFolder{Value: value, Status: status, Stage: stage}
	if diff := cmp.Diff(presetFolder{Value: want.Value, Status: want.Status, Stage: want.Stage}, got); diff != "" {
		w.t.Errorf("totals (-want +got):\n%s", diff)
	}

	records := spotRecords{stages: stages, names: map[crm.ID]string{}, external: map[crm.ID]string{}, byID: map[string]map[string]string{}}
	for i := range owners {
		records.names[owners[i].ID] = owners[i].FullName
	}
	for i := range companies {
		records.external[companies[i].ID] = *companies[i].ExternalID
	}
	for i := range contacts {
		records.external[contacts[i].ID] = *contacts[i].ExternalID
	}
	further := map[crm.ID][]string{}
	for i := range deals {
		records.external[deals[i].ID] = *deals[i].ExternalID
		others, err := w.service.DealContacts(w.t.Context(), w.by, []crm.ID{deals[i].ID})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, c := range others {
			if deals[i].PrimaryContactID == nil || c.ContactID != *deals[i].PrimaryContactID {
				further[deals[i].ID] = append(further[deals[i].ID], records.external[c.ContactID])
			}
		}
	}
	for i := range companies {
		records.add(w.t, "companies", companies[i].ExternalID, companies[i], nil)
	}
	for i := range contacts {
		records.add(w.t, "contacts", contacts[i].ExternalID, contacts[i], nil)
	}
	for i := range deals {
		slices.Sort(further[deals[i].ID])
		records.add(w.t, "deals", deals[i].ExternalID, deals[i], map[string]string{"further": strings.Join(further[deals[i].ID], ";")})
	}
	for i := range tasks {
		records.add(w.t, "tasks", tasks[i].ExternalID, tasks[i], nil)
	}
	for _, spot := range want.Spot {
		members, ok := records.byID[spot.Kind+" "+spot.ExternalID]
		if !ok {
			w.t.Errorf("%s have no %s", spot.Kind, spot.ExternalID)
			continue
		}
		for name, value := range spot.Members {
			if got := members[name]; got != value && (value == "" || !strings.HasPrefix(got, value) || !strings.HasSuffix(name, "_at")) {
				w.t.Errorf("%s %s: %s is %q, want %q", spot.Kind, spot.ExternalID, name, got, value)
			}
		}
	}
}

// spotRecords are the members of records, whose references are written as names of people and
// stages, and as external ids of other records.
type spotRecords struct {
	stages, names, external map[crm.ID]string
	byID                    map[string]map[string]string
}

func (s *spotRecords) add(t *testing.T, kind string, externalID *string, record any, further map[string]string) {
	t.Helper()
	if externalID == nil {
		return
	}
	text, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	members := map[string]string{}
	for name, value := range raw {
		var cell string
		if err := json.Unmarshal(value, &cell); err != nil {
			cell = string(value)
		}
		if cell == "null" {
			cell = ""
		}
		if id, err := crm.ParseID(cell); err == nil {
			for to, names := range map[string]map[crm.ID]string{"owner": s.names, "stage": s.stages, name: s.external} {
				switch {
				case to == "owner" && name == "assigned_to":
					to = name
				case to != name && to+"_id" != name:
					continue
				}
				if names[id] != "" {
					members[to] = names[id]
				}
			}
			if name == "primary_contact_id" {
				members["contact"] = s.external[id]
			}
			continue
		}
		members[name] = cell
	}
	for name, value := range further {
		members[name] = value
	}
	s.byID[kind+" "+*externalID] = members
}

// TestPresetOfExports: the exports of this program are recognised in each format, and a folder
// of them is a copy, except for what files do not hold.
func TestPresetOfExports(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "presets", "hubspot")
	want := presetFolder{}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, "expected.json"))), &want); err != nil {
		t.Fatal(err)
	}
	for _, spot := range want.Spot {
		delete(spot.Members, "further")
	}
	eachEngine(t, func(t *testing.T, w *world) {
		w.t = t
		w.importFolder(dir)
		for _, format := range transfer.Formats() {
			exports, files := t.TempDir(), 0
			for _, kind := range []transfer.Kind{transfer.Owners, transfer.Stages, transfer.Companies, transfer.Contacts, transfer.Deals, transfer.Activities, transfer.Tasks} {
				text := w.exportAs(transfer.ExportOptions{Kinds: []transfer.Kind{kind}, Format: format})
				if err := os.WriteFile(filepath.Join(exports, "all "+string(kind)+"."+string(format)), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				files++
			}
			// JSON refers to people and stages by their ids here, which another organisation does not have.
			named := format == transfer.CSV || format == transfer.XLSX
			to := w
			if named {
				to = w.sibling(string(format))
			}
			first := to.importFolder(exports)
			if len(first.Imports) != files {
				t.Errorf("%s: %d files of %d were imported", format, len(first.Imports), files)
			}
			for _, i := range first.Imports {
				if len(i.Files) != 1 || i.Files[0].Preset != "sixty" {
					t.Errorf("%s: %s are read by %+v", format, i.Kind, i.Files)
				}
			}
			people := len(everything(to, crm.Owners, to.service.Owners)) - want.Counts["owners"]
			to.checkFolder(want, people)
			if again := to.importFolder(exports); again.Created+again.Updated+again.Rejected != 0 || !named && first.Unchanged != again.Unchanged {
				t.Errorf("%s, again: %+v, first %+v", format, again.Counts, first.Counts)
			}
		}
	})
}

// TestPresetFields: presets read the fields that imports have.
func TestPresetFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t, enginetest.SQLite)
	for _, kind := range []transfer.Kind{transfer.Companies, transfer.Contacts, transfer.Deals, transfer.Activities, transfer.Tasks, transfer.Stages, transfer.Owners} {
		_, err := transfer.Import(t.Context(), w.bulk, w.by, transfer.Options{Kind: kind, Maps: []string{"a=no such field"}}, file(t, "a\n1\n"))
		_, fields, _ := strings.Cut(fmt.Sprint(err), "there are ")
		if diff := cmp.Diff(preset.Fields(string(kind)), strings.Split(fields, ", ")); diff != "" {
			t.Errorf("%s, presets and imports (-presets +imports):\n%s", kind, diff)
		}
	}
}

// TestPresetFolderDry: a dry run of a folder predicts the run, and leaves nothing behind.
func TestPresetFolderDry(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "presets", "salesforce")
	eachEngine(t, func(t *testing.T, w *world) {
		w.t = t
		dry, err := transfer.ImportFolder(t.Context(), w.bulk, w.by, transfer.Options{DryRun: true}, dir)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(everything(w, crm.Companies, w.service.Companies)); n != 0 {
			t.Errorf("%d companies are left", n)
		}
		if run := w.importFolder(dir); run.Counts != dry.Counts {
			t.Errorf("%+v, predicted %+v", run.Counts, dry.Counts)
		}
	})
}
