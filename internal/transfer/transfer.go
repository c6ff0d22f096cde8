// Package transfer imports and exports files. Import turns the columns of files into rows of
// companies, contacts, deals, activities, tasks, stages and owners, and passes them to the use
// cases of bulk in batches. Export writes records as CSV that Import reads back, as JSON or as
// a workbook.
//
// An import reads its files twice: first to learn how the cells of each column are written and
// which rows repeat a key (survey), then to load them. Reading and writing overlap, and memory
// is bounded by the batch, not by the file: three batches are held at most, one that is parsed
// and two that are written. The survey holds 32 bytes a row besides.
package transfer

import (
	"context"
	"fmt"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/transfer/preset"
	"sixty/internal/transfer/table"
)

// Kind is the type of the records in a file.
type Kind string

// The kinds.
const (
	Companies Kind = "companies"
	Contacts  Kind = "contacts"
	Deals     Kind = "deals"
	Owners    Kind = "owners"

	Activities Kind = "activities"
	Tasks      Kind = "tasks"
	Stages     Kind = "stages"

	Audit Kind = "audit" // the audit trail, which can only be exported

	AnyKind Kind = "all" // files whose kinds are recognised; see ImportFolder
)

// Options say what the files contain and how they are read.
type Options struct {
	Kind Kind
	// From names the system that the files come from: a preset, "none", or "" to recognise it
	// by the columns of each file. Preset is one of the caller's own instead.
	From   string
	Preset *preset.Preset
	// Maps name the fields of columns, as "column=field,…": CSV, so that an item whose column
	// holds a comma is written in quotes. Columns that are not named are read into the fields
	// that the preset says or, without one, of their own names.
	Maps []string
	// Keys are the fields by which a row's record is found, in order: the first one that the
	// row has. None: the surest ones that the files have.
	Keys []string
	// CreateMissing lists the references that are created when they are missing:
	// company, contact, owner, stage.
	CreateMissing []string
	// StageOutcomes are the outcomes of stages that are created, as "NAME=won,…", in
	// CSV as Maps is.
	StageOutcomes []string

	// How the files are written; "" or none of each is recognised. Encoding is a name such as
	// windows-1250, Separator one character or "tab", Sheet the name or number of a workbook's
	// sheet.
	Encoding, Separator, Sheet string
	// DateFormats are such as M/D/YYYY or, for one column, "column=D.M.YYYY".
	DateFormats []string
	TimeZone    string   // of times without an offset, such as Europe/Berlin; "" is UTC
	Decimal     string   // the decimal sign, "." or ","
	Null        []string // cells that say nothing, such as NULL
	// Currency is that of amounts that name none; "" is the organisation's.
	Currency string

	// Repeats says which of several rows with the same key is loaded: "" is the first one, and
	// the others are rejected; "last" is the last one, and the others are passed over.
	Repeats string
	// Lenient loads rows without their wrong optional values, which are told.
	Lenient bool
	// DryRun runs the import and rolls it back.
	DryRun bool
	// Errors is the file that rejected rows are written to; "" is none.
	Errors string

	// Record is the record of the import, whose files and options are completed: it is entered
	// before the first row is loaded, unless it is a dry run. If it is there already, the import
	// was interrupted: it goes on behind the rows that it has loaded, and tells of these what it
	// would have told. The files must be the same. nil: the import is not recorded.
	Record    *bulk.Import
	described bool
	part      int // of an import of several kinds of files
	parts     int // how many there are; 0 is 1

	// preview is called with the first rows, which are all that is imported; nil: no preview.
	preview func(PreviewRow)

	// checkOnly checks the options and the headers of the files, and imports nothing.
	checkOnly bool

	// Notice is called with what the files are and what should be known about them, before
	// the first row is loaded and after the last. May be nil.
	Notice func(message string)
	// Rejected is called for each rejected row. May be nil.
	Rejected func(Rejection)
	// Progress is called after each batch. May be nil.
	Progress func(Progress)
}

// Rejection is a rejected row.
type Rejection struct {
	File   string
	Line   int // on which the row begins
	Reason string
}

