package bulk

import (
	"context"
	"encoding/json"
	"time"

	"sixty/internal/crm"
)

// EntityImport is the name of imports in the API.
const EntityImport = "import"

// ImportState is where an import is in its life.
type ImportState string

// The states of imports. One that runs may have been interrupted: it goes on when its job is run
// again.
const (
	ImportRunning   ImportState = "running"
	ImportDone      ImportState = "done"
	ImportFailed    ImportState = "failed"
	ImportCancelled ImportState = "cancelled"
	ImportUndoing   ImportState = "undoing"
	ImportUndone    ImportState = "undone"
)

// Import is the record of an import.
type Import struct {
	OrgID      crm.ID       `json:"-"`
	ID         crm.ID       `json:"id"`
	Kind       string       `json:"kind" doc:"What the files hold; all if they were recognised one by one."`
	Source     string       `json:"source" enum:"cli,api" doc:"What it was asked for by: the command line or the API."`
	State      ImportState  `json:"state" schema:"ImportState" enum:"running,done,failed,cancelled,undoing,undone"`
	ActorID    *crm.ID      `json:"actor_id" doc:"Who asked for it; null for the command line."`
	KeyID      *crm.ID      `json:"-"` // the API key that they used
	JobID      *crm.ID      `json:"job_id" doc:"The job that does it; null for the command line."`
	Files      crm.JSON     `json:"files" schema:"ImportFiles" doc:"Name, size and SHA-256 of each file."`
	Options    crm.JSON     `json:"options" doc:"How the files were read."`
	Counts     crm.JSON     `json:"counts" doc:"The rows by their outcome; null before its end."`
	Error      *string      `json:"error" doc:"Why it failed."`
	RejectedID *crm.ID      `json:"-"` // the file of its rejected rows
	CreatedAt  crm.Instant  `json:"created_at"`
	FinishedAt *crm.Instant `json:"finished_at"`
	Undo       crm.JSON     `json:"undo" doc:"What its undo has done so far; null if it was not undone."`
	UndoJobID  *crm.ID      `json:"undo_job_id" doc:"The job that undoes it."`
	UndoneAt   *crm.Instant `json:"undone_at"`
	// Version rises with every change that a client can see.
	Version int64 `json:"-"`
}

// ImportFilter narrows lists of imports.
type ImportFilter struct {
	State   crm.OneOf[string]
	ActorID crm.OneOf[crm.ID]
}

// Imports declares the records of imports; lists have the newest first.
var Imports = crm.Declare(crm.Entity[Import, struct{}, ImportFilter]{
	Name: EntityImport,
	Properties: []crm.Property[Import, struct{}]{
		{Name: "org_id", At: func(i *Import, _ *struct{}) (any, any) { return &i.OrgID, nil }},
		{Name: "id", At: func(i *Import, _ *struct{}) (any, any) { return &i.ID, nil }},
		{Name: "kind", At: func(i *Import, _ *struct{}) (any, any) { return &i.Kind, nil }},
		{Name: "source", At: func(i *Import, _ *struct{}) (any, any) { return &i.Source, nil }},
		{Name: "state", At: func(i *Import, _ *struct{}) (any, any) { return (*string)(&i.State), nil }},
		{Name: "actor_id", At: func(i *Import, _ *struct{}) (any, any) { return &i.ActorID, nil }},
		{Name: "key_id", At: func(i *Import, _ *struct{}) (any, any) { return &i.KeyID, nil }},
		{Name: "job_id", At: func(i *Import, _ *struct{}) (any, any) { return &i.JobID, nil }},
		{Name: "files", At: func(i *Import, _ *struct{}) (any, any) { return (*string)(&i.Files), nil }},
		{Name: "options", At: func(i *Import, _ *struct{}) (any, any) { return (*string)(&i.Options), nil }},
		{Name: "counts", At: func(i *Import, _ *struct{}) (any, any) { return (*string)(&i.Counts), nil }},
		{Name: "error", At: func(i *Import, _ *struct{}) (any, any) { return &i.Error, nil }},
		{Name: "rejected_id", At: func(i *Import, _ *struct{}) (any, any) { return &i.RejectedID, nil }},
		{Name: "created_at", At: func(i *Import, _ *struct{}) (any, any) { return &i.CreatedAt, nil }},
		{Name: "finished_at", At: func(i *Import, _ *struct{}) (any, any) { return &i.FinishedAt, nil }},
		{Name: "undo", At: func(i *Import, _ *struct{}) (any, any) { return (*string)(&i.Undo), nil }},
		{Name: "undo_job_id", At: func(i *Import, _ *struct{}) (any, any) { return &i.UndoJobID, nil }},
		{Name: "undone_at", At: func(i *Import, _ *struct{}) (any, any) { return &i.UndoneAt, nil }},
		{Name: "version", At: func(i *Import, _ *struct{}) (any, any) { return &i.Version, nil }},
	},
	Filters: []crm.Filter[Import, ImportFilter]{
		{Name: "state", Property: "state", Doc: "Only imports in this state.", At: func(f *ImportFilter) any { return &f.State }},
		{Name: "actorId", Property: "actor_id", Doc: "Only imports that this person asked for.", At: func(f *ImportFilter) any { return &f.ActorID }},
	},
	Sorts: crm.Sorts{Fields: []string{"created_at"}, Default: crm.Sort{Field: "created_at", Desc: true}},
})

