package transfer

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// Preview is what an import would do: how its files are read, and what becomes of the first rows.
type Preview struct {
	Imports []KindPreview `json:"imports"`
	Ignored []Ignored     `json:"ignored"` // files that would not be imported
}

// KindPreview is the preview of files that are imported together.
type KindPreview struct {
	Kind    Kind         `json:"kind"`
	Keys    []crm.Key    `json:"keys"` // by which rows would be recognised
	Files   []FileFacts  `json:"files"`
	Rows    []PreviewRow `json:"rows"`
	Notices []Notice     `json:"notices"`
}

// PreviewRow is a row, and what would become of it.
type PreviewRow struct {
	File    string          `json:"file"`
	Line    int             `json:"line"`
	Values  map[string]any  `json:"values"` // the members that it sets, and what it refers to
	Verdict bulk.RowVerdict `json:"verdict" enum:"created,updated,unchanged,rejected"`
	Reason  string          `json:"reason"` // why it would be rejected; empty if it would not

	kind Kind
}

// previewRows is how many rows of a preview are shown.
const previewRows = 20

// PreviewImport surveys the sources as their import would, and shows what would become of their first
// rows. Nothing is stored. Errors are those of Import.
func PreviewImport(ctx context.Context, service *bulk.Service, by crm.Actor, opt Options, sources ...Source) (Preview, error) {
	p := Preview{Imports: []KindPreview{}, Ignored: []Ignored{}}
	rows := []PreviewRow{}
	opt.DryRun, opt.Errors, opt.Record = true, "", nil
	if opt.Kind != AnyKind {
		opt.preview = func(r PreviewRow) { rows = append(rows, r) }
		s, err := Import(ctx, service, by, opt, sources...)
		if err != nil {
			return Preview{}, err
		}
		p.Imports = append(p.Imports, KindPreview{opt.Kind, s.Keys, s.Files, rows, s.Notices})
		return p, nil
	}
	opt.preview = func(r PreviewRow) { rows = append(rows, r) }
	s, err := ImportFiles(ctx, service, by, opt, sources...)
	if err != nil {
		return Preview{}, err
	}
	p.Ignored = append(p.Ignored, s.Ignored...)
	for _, k := range s.Imports {
		of := []PreviewRow{}
		for _, r := range rows {
			if r.kind == k.Kind && slices.ContainsFunc(k.Files, func(f FileFacts) bool { return f.Name == r.File }) {
				of = append(of, r)
			}
		}
		p.Imports = append(p.Imports, KindPreview{k.Kind, k.Keys, k.Files, of, k.Notices})
	}
	return p, nil
}

// previewOf returns a row of a batch as a preview shows it.
func previewOf[P any](kind Kind, b *batch[P], i int, result bulk.RowResult) PreviewRow {
	row := &b.rows[i]
	values := map[string]any{}
	patch := reflect.ValueOf(&row.Patch).Elem()
	for n := range patch.NumField() {
		name, _, _ := strings.Cut(patch.Type().Field(n).Tag.Get("json"), ",")
		addValue(values, name, patch.Field(n))
	}
	addValue(values, "id", reflect.ValueOf(row.ID))
	addValue(values, "created_at", reflect.ValueOf(row.CreatedAt))
	addValue(values, "updated_at", reflect.ValueOf(row.UpdatedAt))
	for _, ref := range []bulk.Reference{bulk.RefCompany, bulk.RefOwner, bulk.RefCreator, bulk.RefStage, bulk.RefContact, bulk.RefDeal} {
		if text := *row.Of(ref); text != "" {
			values[string(ref)] = text
		}
	}
	shown := PreviewRow{File: b.source, Line: b.records[i].Line, Values: values, Verdict: result.Verdict, kind: kind}
	if result.Verdict == bulk.RowRejected {
		shown.Reason = b.reason(i, result)
	}
	return shown
}

// addValue adds a member that is set, which is a crm.Field.
func addValue(values map[string]any, name string, field reflect.Value) {
	if field.Kind() != reflect.Struct || !field.FieldByName("Set").IsValid() || !field.FieldByName("Set").Bool() {
		return
	}
	values[name] = nil
	if !field.FieldByName("Null").Bool() {
		values[name] = field.FieldByName("Value").Interface()
	}
	if at, ok := values[name].(crm.Moment); ok {
		values[name] = crm.Instant(at)
	}
}
