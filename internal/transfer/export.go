package transfer

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"sixty/internal/accounts"
	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// Format is the format of exported files.
type Format string

// The formats.
const (
	// CSV is RFC 4180 in UTF-8, with the line ends that it asks for (CRLF). Import
	// reads it back: its columns are fields, and texts that a spreadsheet would run
	// as formulas carry an apostrophe that an import takes off again.
	CSV Format = "csv"
	// JSON is one array of the objects that the API answers.
	JSON Format = "json"
	// NDJSON is one such object a line.
	NDJSON Format = "ndjson"
	// XLSX is a workbook with the columns of CSV, numbers and dates being such. Each kind
	// has a sheet; what does not fit in one sheet goes on in the next.
	XLSX Format = "xlsx"
)

// Formats lists the formats.
func Formats() []Format { return []Format{CSV, JSON, NDJSON, XLSX} }

// ExportKinds lists the kinds that can be exported, the audit trail last, in the order in
// which they refer to each other.
func ExportKinds() []Kind {
	return []Kind{Owners, Stages, Companies, Contacts, Deals, Activities, Tasks, Audit}
}

// ExportOptions say what is exported, and how.
type ExportOptions struct {
	Kinds  []Kind // several only as XLSX
	Format Format
	// Filters narrow what is exported, each as "name=value": the names and values of
	// the API's query parameters, such as ownerId or closeBefore, or owner_id. Every kind
	// must have them.
	Filters []string
	// Columns are the columns of one kind in their order, in JSON the members; none are those
	// that an import reads, in JSON those of the API.
	Columns []string
	// Raw writes CSV without the apostrophes.
	Raw bool
	// Notice is called at the end with what the files do not hold. May be nil.
	Notice func(message string)
	// Progress is called with the records that were written and about how many percent of all that is,
	// before the first and then every thousand of them. Its error ends the export. May be nil.
	Progress func(rows int64, percent int) error
}

// progressEvery is the number of records between two calls of Progress.
const progressEvery = 1000

