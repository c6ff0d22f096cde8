package imports

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/files"
	"sixty/internal/jobs"
	"sixty/internal/transfer"
	"sixty/internal/transfer/table"
)

// Result is the result of an import's job.
type Result struct {
	transfer.Counts
	Imported    int64                    `json:"imported"` // created or updated
	Partial     int64                    `json:"partial"`  // loaded without some of their values
	Errors      []string                 `json:"errors"`   // of rejected rows, the first maxErrorsTold
	RejectedURL *string                  `json:"rejectedUrl"`
	ImportID    *crm.ID                  `json:"importId"` // null: a dry run
	DryRun      bool                     `json:"dryRun"`
	References  []bulk.CreatedReferences `json:"createdReferences"`
	Notices     []transfer.Notice        `json:"notices"`
	Consistency string                   `json:"consistency,omitempty"`
}

// UndoResult is the result of an undo's job.
type UndoResult struct {
	ImportID crm.ID      `json:"importId"`
	Deleted  int64       `json:"deleted"`
	Restored int64       `json:"restored"`
	Kept     int64       `json:"kept"`
	Left     []bulk.Left `json:"left"`
}

// Run is the handler of the jobs.
func (s *Service) Run(ctx context.Context, t *jobs.Task) (any, error) {
	var a args
	if err := t.Args(&a); err != nil {
		return nil, err
	}
	if a.Undo != nil {
		return s.undo(ctx, t, *a.Undo)
	}
	r := &run{Service: s, task: t, by: t.By}
	result, err := r.do(ctx, a)
	if err == nil {
		return result, nil
	}
	var wrongUse *transfer.UsageError
	if errors.As(err, &wrongUse) {
		err = jobs.Permanent(wrong("", err))
	}
	return nil, errors.Join(err, r.failed(ctx, err))
}

func (s *Service) undo(ctx context.Context, t *jobs.Task, id crm.ID) (any, error) {
	done, err := s.Bulk.Undo(ctx, t.By, id, func(u bulk.Undone) {
		t.Progress(100*u.Steps/max(u.Total, 1), fmt.Sprintf("%s records undone", grouped(u.Deleted+u.Restored)))
	})
	if err != nil {
		return nil, err
	}
	t.Progress(100, fmt.Sprintf("%s records undone", grouped(done.Deleted+done.Restored)))
	return UndoResult{ImportID: id, Deleted: done.Deleted, Restored: done.Restored, Kept: done.Kept, Left: append([]bulk.Left{}, done.Left...)}, nil
}

// run is one attempt at an import.
type run struct {
	*Service
	task   *jobs.Task
	by     crm.Actor
	record *bulk.Import // nil: a dry run
	counts transfer.Counts
	result Result
}

func (r *run) do(ctx context.Context, a args) (Result, error) {
	opt, sources, err := r.prepare(ctx, a)
	if err != nil {
		return Result{}, err
	}
	folder, err := os.MkdirTemp("", "sixty-import-*")
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }() // what is left of it is temporary
	r.result = Result{Errors: []string{}, DryRun: opt.DryRun, References: []bulk.CreatedReferences{}, Notices: []transfer.Notice{}}
	opt.Record, opt.Rejected, opt.Progress = r.record, r.rejected, r.progress
	if r.record != nil {
		r.result.ImportID = &r.record.ID
	}
	if err := r.load(ctx, opt, folder, sources); err != nil {
		return Result{}, err
	}
	r.result.Counts, r.result.Imported = r.counts, r.counts.Created+r.counts.Updated
	for i := range r.result.Notices {
		r.result.Notices[i].Text = asMembers(r.result.Notices[i].Text)
	}
	if err := r.complete(ctx, folder); err != nil {
		return Result{}, err
	}
	var uploaded []files.File
	for _, id := range a.Files {
		uploaded = append(uploaded, files.File{ID: id})
	}
	r.Discard(context.Background(), r.by, uploaded) //nolint:contextcheck // the job has ended, and its lease with it
	return r.result, nil
}

// prepare returns how and what the job imports.
func (r *run) prepare(ctx context.Context, a args) (opt transfer.Options, sources []transfer.Source, err error) {
	if a.Type != "" {
		opt, sources, err = a.source(r.by)
		if err == nil {
			record := r.Bulk.NewImport(r.by, a.Type, "api")
			record.ID, record.JobID = r.task.Job.ID, &r.task.Job.ID
			r.record = &record
		}
		return opt, sources, err
	}
	if opt, err = a.Settings.Options(); err != nil {
		return opt, nil, err
	}
	list := make([]files.File, len(a.Files))
	for i, id := range a.Files {
		if list[i], err = r.Files.Get(ctx, r.by, id); err != nil {
			return opt, nil, err
		}
	}
	if a.Import != nil {
		record, err := r.Bulk.Import(ctx, r.by, *a.Import)
		if err != nil {
			return opt, nil, err
		}
		r.record = &record
	}
	return opt, r.sources(ctx, r.by, list), nil
}

