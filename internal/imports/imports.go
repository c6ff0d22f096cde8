// Package imports takes files over the API and imports them, as jobs of the kind bulk-import. The rows
// are loaded by package transfer; what is loaded, and how far an import has come, is kept with each
// batch, so that the job goes on behind it when it is run again.
package imports

import (
	"context"
	"io"
	"regexp"
	"strings"
	"time"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/files"
	"sixty/internal/jobs"
	"sixty/internal/transfer"
)

// The records of imports, as the API has them.
type (
	// Import is the record of an import.
	Import = bulk.Import
	// Filter narrows the imports.
	Filter = bulk.ImportFilter
)

// Declared declares them.
var Declared = bulk.Imports

// Options are what the service needs.
type Options struct {
	Bulk  *bulk.Service
	Files *files.Service
	// AddJob adds a job, and Job returns one of an organisation.
	AddJob func(ctx context.Context, by crm.Actor, n jobs.NewJob) (jobs.Job, error)
	Job    func(ctx context.Context, org, id crm.ID) (jobs.Job, error)
	// Atomic runs a function in one transaction.
	Atomic func(ctx context.Context, by crm.Actor, fn func(context.Context) error) error
	// MaxBytes bounds the files of an import.
	MaxBytes int64
}

// Service takes imports. It is safe for concurrent use.
type Service struct{ Options }

// NewService returns a service.
func NewService(o Options) *Service { return &Service{o} }

// The bounds of what is taken.
const (
	MaxFiles      = 100
	MaxPreview    = 16 << 20 // bytes of the files of a preview
	uploadKept    = 7 * 24 * time.Hour
	rejectsKept   = bulk.UndoTime
	maxErrorsTold = 100
	maxErrorTold  = 300 // bytes of each
)

// May returns CodeForbidden unless the actor may import.
func (s *Service) May(by crm.Actor) error {
	if !by.WritesAll() {
		return crm.Forbidden("Only managers and admins may import.")
	}
	return nil
}

// Upload keeps a file that is to be imported. taken are the bytes of those before it.
func (s *Service) Upload(ctx context.Context, by crm.Actor, name, media string, taken int64, content io.Reader) (files.File, error) {
	limit := s.MaxBytes - taken
	if limit <= 0 {
		return files.File{}, s.TooLarge()
	}
	f, err := s.Files.Create(ctx, by, files.New{Purpose: files.Upload, Name: name, Media: media, Keep: uploadKept, Limit: limit}, func(w io.Writer) error {
		_, err := io.Copy(w, content)
		return err
	})
	if crm.CodeOf(err) == crm.CodeInvalid {
		err = s.TooLarge()
	}
	return f, err
}

// TooLarge says that the files of an import are too large.
func (s *Service) TooLarge() error {
	return crm.Invalid(crm.FieldError{Field: "file", Message: "must be at most " + shownBytes(s.MaxBytes) + ", all files of an import together"})
}

// Discard removes files that were uploaded for nothing, also after ctx has ended. Those that cannot be
// removed now are when they expire.
func (s *Service) Discard(ctx context.Context, by crm.Actor, uploaded []files.File) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTime)
	defer cancel()
	for _, f := range uploaded {
		_ = s.Files.Remove(ctx, by, f.ID)
	}
}

const discardTime = 10 * time.Second

// args are the arguments of a job: an import that was asked for with files, one with its records, or
// the undo of one.
type args struct {
	Import   *crm.ID           `json:"import,omitempty"`
	Files    []crm.ID          `json:"files,omitempty"`
	Settings transfer.Settings `json:"settings,omitempty"`

	inline

	Undo *crm.ID `json:"undo,omitempty"`
}

// Check returns what is wrong with the options, or with files that were uploaded: those that are not what
// they are said to be are named.
func (s *Service) Check(ctx context.Context, by crm.Actor, settings transfer.Settings, uploaded []files.File) error {
	opt, err := settings.Options()
	if err != nil {
		return asOptions(err)
	}
	if len(uploaded) == 0 {
		return crm.Invalid(crm.FieldError{Field: "file", Message: "must be given"})
	}
	sources := s.sources(ctx, by, uploaded)
	if opt.Kind == transfer.AnyKind { // its errors name the files
		return wrong("", transfer.Check(ctx, s.Bulk, by, opt, sources...))
	}
	for _, source := range sources {
		if err := wrong(source.Name+" ", transfer.Check(ctx, s.Bulk, by, opt, source)); err != nil {
			return err
		}
	}
	return wrong("", transfer.Check(ctx, s.Bulk, by, opt, sources...))
}

