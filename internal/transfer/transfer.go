// Package transfer imports and exports files. Import turns the columns of CSV files into rows
// of companies, contacts, deals, activities and owners, and passes them to the use cases of
// bulk in batches. Export writes records as CSV that Import reads back, as JSON or as a
// workbook.
//
// Reading and writing overlap, and memory is bounded by the batch, not by the file:
// three batches are held at most, one that is parsed and two that are written.
package transfer

import (
	"context"
	"fmt"

	"sixty/internal/bulk"
	"sixty/internal/crm"
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
)

// Options say what the files contain and how they are read.
type Options struct {
	Kind Kind
	// Maps name the fields that columns feed, as "column=field,…": CSV, so that
	// an item whose column holds a comma is written in quotes. Columns that are not
	// named feed the field of their own name.
	Maps []string
	// DateFormat is how dates are written beside ISO 8601, such as M/D/YYYY.
	DateFormat string
	// Key is the field by which a row's record is found; "" takes the surest one that the
	// files contain.
	Key string
	// CreateMissing lists the references that are created when they are missing:
	// company, owner, stage.
	CreateMissing []string
	// StageOutcomes are the outcomes of stages that are created, as "NAME=won,…", in
	// CSV as Maps is.
	StageOutcomes []string
	// DryRun runs the import and rolls it back.
	DryRun bool
	// Errors is the file that rejected rows are written to; "" is none.
	Errors string

	// Notice is called once before the import with messages on the key and on unused
	// columns. May be nil.
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

// Summary counts the rows by their outcome.
type Summary struct {
	Read      int64 `json:"read"`
	Created   int64 `json:"created"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Rejected  int64 `json:"rejected"`
}

// Progress is how far an import is.
type Progress struct {
	Summary
	Done, Total int64 // bytes of the files; Total is -1 when that is not known
}

// Source is a file to import.
type Source = table.Source

// File returns the source of a path.
func File(path string) (Source, error) { return table.File(path) }

// UsageError says that the options do not fit together, or not with the files.
// Nothing was imported.
type UsageError struct{ Message string }

// Error returns the message.
func (e *UsageError) Error() string { return e.Message }

func usage(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// Import loads the sources, one after the other, as one run. The actor must be a
// manager or an admin; an admin to import or create people. Rejected rows are no
// error. When it fails, the summary counts what was loaded nevertheless, and a run
// that is repeated ends in the same data. Errors: *UsageError, those of crm and of
// table.Open, the context's.
func Import(ctx context.Context, service *bulk.Service, by crm.Actor, opt Options, sources ...Source) (Summary, error) {
	importing, err := opt.importing()
	if err != nil {
		return Summary{}, err
	}
	dates, err := parseDateFormat(opt.DateFormat)
	if err != nil {
		return Summary{}, err
	}
	switch opt.Kind {
	case Companies:
		return run(ctx, by, opt, importing, sources, newFields(crm.Companies, dates, bulk.RefOwner), service.ImportCompanies)
	case Contacts:
		return run(ctx, by, opt, importing, sources, newFields(crm.Contacts, dates, bulk.RefCompany, bulk.RefOwner), service.ImportContacts)
	case Deals:
		return run(ctx, by, opt, importing, sources, newFields(crm.Deals, dates, bulk.RefCompany, bulk.RefOwner, bulk.RefStage, bulk.RefContact), service.ImportDeals)
	case Activities:
		return run(ctx, by, opt, importing, sources, newFields(crm.Activities, dates, bulk.RefCompany, bulk.RefOwner, bulk.RefContact, bulk.RefDeal), service.ImportActivities)
	case Owners:
		return run(ctx, by, opt, importing, sources, newFields(crm.Owners, dates), service.ImportOwners)
	}
	return Summary{}, usage("%q cannot be imported: companies, contacts, deals, activities or owners can", opt.Kind)
}