// Counts count the rows by their outcome: each row that was read has one.
type Counts struct {
	Read      int64 `json:"read"`
	Created   int64 `json:"created"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Rejected  int64 `json:"rejected"`
	// Skipped rows were passed over: the file says that they were deleted, or a later row has
	// their key (Repeats).
	Skipped int64 `json:"skipped"`
}

// Summary is what an import did, or what a dry run would do.
type Summary struct {
	Counts
	Partial int64       `json:"partial"` // rows that were loaded without some of their values (Lenient)
	Keys    []crm.Key   `json:"keys"`    // by which rows were recognised
	Files   []FileFacts `json:"files"`
	// CreatedReferences are records that were created because rows refer to them.
	CreatedReferences []bulk.CreatedReferences `json:"created_references"`
	// Currencies counts the rows with amounts, by their currency.
	Currencies map[string]int64 `json:"currencies"`
	Notices    []Notice         `json:"notices"`
	// Consistency is a token: a request with it sees what was imported, on any instance.
	Consistency string `json:"consistency,omitempty"`
}

// FileFacts are how a file was read.
type FileFacts struct {
	Name            string        `json:"name"`
	Preset          string        `json:"preset,omitempty"`
	Format          string        `json:"format"`
	Compression     string        `json:"compression,omitempty"`
	Encoding        string        `json:"encoding,omitempty"`
	EncodingAssumed bool          `json:"encoding_assumed,omitempty"` // it is a guess
	Separator       string        `json:"separator,omitempty"`
	Sheet           string        `json:"sheet,omitempty"`
	Columns         []ColumnFacts `json:"columns"`
	LeftOut         []string      `json:"left_out"` // columns without a field
}

// ColumnFacts are how a column was read.
type ColumnFacts struct {
	Column string `json:"column"`
	Field  string `json:"field"`
	Format string `json:"format,omitempty"` // how its cells are written, where there are several ways
}

// Progress is how far an import is.
type Progress struct {
	Counts
	Done, Total int64 // bytes of the files; Total is -1 when that is not known
	Rows        int64 // of the files
	Part, Parts int   // of an import of several kinds of files, which is one after the other: from 0
}

// Source is a file to import.
type Source = table.Source

// File returns the source of a path.
func File(path string) (Source, error) { return table.File(path) }

// UsageError says that the options do not fit together, or not with the files.
// Nothing was imported.
type UsageError struct {
	Message string
	// Fields are what is wrong with single filters, by their names, or columns, if that is it.
	Fields []crm.FieldError
}

// Error returns the message.
func (e *UsageError) Error() string { return e.Message }

func usage(format string, args ...any) error {
	return &UsageError{Message: fmt.Sprintf(format, args...)}
}

// Import loads the sources, one after the other, as one run. The actor must be a manager or an
// admin; an admin to import or create people. Rejected rows are no error. When it fails, the
// summary counts what was loaded nevertheless, and a run that is repeated ends in the same data.
// Errors: *UsageError, those of crm and of table.Open, the context's.
func Import(ctx context.Context, service *bulk.Service, by crm.Actor, opt Options, sources ...Source) (Summary, error) {
	standard, err := service.DefaultCurrency(ctx, by)
	if err != nil {
		return Summary{}, err
	}
	sources, remove, err := spool(ctx, sources)
	defer remove()
	if err != nil {
		return Summary{}, err
	}
	if err := opt.describe(ctx, sources); err != nil {
		return Summary{}, err
	}
	in, err := newImporter(ctx, by, opt, standard, sources)
	if err != nil {
		return Summary{}, err
	}
	c := in.currencies
	switch opt.Kind {
	case Companies:
		return run(in, newFields(crm.Companies, c, bulk.RefOwner), bulk.CompanyKey, service.ImportCompanies)
	case Contacts:
		return run(in, newFields(crm.Contacts, c, bulk.RefCompany, bulk.RefOwner), bulk.ContactKey, service.ImportContacts)
	case Deals:
		return run(in, newFields(crm.Deals, c, bulk.RefCompany, bulk.RefOwner, bulk.RefStage, bulk.RefContact), bulk.DealKey, service.ImportDeals)
	case Activities:
		return run(in, newFields(crm.Activities, c, bulk.RefCompany, bulk.RefOwner, bulk.RefContact, bulk.RefDeal), bulk.ActivityKey, service.ImportActivities)
	case Tasks:
		return run(in, newFields(crm.Tasks, c, bulk.RefCompany, bulk.RefContact, bulk.RefDeal, bulk.RefOwner, bulk.RefCreator), bulk.TaskKey, service.ImportTasks)
	case Stages:
		return run(in, newFields(crm.Stages, c), bulk.StageKey, service.ImportStages)
	case Owners:
		return run(in, newFields(crm.Owners, c), bulk.OwnerKey, service.ImportOwners)
	}
	return Summary{}, usage("%q cannot be imported: companies, contacts, deals, activities, tasks, stages or owners can", opt.Kind)
}
