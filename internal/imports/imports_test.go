package imports_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/files"
	"sixty/internal/imports"
	"sixty/internal/jobkinds"
	"sixty/internal/jobs"
	"sixty/internal/servertest"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
	"sixty/internal/transfer"
)

func TestMain(m *testing.M) { servertest.VerifyTestMain(m) }

// patience is how long anything may take: tests run on busy machines.
const patience = 2 * time.Minute

// bed is an organisation whose imports are jobs.
type bed struct {
	*testing.T
	store   *store.Store
	service *crm.Service
	bulk    *bulk.Service
	files   *files.Service
	imports *imports.Service
	jobs    *jobs.Service
	specs   []jobs.Spec
	by      crm.Actor
}

func eachEngine(t *testing.T, test func(*bed)) {
	t.Helper()
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) { test(newBed(t, engine, 1<<30)) })
}

func newBed(t *testing.T, engine string, quota int64) *bed {
	t.Helper()
	s := enginetest.Open(t, engine)
	b := &bed{T: t, store: s, service: crm.NewService(s.CRM(), time.Now), bulk: bulk.NewService(s.Bulk(), time.Now)}
	var err error
	if b.files, err = files.NewService(s, files.Options{MaxBytes: quota, Folder: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	b.by = enginetest.Organisation(t, s, "Acme")
	b.imports = imports.NewService(imports.Options{
		Bulk: b.bulk, Files: b.files, Atomic: b.service.Atomic, Job: s.Jobs().Job, MaxBytes: 1 << 20,
		AddJob: func(ctx context.Context, by crm.Actor, n jobs.NewJob) (jobs.Job, error) {
			added, err := b.jobs.Add(ctx, by, n)
			if err != nil {
				return jobs.Job{}, err
			}
			return added[0], nil
		},
	})
	b.specs = []jobs.Spec{jobkinds.BulkImport(b.imports)}
	b.jobs = jobs.NewService(s.Jobs(), b.specs...)
	return b
}

// start runs jobs until stop is called, which waits for it, or until the end of the test.
func (b *bed) start() (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	runner := jobs.NewRunner(jobs.RunnerOptions{
		Store: b.store.Jobs(), Specs: b.specs, Places: []string{b.files.Place()}, StopLimit: patience,
		Rights: func(context.Context, jobs.Job) (crm.Actor, error) { return b.by, nil },
	})
	go func() {
		defer close(ended)
		runner.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	b.Cleanup(stop)
	return stop
}

// ended waits until a job has ended.
func (b *bed) ended(id crm.ID) jobs.Job {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		j, err := b.store.Jobs().Job(ctx, b.by.Org, id)
		if err != nil {
			b.Fatal(err)
		}
		if j.State.Ended() {
			return j
		}
		<-tick.C
	}
}

// upload keeps contents under the name of a file.
func (b *bed) upload(name, content string) []files.File {
	b.Helper()
	f, err := b.imports.Upload(b.Context(), b.by, name, "text/csv", 0, strings.NewReader(content))
	if err != nil {
		b.Fatal(err)
	}
	return []files.File{f}
}

func result[T any](b *bed, j jobs.Job) (r T) {
	b.Helper()
	if j.State != jobs.Done {
		b.Fatalf("the job is %s: %v", j.State, j.Errors)
	}
	if err := j.Result.Decode(&r); err != nil {
		b.Fatal(err)
	}
	return r
}

const some = "external_id,name,value\n1,One,10\n2,,20\n3,Three,30\n"

// TestImport: a file that was uploaded is imported by a job, which tells what became of it, and is
// undone by another one.
func TestImport(t *testing.T) {
	eachEngine(t, func(b *bed) {
		ctx := b.Context()
		stop := b.start()
		settings := transfer.Settings{"kind": {"deals"}, "key": {"external_id"}}
		up := b.upload("deals.csv", some)
		if err := b.imports.Check(ctx, b.by, settings, up); err != nil {
			b.Fatal(err)
		}
		job, err := b.imports.Begin(ctx, b.by, settings, up)
		if err != nil {
			b.Fatal(err)
		}
		j := b.ended(job.ID)
		got := result[imports.Result](b, j)
		if got.Read != 3 || got.Created != 2 || got.Imported != 2 || got.Rejected != 1 || len(got.Errors) != 1 || !strings.HasPrefix(got.Errors[0], "Row 3: name must") ||
			got.ImportID == nil || got.RejectedURL == nil || *got.RejectedURL != "/api/imports/"+got.ImportID.String()+"/rejected" {
			b.Errorf("the result: %s", j.Result)
		}
		if j.Progress != 100 || j.Note != "3 of 3 rows" {
			b.Errorf("progress %d, note %q", j.Progress, j.Note)
		}
		i, err := b.imports.Get(ctx, b.by, *got.ImportID)
		if err != nil || i.State != bulk.ImportDone || i.Source != "api" || *i.JobID != job.ID || !strings.Contains(string(i.Files), `"name":"deals.csv"`) {
			b.Errorf("the record: %+v, %v", i, err)
		}
		file, err := b.imports.Rejected(ctx, b.by, i.ID)
		if err != nil {
			b.Fatal(err)
		}
		_, content, err := b.files.Open(ctx, b.by, file)
		if err != nil {
			b.Fatal(err)
		}
		text, err := io.ReadAll(content)
		if err != nil || content.Close() != nil || !strings.Contains(string(text), "2,,20,name must") {
			b.Errorf("the rejected rows: %q, %v", text, err)
		}
		stop() // the file is removed after the job's end
		if _, err := b.files.Get(ctx, b.by, up[0].ID); crm.CodeOf(err) != crm.CodeNotFound {
			b.Errorf("the file that was uploaded: %v", err)
		}

		b.start()
		undo, err := b.imports.Undo(ctx, b.by, i.ID)
		if err != nil {
			b.Fatal(err)
		}
		undone := result[imports.UndoResult](b, b.ended(undo.ID))
		if undone.Deleted != 2 || undone.Kept != 0 {
			b.Errorf("the undo: %+v", undone)
		}
		for _, id := range []crm.ID{i.ID, undo.ID} { // that of an undo is no import
			if _, err := b.imports.Undo(ctx, b.by, id); err == nil {
				b.Errorf("%s is undone again", id)
			}
		}
	})
}

// TestImportDryRun: a dry run stores nothing, and is no import.
func TestImportDryRun(t *testing.T) {
	eachEngine(t, func(b *bed) {
		b.start()
		job, err := b.imports.Begin(b.Context(), b.by, transfer.Settings{"kind": {"deals"}, "key": {"external_id"}, "dry_run": {"true"}}, b.upload("deals.csv", some))
		if err != nil {
			b.Fatal(err)
		}
		got := result[imports.Result](b, b.ended(job.ID))
		page, err := b.imports.Page(b.Context(), b.by, crm.List[imports.Filter]{Sort: imports.Declared.Sorts.Default, Limit: 10})
		if err != nil || got.Created != 2 || !got.DryRun || got.ImportID != nil || len(page.Rows) != 0 {
			b.Errorf("%+v; %d imports, %v", got, len(page.Rows), err)
		}
	})
}

// TestInline: records in the request itself are imported, with a default owner.
func TestInline(t *testing.T) {
	eachEngine(t, func(b *bed) {
		ctx := b.Context()
		b.start()
		people := transfer.Options{Kind: transfer.Owners, Keys: []string{"name"}}
		if _, err := transfer.Import(ctx, b.bulk, b.by, people, imports.BytesSource("people.csv", []byte("full_name\nAda Lovelace\n"))); err != nil {
			b.Fatal(err)
		}
		owners, err := b.service.Owners(ctx, b.by, crm.List[crm.OwnerFilter]{Sort: crm.Sort{Field: "name"}, Limit: 1})
		if err != nil {
			b.Fatal(err)
		}
		owner := owners.Rows[0].ID
		text := fmt.Sprintf(`{"type":"companies","records":[{"name":"One","domain":"one.example"},{"name":"Two"}],"ownerId":%q}`, owner)
		if err := b.imports.CheckJob(ctx, b.by, json.RawMessage(text)); err != nil {
			b.Fatal(err)
		}
		added, err := b.jobs.Add(ctx, b.by, jobs.NewJob{Kind: jobs.BulkImport, Args: json.RawMessage(text)})
		if err != nil {
			b.Fatal(err)
		}
		got := result[imports.Result](b, b.ended(added[0].ID))
		if got.Created != 2 || got.ImportID == nil {
			b.Errorf("%+v", got)
		}
		page, err := b.service.Companies(ctx, b.by, crm.List[crm.CompanyFilter]{Sort: crm.Companies.Sorts.Default, Limit: 10})
		if err != nil || len(page.Rows) != 2 || page.Rows[0].OwnerID == nil || *page.Rows[0].OwnerID != owner {
			b.Errorf("%+v, %v", page.Rows, err)
		}
	})
}

// TestWrongInline: what is wrong with records in a request is named.
func TestWrongInline(t *testing.T) {
	t.Parallel()
	b := newBed(t, enginetest.SQLite, 1<<30)
	for text, want := range map[string]string{
		`{}`: "type", `{"type":"people","records":[{}]}`: "type", `{"type":"deals","records":[]}`: "records", `{"type":"deals","records":[1]}`: "records",
		`{"type":"deals","records":[{}],"ownerId":"x"}`: "ownerId", `{"type":"deals","records":[{}],"undo":"x"}`: "undo", `{"import":"x"}`: "import",
	} {
		err := b.imports.CheckJob(b.Context(), b.by, json.RawMessage(text))
		e, ok := err.(*crm.Error) //nolint:errorlint // as it is returned
		if !ok || e.Code != crm.CodeInvalid || e.Fields[0].Field != want {
			b.Errorf("%s: %v", text, err)
		}
	}
}

// TestNotWhatItIs: a file that is not what its options say is rejected, by its name.
func TestNotWhatItIs(t *testing.T) {
	t.Parallel()
	b := newBed(t, enginetest.SQLite, 1<<30)
	for name, c := range map[string]struct {
		settings transfer.Settings
		content  string
		want     string
	}{
		"picture.png": {transfer.Settings{"kind": {"deals"}}, "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "picture.png"},
		"empty.csv":   {transfer.Settings{"kind": {"deals"}}, "", "empty.csv"},
		"other.csv":   {transfer.Settings{"kind": {"deals"}}, "colour,size\nred,1\n", "no column is mapped"},
		"zip.xlsx":    {transfer.Settings{"kind": {"deals"}}, "PK\x03\x04 not a workbook", "zip.xlsx"},
		"kind.csv":    {transfer.Settings{"kind": {"cars"}}, some, "options/kind"},
		"option.csv":  {transfer.Settings{"kind": {"deals"}, "colour": {"red"}}, some, "options/colour"},
		"zone.csv":    {transfer.Settings{"kind": {"deals"}, "time_zone": {"Mars"}}, some, "time_zone"},
	} {
		err := b.imports.Check(b.Context(), b.by, c.settings, b.upload(name, c.content))
		if crm.CodeOf(err) != crm.CodeInvalid || !strings.Contains(fmt.Sprintf("%v %+v", err, err), c.want) {
			b.Errorf("%s: %v", name, err)
		}
	}
}

// TestTooLarge: files beyond the bounds are rejected, and leave nothing.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	b := newBed(t, enginetest.SQLite, 4<<10)
	large := strings.NewReader(strings.Repeat("x", 2<<20))
	if _, err := b.imports.Upload(b.Context(), b.by, "large.csv", "", 0, large); err == nil {
		b.Error("a file beyond the quota is kept")
	}
	gone, end := context.WithCancel(b.Context())
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, "external_id,name\n")
		end()
		_ = w.CloseWithError(context.Canceled)
	}()
	if _, err := b.imports.Upload(gone, b.by, "cancelled.csv", "", 0, r); err == nil {
		b.Error("half a file is kept")
	}
	if size, _, err := b.store.FilesSize(b.Context(), b.by.Org); err != nil || size != 0 {
		b.Errorf("%d bytes are left, %v", size, err)
	}
}

