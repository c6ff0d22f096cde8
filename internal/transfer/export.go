package transfer

import (
	"context"
	"io"
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
	// XLSX is a workbook with the columns of CSV, numbers and dates being such. What
	// does not fit in one sheet goes on in the next.
	XLSX Format = "xlsx"
)

// Formats lists the formats.
func Formats() []Format { return []Format{CSV, JSON, NDJSON, XLSX} }

// ExportOptions say what is exported, and how.
type ExportOptions struct {
	Kind   Kind // companies, contacts, deals, activities or audit
	Format Format
	// Filters narrow what is exported, each as "name=value": the names and values of
	// the API's query parameters, such as ownerId or closeBefore, or owner_id.
	Filters []string
}

// Export writes records to w, oldest first, and returns their number. They are one
// state of the database; memory is bounded by a batch of them. When it fails, what
// was written is of no use. That it was begun is entered in the audit trail. Errors:
// *UsageError before anything was written, those of crm (an export of more than an hour
// is ended) and of w, the context's.
func Export(ctx context.Context, service *bulk.Service, by crm.Actor, opt ExportOptions, w io.Writer) (rows int64, err error) {
	switch opt.Kind {
	case Companies:
		return export(ctx, service, by, opt, w, crm.Companies, service.ExportCompanies)
	case Contacts:
		return export(ctx, service, by, opt, w, crm.Contacts, service.ExportContacts)
	case Deals:
		return export(ctx, service, by, opt, w, crm.Deals, service.ExportDeals)
	case Activities:
		return export(ctx, service, by, opt, w, crm.Activities, service.ExportActivities)
	case Audit:
		return export(ctx, service, by, opt, w, accounts.AuditTrail, service.ExportAudit)
	}
	return 0, usage("%q cannot be exported: companies, contacts, deals, activities or audit can", opt.Kind)
}

func export[T, P, F any](
	ctx context.Context, service *bulk.Service, by crm.Actor, opt ExportOptions, w io.Writer, entity *crm.Entity[T, P, F],
	use func(context.Context, crm.Actor, F, func([]bulk.ExportRow[T]) error) error,
) (rows int64, err error) {
	filter, err := parseFilters(entity, opt.Kind, opt.Filters)
	if err != nil {
		return 0, err
	}
	out, err := newEncoder(opt, w, newColumns(entity))
	if err != nil {
		return 0, err
	}
	defer out.discard()
	err = service.RecordExport(ctx, by, string(opt.Kind), map[string]string{
		"format": string(opt.Format), "filter": strings.Join(opt.Filters, ", "),
	})
	if err != nil {
		return 0, err
	}
	if err := out.begin(); err != nil {
		return 0, err
	}
	err = use(ctx, by, filter, func(batch []bulk.ExportRow[T]) error {
		rows += int64(len(batch))
		for i := range batch {
			if err := out.row(&batch[i]); err != nil {
				return err
			}
		}
		return context.Cause(ctx)
	})
	if err != nil {
		return rows, err
	}
	return rows, out.end()
}

// encoder writes rows in a format.
type encoder[T any] interface {
	begin() error
	row(*bulk.ExportRow[T]) error
	// end writes what is left; nothing is complete before.
	end() error
	// discard frees what the encoder holds, also after end.
	discard()
}

func newEncoder[T any](opt ExportOptions, w io.Writer, columns *columns[T]) (encoder[T], error) {
	switch opt.Format {
	case CSV:
		return newCSVEncoder(w, columns), nil
	case JSON:
		return newJSONEncoder[T](w, true), nil
	case NDJSON:
		return newJSONEncoder[T](w, false), nil
	case XLSX:
		return newXLSXEncoder(w, columns, string(opt.Kind), maxSheetRows), nil
	}
	return nil, usage("%q is not a format: %s are", opt.Format, listed(Formats(), ", "))
}