// Export writes records to w, oldest first, and returns their number. They are one
// state of the database; memory is bounded by a batch of them. When it fails, what
// was written is of no use. That it was begun is entered in the audit trail. Errors:
// *UsageError before anything was written, those of crm (an export of more than an hour
// is ended) and of w, the context's.
func Export(ctx context.Context, service *bulk.Service, by crm.Actor, opt ExportOptions, w io.Writer) (rows int64, err error) {
	tables, err := opt.tables()
	if err != nil {
		return 0, err
	}
	out := opt.encoder(w)
	defer out.discard()
	if err := service.RecordExport(ctx, by, texts(opt.Kinds), opt.details()); err != nil {
		return 0, err
	}
	if err := out.begin(); err != nil {
		return 0, err
	}
	err = service.Export(ctx, by, func(ctx context.Context, e *bulk.Export) error {
		for i, t := range tables {
			p := progress{call: opt.Progress, tables: len(tables), table: i, rows: &rows, expected: &e.Expected, before: rows}
			if err := p.tell(); err != nil {
				return err
			}
			if err := out.table(t); err != nil {
				return err
			}
			err := t.read(ctx, e, func() error {
				if rows++; rows%progressEvery == 0 {
					if err := p.tell(); err != nil {
						return err
					}
				}
				return out.row(t)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return rows, err
	}
	opt.tell(out.notice())
	for _, t := range tables {
		if t.notice != nil {
			opt.tell(t.notice())
		}
	}
	return rows, out.end()
}

// progress tells how far an export is. The tables count alike, and each by its rows.
type progress struct {
	call          func(int64, int) error
	tables, table int
	rows          *int64
	expected      *int64 // of the table
	before        int64  // rows of the tables before
}

func (p *progress) tell() error {
	if p.call == nil {
		return nil
	}
	part := 0.0
	if done := *p.rows - p.before; done > 0 {
		part = float64(done) / float64(max(*p.expected, done))
	}
	const most = 99 // until the file is complete
	return p.call(*p.rows, min(int(100*(float64(p.table)+part)/float64(p.tables)), most))
}

func (o *ExportOptions) tell(notice string) {
	if notice != "" && o.Notice != nil {
		o.Notice(notice)
	}
}

// tables returns what is exported, or what is wrong with the options.
func (o *ExportOptions) tables() ([]*exportTable, error) {
	if !slices.Contains(Formats(), o.Format) {
		return nil, usage("%q is not a format: %s are", o.Format, listed(Formats(), ", "))
	}
	switch {
	case len(o.Kinds) == 0:
		return nil, usage("there is nothing to export: %s can be", listed(ExportKinds(), ", "))
	case len(o.Kinds) > 1 && o.Format != XLSX:
		return nil, usage("several kinds go into one workbook (xlsx), not into %s: export them one at a time", o.Format)
	case len(o.Kinds) > 1 && len(o.Columns) > 0:
		return nil, usage("--columns: only those of one kind can be chosen")
	case o.Raw && o.Format != CSV:
		return nil, usage("--raw: %s needs no guard against formulas and has none", o.Format)
	}
	var tables []*exportTable
	for i, kind := range o.Kinds {
		if slices.Contains(o.Kinds[:i], kind) {
			return nil, usage("%s are named twice", kind)
		}
		t, err := newTableOf(kind, o.Filters)
		if err == nil {
			err = t.choose(o.Columns)
		}
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

func newTableOf(kind Kind, filters []string) (*exportTable, error) {
	switch kind {
	case Companies:
		return filtered(kind, filters, crm.Companies, (*bulk.Export).Companies)
	case Contacts:
		return filtered(kind, filters, crm.Contacts, (*bulk.Export).Contacts)
	case Deals:
		return filtered(kind, filters, crm.Deals, (*bulk.Export).Deals)
	case Activities:
		return filtered(kind, filters, crm.Activities, (*bulk.Export).Activities)
	case Tasks:
		return filtered(kind, filters, crm.Tasks, (*bulk.Export).Tasks)
	case Stages:
		return filtered(kind, filters, crm.Stages, (*bulk.Export).Stages)
	case Owners:
		return ownersTable(filters)
	case Audit:
		return filtered(kind, filters, accounts.AuditTrail, (*bulk.Export).Audit)
	}
	return nil, usage("%q cannot be exported: %s can", kind, listed(ExportKinds(), ", "))
}

func filtered[T, P, F any](
	kind Kind, filters []string, e *crm.Entity[T, P, F], read func(*bulk.Export, context.Context, F, func([]bulk.ExportRow[T]) error) error,
) (*exportTable, error) {
	filter, err := parseFilters(e, kind, filters)
	if err != nil {
		return nil, err
	}
	return newTable(kind, e, filter, read), nil
}

// ownersTable returns the table of people. It has no column for those who are deactivated: an
// import could not deactivate them.
func ownersTable(filters []string) (*exportTable, error) {
	deactivated := 0
	t, err := filtered(Owners, filters, crm.Owners, func(e *bulk.Export, ctx context.Context, f crm.OwnerFilter, each func([]bulk.ExportRow[crm.Owner]) error) error {
		return e.Owners(ctx, f, func(rows []bulk.ExportRow[crm.Owner]) error {
			for i := range rows {
				if rows[i].Record.DeactivatedAt != nil {
					deactivated++
				}
			}
			return each(rows)
		})
	})
	if err != nil {
		return nil, err
	}
	t.notice = func() string {
		if deactivated == 0 {
			return ""
		}
		return fmt.Sprintf("%d of the people are deactivated here: imported elsewhere, they may sign in", deactivated)
	}
	return t, nil
}

// details returns what the audit trail says of the export.
func (o *ExportOptions) details() map[string]string {
	details := map[string]string{"format": string(o.Format), "filter": strings.Join(o.Filters, ", ")}
	if len(o.Columns) > 0 {
		details["columns"] = strings.Join(o.Columns, ",")
	}
	return details
}

// encoder writes tables in a format.
type encoder interface {
	begin() error
	// table begins a table, whose rows follow.
	table(t *exportTable) error
	// row writes what is in the row of the table.
	row(t *exportTable) error
	// end writes what is left; nothing is complete before.
	end() error
	// notice returns what the format could not hold; "" is nothing.
	notice() string
	// discard frees what the encoder holds, also after end.
	discard()
}

func (o *ExportOptions) encoder(w io.Writer) encoder {
	switch o.Format {
	case JSON:
		return newJSONEncoder(w, true)
	case NDJSON:
		return newJSONEncoder(w, false)
	case XLSX:
		return newXLSXEncoder(w, maxSheetRows)
	default:
		return newCSVEncoder(w, o.Raw)
	}
}

func texts[S ~string](values []S) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