// A preview shows times as responses do.
func TestPreviewOfTimes(t *testing.T) {
	t.Parallel()
	b := newBed(t, enginetest.SQLite, 1<<30)
	p, err := b.imports.Preview(b.Context(), b.by, transfer.Settings{"kind": {"deals"}},
		imports.BytesSource("deals.csv", []byte("external_id,name,created_at,closed_at\n1,One,2026-01-02T03:04:05Z,2026-02-03\n")))
	if err != nil {
		b.Fatal(err)
	}
	text, err := json.Marshal(p.Imports[0].Rows[0].Values)
	if want := `{"closed_at":"2026-02-03T00:00:00.000000Z","created_at":"2026-01-02T03:04:05.000000Z","external_id":"1","name":"One"}`; err != nil || string(text) != want {
		b.Errorf("%s instead of %s, %v", text, want, err)
	}
}

// TestPreview shows how a file would be read, and stores nothing.
func TestPreview(t *testing.T) {
	t.Parallel()
	b := newBed(t, enginetest.SQLite, 1<<30)
	p, err := b.imports.Preview(b.Context(), b.by, transfer.Settings{"kind": {"deals"}}, imports.BytesSource("deals.csv", []byte(some+strings.Repeat("9,More,1\n", 50))))
	if err != nil || len(p.Imports) != 1 || len(p.Imports[0].Rows) != 20 {
		b.Fatalf("%+v, %v", p, err)
	}
	i := p.Imports[0]
	if f := i.Files[0]; f.Format != "csv" || f.Separator != "," || len(f.Columns) != 3 {
		b.Errorf("%+v", f)
	}
	text, err := json.Marshal(i.Rows[:2])
	want := `[{"file":"deals.csv","line":2,"values":{"external_id":"1","name":"One","value":10.00},"verdict":"created","reason":""},`
	if err != nil || !strings.HasPrefix(string(text), want) || i.Rows[1].Verdict != bulk.RowRejected || i.Rows[1].Reason == "" {
		b.Errorf("%s, %v", text, err)
	}
	page, err := b.service.Deals(b.Context(), b.by, crm.List[crm.DealFilter]{Sort: crm.Deals.Sorts.Default, Limit: 10})
	if err != nil || len(page.Rows) != 0 {
		b.Errorf("%d deals are stored, %v", len(page.Rows), err)
	}
}