// UndoTime is how long an import can be undone: what its records were like before is kept as long.
const UndoTime = 30 * 24 * time.Hour

// ImportBatch is what a transaction of an import has loaded.
type ImportBatch struct {
	ImportID    crm.ID
	Part        int   // of an import of several kinds of files
	First, Last int64 // the numbers of its rows
	Results     []byte
}

// LoadedRows are rows that a transaction has loaded: from one number to another.
type LoadedRows struct {
	Batch       crm.ID
	First, Last int64
}

// Image is a record as it was before a transaction of an import changed it.
type Image struct {
	ID      crm.ID `json:"id"`
	Version int64  `json:"v"` // before
	Changes int64  `json:"n"` // by how many the transaction has raised it
	// Before are the columns that it changed.
	Before map[string]json.RawMessage `json:"b"`
}

// Images are what a transaction of an import has changed, besides creating records.
type Images struct {
	Records map[string][]Image `json:"records"` // by entity
	// Moves are the entries that were added to the stage histories of deals, and Contacts the
	// further contacts that these deals got.
	Moves    map[crm.ID][]crm.ID `json:"moves,omitempty"`    // by deal
	Contacts map[crm.ID][]crm.ID `json:"contacts,omitempty"` // by deal
}

// A Recording says as what an import is recorded.
type Recording struct {
	// Import is entered unless it is there already.
	Import Import
	// Part tells the imports of several kinds of files apart that are recorded as one.
	Part int
}

// ImportPage returns a page of the imports.
func (s *Service) ImportPage(ctx context.Context, by crm.Actor, q crm.List[ImportFilter]) (crm.Page[Import], error) {
	if err := mayImport(by); err != nil {
		return crm.Page[Import]{}, err
	}
	return s.store.Imports(ctx, by.Org, q)
}

// Import returns one.
func (s *Service) Import(ctx context.Context, by crm.Actor, id crm.ID) (Import, error) {
	if err := mayImport(by); err != nil {
		return Import{}, err
	}
	return s.store.Import(ctx, by.Org, id)
}

// NewImport returns the record of an import that begins.
func (s *Service) NewImport(by crm.Actor, kind, source string) Import {
	return Import{
		OrgID: by.Org, ID: crm.NewID(), Kind: kind, Source: source, State: ImportRunning,
		ActorID: by.UserID(), KeyID: by.KeyID(), CreatedAt: s.clock(), Version: 1,
	}
}

// BeginImport enters an import, unless it is there already; then it must be running.
func (s *Service) BeginImport(ctx context.Context, by crm.Actor, i Import) error {
	if err := mayImport(by); err != nil {
		return err
	}
	return s.store.Write(ctx, by, s.clock(), func(tx Tx) error {
		there, err := tx.LockImport(ctx, i.ID)
		switch {
		case crm.CodeOf(err) == crm.CodeNotFound:
			return tx.InsertImport(ctx, i)
		case err == nil && there.State != ImportRunning:
			return ErrImportEnded
		case err == nil && there.Files != i.Files:
			return &crm.Error{Code: crm.CodeInvalid, Message: "The files are not those whose import was interrupted."}
		}
		return err
	})
}

// EndImport sets what became of an import that runs; one that never began is not there, and
// nothing is done.
func (s *Service) EndImport(ctx context.Context, by crm.Actor, id crm.ID, end func(*Import)) error {
	now := s.clock()
	return s.store.Write(ctx, by, now, func(tx Tx) error {
		i, err := tx.LockImport(ctx, id)
		if crm.CodeOf(err) == crm.CodeNotFound || err == nil && i.State != ImportRunning {
			return nil
		}
		if err != nil {
			return err
		}
		i.FinishedAt = &now
		end(&i)
		return tx.UpdateImport(ctx, i)
	})
}

// ErrImportEnded rejects what an import would load that does not run. It is no conflict, after which a
// batch is tried again.
var ErrImportEnded = &crm.Error{Code: crm.CodeInvalid, Message: "The import does not run any more: it has ended, or is undone."}

func mayImport(by crm.Actor) error {
	if !by.WritesAll() {
		return crm.Forbidden("Only managers and admins may import.")
	}
	return nil
}