// load imports the sources. The rejected rows are left in the folder.
func (r *run) load(ctx context.Context, opt transfer.Options, folder string, sources []transfer.Source) error {
	add := func(s *transfer.Summary) {
		r.result.Partial += s.Partial
		r.result.References = append(r.result.References, s.CreatedReferences...)
		r.result.Notices = append(r.result.Notices, s.Notices...)
	}
	if opt.Kind == transfer.AnyKind {
		opt.Errors = folder
		s, err := transfer.ImportFiles(ctx, r.Bulk, r.by, opt, sources...)
		r.counts, r.result.Consistency = s.Counts, s.Consistency
		for i := range s.Imports {
			add(&s.Imports[i].Summary)
		}
		return err
	}
	opt.Errors = filepath.Join(folder, "rejected.csv")
	s, err := transfer.Import(ctx, r.Bulk, r.by, opt, sources...)
	r.counts, r.result.Consistency = s.Counts, s.Consistency
	add(&s)
	return err
}

func (r *run) rejected(x transfer.Rejection) {
	if len(r.result.Errors) < maxErrorsTold {
		text := fmt.Sprintf("Row %d: %s", x.Line, asMembers(x.Reason))
		r.result.Errors = append(r.result.Errors, strings.ToValidUTF8(text[:min(len(text), maxErrorTold)], ""))
	}
}

// maxRunning is the progress of an import that has yet to end.
const maxRunning = 99

func (r *run) progress(p transfer.Progress) {
	share := 0.0
	if p.Total > 0 {
		share = float64(p.Done) / float64(p.Total)
	}
	percent := int(100 * (float64(p.Part) + share) / float64(p.Parts))
	r.task.Progress(min(percent, maxRunning), fmt.Sprintf("%s of %s rows", grouped(p.Read), grouped(p.Rows)))
}

// complete ends the job, with the record of the import and the file of rejected rows.
func (r *run) complete(ctx context.Context, folder string) error {
	r.task.Progress(100, fmt.Sprintf("%s of %s rows", grouped(r.counts.Read), grouped(r.counts.Read)))
	if r.record == nil {
		return nil
	}
	var kept *files.File
	if r.counts.Rejected > 0 {
		f, err := r.keepRejected(ctx, folder)
		if err != nil {
			return err
		}
		kept = &f
		r.result.RejectedURL = new("/api/imports/" + r.record.ID.String() + "/rejected")
	}
	err := r.task.Complete(ctx, r.result, func(ctx context.Context) error {
		if kept != nil {
			if err := r.Files.Add(ctx, r.by, *kept); err != nil {
				return err
			}
		}
		text, err := crm.EncodeJSON(r.counts)
		if err != nil {
			return err
		}
		return r.Bulk.EndImport(ctx, r.by, r.record.ID, func(i *bulk.Import) {
			i.State, i.Counts = bulk.ImportDone, text
			if kept != nil {
				i.RejectedID = &kept.ID
			}
		})
	})
	if err != nil && kept != nil {
		err = errors.Join(err, r.Files.Discard(ctx, *kept))
	}
	return err
}

// keepRejected makes the file of the rejected rows: CSV, or an archive if rows of several kinds were
// rejected.
func (r *run) keepRejected(ctx context.Context, folder string) (files.File, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.csv"))
	if err != nil {
		return files.File{}, err
	}
	slices.Sort(paths)
	var full []string
	for _, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // of the folder that was made for it
		if err != nil {
			return files.File{}, err
		}
		if bytes.Count(text, []byte("\n")) > 1 {
			full = append(full, path)
		}
	}
	n := files.New{Purpose: files.Rejects, Name: "rejected.csv", Media: "text/csv; charset=utf-8", Keep: rejectsKept, Records: true}
	if len(full) == 1 {
		return r.Files.Write(ctx, r.by, n, func(w io.Writer) error { return copyFile(w, full[0]) })
	}
	n.Name, n.Media = "rejected.zip", "application/zip"
	return r.Files.Write(ctx, r.by, n, func(w io.Writer) error {
		z := zip.NewWriter(w)
		for _, path := range full {
			part, err := z.Create(filepath.Base(path))
			if err != nil {
				return err
			}
			if err := copyFile(part, path); err != nil {
				return err
			}
		}
		return z.Close()
	})
}