// Begin adds the job that imports files which were uploaded and checked, and the record of the import.
func (s *Service) Begin(ctx context.Context, by crm.Actor, settings transfer.Settings, uploaded []files.File) (job jobs.Job, err error) {
	opt, err := settings.Options()
	if err != nil {
		return jobs.Job{}, asOptions(err)
	}
	a := args{Settings: settings}
	digests := make([]transfer.FileDigest, len(uploaded))
	for i, f := range uploaded {
		a.Files = append(a.Files, f.ID)
		digests[i] = transfer.FileDigest{Name: f.Name, Size: f.Size, SHA256: f.SHA256}
	}
	err = s.Atomic(ctx, by, func(ctx context.Context) error {
		record, err := transfer.Describe(opt, s.Bulk.NewImport(by, string(opt.Kind), "api"), digests)
		if err != nil {
			return err
		}
		if !opt.DryRun {
			a.Import = &record.ID
		}
		if job, err = s.AddJob(ctx, by, jobs.NewJob{Kind: jobs.BulkImport, Args: a, Place: s.Files.Place()}); err != nil || opt.DryRun {
			return err
		}
		record.JobID = &job.ID
		return s.Bulk.BeginImport(ctx, by, record)
	})
	return job, err
}

// Undo adds the job that undoes an import.
func (s *Service) Undo(ctx context.Context, by crm.Actor, id crm.ID) (job jobs.Job, err error) {
	err = s.Atomic(ctx, by, func(ctx context.Context) error {
		if job, err = s.AddJob(ctx, by, jobs.NewJob{Kind: jobs.BulkImport, Args: args{Undo: &id}}); err != nil {
			return err
		}
		_, err = s.Bulk.BeginUndo(ctx, by, id, &job.ID, s.Ended(by.Org))
		return err
	})
	return job, err
}

// Ended returns what reports whether a job of an organisation has ended. One that is no longer there has.
func (s *Service) Ended(org crm.ID) func(context.Context, crm.ID) (bool, error) {
	return func(ctx context.Context, id crm.ID) (bool, error) {
		job, err := s.Job(ctx, org, id)
		if crm.CodeOf(err) == crm.CodeNotFound {
			return true, nil
		}
		return err == nil && job.State.Ended(), err
	}
}

// Page returns a page of the imports.
func (s *Service) Page(ctx context.Context, by crm.Actor, q crm.List[Filter]) (crm.Page[Import], error) {
	return s.Bulk.ImportPage(ctx, by, q)
}

// Get returns an import.
func (s *Service) Get(ctx context.Context, by crm.Actor, id crm.ID) (Import, error) {
	return s.Bulk.Import(ctx, by, id)
}

// Rejected returns the id of the file of an import's rejected rows.
func (s *Service) Rejected(ctx context.Context, by crm.Actor, id crm.ID) (crm.ID, error) {
	i, err := s.Bulk.Import(ctx, by, id)
	if err != nil {
		return crm.ID{}, err
	}
	if i.RejectedID == nil {
		return crm.ID{}, crm.NotFound("file of rejected rows: the import has not ended, or it has rejected none")
	}
	return *i.RejectedID, nil
}

// Preview returns what the import of files would do.
func (s *Service) Preview(ctx context.Context, by crm.Actor, settings transfer.Settings, sources ...transfer.Source) (transfer.Preview, error) {
	if err := s.May(by); err != nil {
		return transfer.Preview{}, err
	}
	opt, err := settings.Options()
	if err != nil {
		return transfer.Preview{}, asOptions(err)
	}
	if len(sources) == 0 {
		return transfer.Preview{}, crm.Invalid(crm.FieldError{Field: "file", Message: "must be given"})
	}
	p, err := transfer.PreviewImport(ctx, s.Bulk, by, opt, sources...)
	if err != nil {
		return transfer.Preview{}, wrong("", err)
	}
	for i := range p.Imports {
		for n := range p.Imports[i].Notices {
			p.Imports[i].Notices[n].Text = asMembers(p.Imports[i].Notices[n].Text)
		}
		for n := range p.Imports[i].Rows {
			p.Imports[i].Rows[n].Reason = asMembers(p.Imports[i].Rows[n].Reason)
		}
	}
	return p, nil
}

// sources returns uploaded files as they are imported.
func (s *Service) sources(ctx context.Context, by crm.Actor, list []files.File) []transfer.Source {
	sources := make([]transfer.Source, len(list))
	for i, f := range list {
		sources[i] = transfer.Source{Name: f.Name, Size: f.Size, Open: func() (io.ReadCloser, error) {
			_, content, err := s.Files.Open(ctx, by, f.ID)
			return content, err
		}}
	}
	return sources
}

// asOptions names the members of what is wrong as those of the options.
func asOptions(err error) error {
	e, ok := err.(*crm.Error) //nolint:errorlint // of the rules, as it is
	if !ok {
		return err
	}
	fields := make([]crm.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		fields[i] = crm.FieldError{Field: "options/" + strings.TrimPrefix(f.Field, "options/"), Message: f.Message}
	}
	return crm.Invalid(fields...)
}

var flags = regexp.MustCompile(`--([a-z]+(?:-[a-z]+)*)`)

// asMembers returns a text about flags of the command line as one about members of the options.
func asMembers(text string) string {
	return flags.ReplaceAllStringFunc(text, func(flag string) string { return strings.ReplaceAll(flag[2:], "-", "_") })
}
