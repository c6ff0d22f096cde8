package jobkinds

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/files"
	"sixty/internal/jobs"
	"sixty/internal/transfer"
)

// exportKept is how long the file of an export is kept.
const exportKept = 7 * 24 * time.Hour

// ExportLimits bound exports.
type ExportLimits struct {
	Timeout time.Duration
	// MaxWAL is by how many bytes WALSize may grow while the snapshot lasts.
	MaxWAL  int64
	WALSize func() (int64, error)
}

// ExportResult is the result of an export. Its members are those of the front end.
type ExportResult struct {
	ExportID    crm.ID          `json:"exportId"`
	RecordCount int64           `json:"recordCount"`
	Format      transfer.Format `json:"format"`
	Size        int64           `json:"size"`
	Name        string          `json:"name"`
	DownloadURL string          `json:"downloadUrl"`
	ExpiresAt   crm.Instant     `json:"expiresAt"`
	Notices     []string        `json:"notices"` // what the file does not hold
}

// DataExport writes records into a file. It begins anew when it was interrupted: what it writes is
// one state of the database.
func DataExport(service *bulk.Service, kept *files.Service, limits ExportLimits) jobs.Spec {
	e := exporter{service, kept, limits}
	return complete(jobs.Spec{
		Kind: jobs.DataExport, Scope: crm.ScopeExport, Run: e.run,
		Check: func(_ context.Context, by crm.Actor, args json.RawMessage) error {
			_, err := transfer.ParseExport(by, args)
			return err
		},
	})
}

type exporter struct {
	service *bulk.Service
	files   *files.Service
	limits  ExportLimits
}

func (e exporter) run(ctx context.Context, t *jobs.Task) (any, error) {
	r, err := transfer.ParseExport(t.By, json.RawMessage(t.Job.Args))
	if err != nil {
		return nil, err
	}
	result := ExportResult{Format: r.Format, Notices: []string{}}
	r.Notice = func(message string) { result.Notices = append(result.Notices, message) }
	if r.Progress, err = e.progress(t); err != nil {
		return nil, err
	}
	f, err := e.write(ctx, t, r, &result.RecordCount)
	if err != nil {
		return nil, final(err)
	}
	result.ExportID, result.Size, result.Name, result.ExpiresAt = f.ID, f.Size, f.Name, f.ExpiresAt
	t.Progress(100, fmt.Sprintf("%d records written", result.RecordCount))
	result.DownloadURL = "/api/exports/" + f.ID.String()
	err = t.Complete(ctx, result, func(ctx context.Context) error { return e.files.Add(ctx, t.By, f) })
	if err != nil && crm.CodeOf(err) != crm.CodeCommitUnknown { // a file without a row is removed later
		err = errors.Join(err, e.files.Discard(ctx, f))
	}
	return result, final(err)
}

// write writes the content of the file.
func (e exporter) write(ctx context.Context, t *jobs.Task, r transfer.ExportRequest, rows *int64) (files.File, error) {
	timely, cancel := context.WithTimeoutCause(ctx, e.limits.Timeout, tooLong(e.limits.Timeout))
	defer cancel()
	return e.files.Write(timely, t.By, newExport(t, r), func(w io.Writer) (err error) {
		if r.Gzip {
			z := gzip.NewWriter(w)
			defer func() {
				if err == nil {
					err = z.Close()
				}
			}()
			w = z
		}
		buffered := bufio.NewWriterSize(w, writeSize)
		if *rows, err = transfer.Export(timely, e.service, t.By, r.ExportOptions, buffered); err != nil {
			return err
		}
		return buffered.Flush()
	})
}

// writeSize is how many bytes are written to a file at once.
const writeSize = 64 << 10

// progress returns what is called while an export is written: it ends it when the log of the database
// has grown too much.
func (e exporter) progress(t *jobs.Task) (func(rows int64, percent int) error, error) {
	before, err := e.limits.WALSize()
	if err != nil {
		return nil, err
	}
	return func(rows int64, percent int) error {
		now, err := e.limits.WALSize()
		if err == nil && now-before > e.limits.MaxWAL {
			err = jobs.Permanent(&crm.Error{Code: crm.CodeUnavailable, Message: fmt.Sprintf(
				"The export was ended because the database's log grew by more than %d MiB meanwhile. Narrow it by filters, or try again when less is written.", e.limits.MaxWAL>>20)})
		}
		t.Progress(percent, fmt.Sprintf("%d records written", rows))
		return err
	}, nil
}

func tooLong(limit time.Duration) error {
	return jobs.Permanent(&crm.Error{Code: crm.CodeUnavailable, Message: "The export took longer than " + limit.String() + " and was ended. Narrow it by filters."})
}

// final marks the errors after which another attempt would fail as well.
func final(err error) error {
	if crm.CodeOf(err) == crm.CodeConflict { // the organisation has too many files
		return jobs.Permanent(err)
	}
	return err
}

// newExport returns the file of an export.
func newExport(t *jobs.Task, r transfer.ExportRequest) files.New {
	what := "export"
	if len(r.Kinds) == 1 {
		what = string(r.Kinds[0])
	}
	n := files.New{
		Purpose: files.Export, Keep: exportKept, Records: true, Media: exportMedia[r.Format],
		Name: what + "-" + t.Job.CreatedAt.Time().Format(time.DateOnly) + "." + string(r.Format),
	}
	for _, kind := range r.Kinds {
		n.AdminOnly = n.AdminOnly || kind == transfer.Audit
	}
	if r.Gzip {
		n.Name, n.Media = n.Name+".gz", "application/gzip"
	}
	return n
}

// exportMedia are the media types of the formats.
var exportMedia = map[transfer.Format]string{
	transfer.CSV: "text/csv; charset=utf-8; header=present", transfer.JSON: "application/json", transfer.NDJSON: "application/x-ndjson",
	transfer.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
