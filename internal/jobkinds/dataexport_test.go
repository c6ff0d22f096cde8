package jobkinds_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/files"
	"sixty/internal/jobkinds"
	"sixty/internal/jobs"
	"sixty/internal/store"
	"sixty/internal/store/enginetest"
)

// exports runs exports of an organisation with some companies.
type exports struct {
	t      *testing.T
	db     *store.Store
	by     crm.Actor
	folder string
}

func newExports(t *testing.T, engine string, companies int) *exports {
	t.Helper()
	e := &exports{t: t, db: enginetest.Open(t, engine), folder: filepath.Join(t.TempDir(), "files")}
	e.by = enginetest.Organisation(t, e.db, "Home")
	service := crm.NewService(e.db.CRM(), enginetest.Clock())
	for i := range companies {
		if _, err := service.CreateCompany(t.Context(), e.by, crm.CompanyPatch{Name: crm.Of(fmt.Sprint("Company ", i))}); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// run runs an export, and returns its result and the job afterwards. meanwhile, if not nil, is called
// with the job's lease after the first call of WALSize, which returns what it returns.
func (e *exports) run(o files.Options, limits jobkinds.ExportLimits, meanwhile func(jobs.Lease, context.CancelFunc) int64) (jobkinds.ExportResult, jobs.Job, *files.Service, error) {
	t := e.t
	t.Helper()
	kept, err := files.NewService(e.db, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lease jobs.Lease
	calls := 0
	limits.WALSize = func() (int64, error) {
		if calls++; calls == 1 || meanwhile == nil {
			return 0, nil
		}
		return meanwhile(lease, cancel), nil
	}
	spec := jobkinds.DataExport(bulk.NewService(e.db.Bulk(), time.Now), kept, limits)
	port := e.db.Jobs()
	args := json.RawMessage(`{"type":"companies","columns":["name"]}`)
	if err := spec.Check(ctx, e.by, args); err != nil {
		t.Fatal(err)
	}
	added, err := jobs.NewService(port, spec).Add(ctx, e.by, jobs.NewJob{Kind: jobs.DataExport, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := port.Claim(ctx, []jobs.Want{{Kind: jobs.DataExport, Free: 1, Slots: 1}}, nil)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("%d jobs are claimed: %v", len(claimed), err)
	}
	lease = claimed[0].Lease
	made, err := spec.Run(jobs.WithLease(ctx, lease), jobs.NewTask(port, claimed[0], e.by, nil))
	result, _ := made.(jobkinds.ExportResult)
	job, jobErr := port.Job(t.Context(), e.by.Org, added[0].ID)
	if jobErr != nil {
		t.Fatal(jobErr)
	}
	return result, job, kept, err
}

// contents returns how many contents there are, complete or not.
func (e *exports) contents() int {
	e.t.Helper()
	n := 0
	err := filepath.WalkDir(e.folder, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && entry.Name() != ".place" {
			n++
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.t.Error(err)
	}
	return n
}

func TestDataExport(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		e := newExports(t, engine, 2)
		limits := jobkinds.ExportLimits{Timeout: time.Minute, MaxWAL: 1 << 20}
		o := files.Options{MaxBytes: 1 << 20, Folder: e.folder}
		result, job, kept, err := e.run(o, limits, nil)
		if err != nil || job.State != jobs.Done || job.Progress != 100 || job.Note != "2 records written" || result.RecordCount != 2 || !strings.Contains(string(job.Result), `"recordCount"`) {
			t.Fatalf("%+v, %+v, %v", result, job, err)
		}
		f, content, err := kept.Open(t.Context(), e.by, result.ExportID)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = content.Close() }()
		text, err := io.ReadAll(content)
		if err != nil || string(text) != "name\r\nCompany 0\r\nCompany 1\r\n" || f.Size != int64(len(text)) || f.Purpose != files.Export || !f.SeesAll {
			t.Errorf("%q, %v, %+v", text, err, f)
		}
		if days := f.ExpiresAt.Time().Sub(f.CreatedAt.Time()).Hours() / 24; days != 7 {
			t.Errorf("it is kept for %v days", days)
		}
	})
}

// TestDataExportFails: nothing is left of an attempt that fails.
func TestDataExportFails(t *testing.T) {
	t.Parallel()
	enginetest.Each(t, func(t *testing.T, engine string) {
		e := newExports(t, engine, 2)
		usual := jobkinds.ExportLimits{Timeout: time.Minute, MaxWAL: 1 << 20}
		roomy := files.Options{MaxBytes: 1 << 20, Folder: e.folder}
		for _, c := range []struct {
			name      string
			o         files.Options
			limits    jobkinds.ExportLimits
			meanwhile func(jobs.Lease, context.CancelFunc) int64
			is        error
			says      string
		}{
			{name: "LogGrows", o: roomy, limits: usual, meanwhile: func(jobs.Lease, context.CancelFunc) int64 { return 1<<20 + 1 },
				says: "The export was ended because the database's log grew by more than 1 MiB meanwhile. Narrow it by filters, or try again when less is written."},
			{name: "TakesTooLong", o: roomy, limits: jobkinds.ExportLimits{Timeout: time.Nanosecond, MaxWAL: 1}, says: "The export took longer than 1ns and was ended. Narrow it by filters."},
			{name: "Quota", o: files.Options{MaxBytes: 3, Folder: e.folder}, limits: usual, says: "The organisation's files would be larger than 3 bytes altogether. Those that expire make room."},
			{name: "Cancelled", o: roomy, limits: usual, is: context.Canceled, meanwhile: func(_ jobs.Lease, cancel context.CancelFunc) int64 { cancel(); return 0 }},
			{name: "LeaseLost", o: roomy, limits: usual, is: jobs.ErrLeaseLost, meanwhile: func(l jobs.Lease, _ context.CancelFunc) int64 {
				if err := e.db.Jobs().End(t.Context(), l, jobs.Outcome{State: jobs.Failed, Failure: "elsewhere"}); err != nil && !errors.Is(err, jobs.ErrLeaseLost) {
					t.Error(err)
				}
				return 0
			}},
		} {
			_, job, _, err := e.run(c.o, c.limits, c.meanwhile)
			if err == nil || job.State == jobs.Done || c.is != nil && !errors.Is(err, c.is) || c.says != "" && err.Error() != c.says {
				t.Errorf("%s: %v; the job is %s", c.name, err, job.State)
			}
			if n := e.contents(); n != 0 {
				t.Errorf("%s: %d contents are left", c.name, n)
			}
			if rows, err := e.db.Files(t.Context(), e.by.Org, crm.ID{}, 10); err != nil || len(rows) != 0 {
				t.Errorf("%s: %d files, %v", c.name, len(rows), err)
			}
		}
	})
}