func copyFile(w io.Writer, path string) (err error) {
	f, err := os.Open(path) //nolint:gosec // of the folder that was made for it
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.Copy(w, f)
	return err
}

// failed notes in the import's record that it has failed or was cancelled, unless the job is to be run
// again.
func (r *run) failed(ctx context.Context, failure error) error {
	cancelled := errors.Is(context.Cause(ctx), jobs.ErrCancelled)
	again := errors.Is(failure, jobs.ErrStopping) || errors.Is(failure, jobs.ErrLeaseLost) || ctx.Err() != nil
	last := r.task.Job.Attempt >= r.task.Job.MaxAttempts || jobs.IsPermanent(failure)
	if r.record == nil || !cancelled && (again || !last) {
		return nil
	}
	return transfer.End(ctx, r.Bulk, r.by, r.record.ID, r.counts, failure)
}

// inline is an import with its records, as POST /api/jobs takes it.
type inline struct {
	Type    string                       `json:"type,omitempty"`
	Records []map[string]json.RawMessage `json:"records,omitempty"`
	OwnerID *crm.ID                      `json:"ownerId,omitempty"`
}

// MaxRecords is how many records a job can hold itself.
const MaxRecords = 10_000

// inlineKinds are the kinds of records that a job can hold itself.
var inlineKinds = []string{
	string(transfer.Companies), string(transfer.Contacts), string(transfer.Deals), string(transfer.Activities), string(transfer.Tasks),
	string(transfer.Stages), string(transfer.Owners),
}

// CheckJob is the Check of the jobs: over POST /api/jobs an import has its records itself.
func (s *Service) CheckJob(_ context.Context, by crm.Actor, text json.RawMessage) error {
	if err := s.May(by); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return crm.Invalid(crm.FieldError{Field: "type", Message: "must be in an object"})
	}
	var r crm.Rules
	for name := range members {
		if !slices.Contains([]string{"type", "records", "ownerId"}, name) {
			r.Add(name, "is no argument of imports; there are type, records and ownerId (files are sent to /api/imports)")
		}
	}
	var in inline
	for name, into := range map[string]any{"type": &in.Type, "records": &in.Records, "ownerId": &in.OwnerID} {
		if member, ok := members[name]; ok && json.Unmarshal(member, into) != nil {
			r.Add(name, "%s", map[string]string{"type": "must be a text", "records": "must be a list of objects", "ownerId": "must be an id"}[name])
		}
	}
	if len(r.Bad) > 0 {
		return r.Err()
	}
	if !slices.Contains(inlineKinds, in.Type) {
		r.Add("type", "must be one of %s, not %q", strings.Join(inlineKinds, ", "), in.Type)
	}
	if n := len(in.Records); n == 0 || n > MaxRecords {
		r.Add("records", "must be 1 to %d, not %d (files are sent to /api/imports)", MaxRecords, n)
	}
	return r.Err()
}

// source returns the records as a file, in which records without an owner have the default one.
func (in *inline) source(crm.Actor) (transfer.Options, []transfer.Source, error) {
	opt := transfer.Options{Kind: transfer.Kind(in.Type)}
	member := map[transfer.Kind]string{
		transfer.Companies: "owner_id", transfer.Contacts: "owner_id", transfer.Deals: "owner_id", transfer.Activities: "owner_id", transfer.Tasks: "assigned_to",
	}[opt.Kind]
	if in.OwnerID != nil && member != "" {
		id, err := json.Marshal(in.OwnerID)
		if err != nil {
			return opt, nil, err
		}
		for _, record := range in.Records {
			has := func(name string) bool { v := string(record[name]); return v != "" && v != "null" && v != `""` }
			if !has(member) && !has("owner") && !has("assignee") && !has("ownerId") {
				record[member] = id
			}
		}
	}
	text, err := json.Marshal(in.Records)
	if err != nil {
		return opt, nil, err
	}
	return opt, []transfer.Source{BytesSource("records.json", text)}, nil
}

// BytesSource returns a source of a content in memory.
func BytesSource(name string, content []byte) transfer.Source {
	return table.Source{Name: name, Size: int64(len(content)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }}
}

// grouped returns a number with commas between thousands.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// shownBytes returns a size with a unit.
func shownBytes(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB"}
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", value), ".0") + " " + units[unit]
}

// wrong returns an error of files, or of how they are read, as one of the request, which names the file.
func wrong(name string, err error) error {
	var known *crm.Error
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return crm.Invalid(crm.FieldError{Field: "file", Message: name + "cannot be imported: " + asMembers(err.Error())})
}
