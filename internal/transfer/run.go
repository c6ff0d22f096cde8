package transfer

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"

	"sixty/internal/bulk"
	"sixty/internal/cells"
	"sixty/internal/crm"
	"sixty/internal/transfer/table"
)

// A batch is one transaction. It is bounded in rows and, since a record may be as
// long as csvio takes it, in bytes.
const (
	batchRows  = 2000
	batchBytes = 4 << 20
)

// How many batches there are at a time: one is read while two are loaded.
const (
	concurrent = 2
	batches    = concurrent + 1
)

// batch is a range of a file's records, as they were and as they were parsed.
type batch[P any] struct {
	source  string
	mapping *mapping[P]
	records []table.Record
	amounts []string // by row, the currency of its amounts; "" without any
	rows    []bulk.ImportRow[P]
	omitted map[int][]crm.FieldError // by row, what it was read without
	skipped int                      // rows that were passed over
	bytes   int
	done    int64 // bytes of the sources that are read when this is loaded
}

func (b *batch[P]) reset(in *input[P]) {
	clear(b.records)
	clear(b.rows)
	b.source, b.mapping, b.bytes, b.skipped = in.source.Name, in.mapping, 0, 0
	b.records, b.rows, b.amounts = b.records[:0], b.rows[:0], b.amounts[:0]
	clear(b.omitted)
}

func (b *batch[P]) full() bool { return len(b.rows) == batchRows || b.bytes >= batchBytes }

func (b *batch[P]) add(record table.Record, number uint32, row bulk.ImportRow[P], currency string) {
	row.Number = int64(number)
	b.records = append(b.records, record)
	b.amounts = append(b.amounts, currency)
	b.rows = append(b.rows, row)
	b.bytes += len(record.Raw)
}

// importer is an import, whatever its kind.
type importer struct {
	ctx        context.Context
	by         crm.Actor
	opt        Options
	importing  bulk.ImportOptions
	reading    *reading
	currencies currencies
	sources    []Source
	notices    notices
	counted    currencyCounts
}

func newImporter(ctx context.Context, by crm.Actor, opt Options, standard string, sources []Source) (*importer, error) {
	in := &importer{ctx: ctx, by: by, opt: opt, sources: sources}
	var err error
	if in.importing, err = opt.importing(); err != nil {
		return nil, err
	}
	if in.reading, err = opt.reading(); err != nil {
		return nil, err
	}
	if opt.Repeats != "" && opt.Repeats != repeatsLast {
		return nil, usage("--repeats must be %s, not %q", repeatsLast, opt.Repeats)
	}
	in.currencies = currencies{stated: strings.ToUpper(opt.Currency), standard: standard}
	if opt.Currency != "" {
		if _, ok := crm.ValidCurrency(opt.Currency); !ok {
			return nil, usage("--currency must be an ISO 4217 code such as EUR, not %q", opt.Currency)
		}
	}
	return in, nil
}

// mayCreate returns those references that the actor may create. Only admins create people: rows of
// others say what is missing.
func (in *importer) mayCreate(references []bulk.Reference) []bulk.Reference {
	return slices.DeleteFunc(references, func(r bulk.Reference) bool { return r == bulk.RefOwner && in.by.Role != crm.RoleAdmin })
}

// repeatsLast is the option that loads the last row of each key.
const repeatsLast = "last"

// run surveys and imports the sources with a use case.
func run[P any](
	in *importer, fields *fields[P], keyOf bulk.KeyOf[P],
	use func(context.Context, crm.Actor, bulk.ImportOptions, func(bulk.Load[P]) error) (bulk.Report, error),
) (summary Summary, err error) {
	ctx := in.ctx
	fields.lenient = in.opt.Lenient
	all, err := prepareAll(ctx, in.opt, in.reading, in.sources, fields)
	if err != nil {
		return Summary{}, err
	}
	if in.opt.checkOnly {
		return Summary{}, nil
	}
	rejected, err := newRejects(in.opt.Errors, all)
	if err != nil {
		return Summary{}, err
	}
	if rejected != nil {
		defer func() { err = errors.Join(err, rejected.close()) }()
	}
	survey := &survey[P]{kind: in.opt.Kind, keys: all.keys, keyOf: keyOf, fields: fields, reading: in.reading, notices: &in.notices}
	if err := survey.readAll(ctx, all.list); err != nil {
		return Summary{}, err
	}
	repeats := survey.repeats(in.opt.Repeats == repeatsLast)
	in.importing.Keys, in.importing.Record = all.keys, in.opt.recording()
	if layout := all.list[0].table; layout != nil && in.opt.CreateMissing == nil {
		in.importing.CreateMissing = in.mayCreate(creatable(in.opt.Kind, layout.CreateMissing))
	}
	survey.addOutcomes(in.importing.StageOutcomes)
	in.tellBefore(all.keys, all.facts())
	restore := in.notices.mark()
	var counts Counts
	var partial int64
	report, err := use(ctx, in.by, in.importing, func(load bulk.Load[P]) error {
		counts, partial = Counts{}, 0
		restore()
		in.counted = currencyCounts{}
		if rejected != nil {
			if err := rejected.restart(all.list[0].facts.Separator); err != nil {
				return err
			}
		}
		c := &consumer[P]{importer: in, load: load, rejected: rejected, total: all.total, rows: int64(survey.row), counts: &counts, partial: &partial}
		l := &loading[P]{importer: in, inputs: all, keyOf: keyOf, fields: fields, repeats: repeats, rows: survey.row, digest: survey.content.Sum64()}
		l.content.SetSeed(survey.content.Seed())
		return pump(ctx, l, c)
	})
	summary = Summary{
		Counts: counts, Partial: partial, Keys: all.keys, Files: all.facts(), CreatedReferences: append([]bulk.CreatedReferences{}, report.Created...),
		Currencies: in.counted, Consistency: report.Consistency,
	}
	in.tellAfter(report)
	summary.Notices = in.notices.all()
	return summary, err
}

// loading is what the second reading of the inputs needs.
type loading[P any] struct {
	*importer
	inputs  *inputs[P]
	keyOf   bulk.KeyOf[P]
	fields  *fields[P]
	repeats []repeat // the rows that are not loaded, in their order
	rows    uint32   // as many as the survey saw
	row     uint32   // number of the record that is read
	content maphash.Hash
	digest  uint64 // of the content that the survey saw
}

// pump reads the inputs in a goroutine of its own and passes their batches to c.
// It returns when both have ended.
func pump[P any](ctx context.Context, l *loading[P], c *consumer[P]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	empty, full := make(chan *batch[P], batches), make(chan *batch[P])
	for range batches {
		empty <- &batch[P]{omitted: map[int][]crm.FieldError{}}
	}
	var readErr error // of the goroutine, until it closes full
	go func() {
		defer close(full)
		readErr = l.readAll(ctx, empty, full)
	}()
	var loadErr error
	end := func() {
		b, err := c.end()
		if err != nil && loadErr == nil {
			loadErr = err
			cancel()
		}
		empty <- b
	}
	for b := range full {
		if loadErr == nil {
			loadErr = context.Cause(ctx)
		}
		if loadErr != nil || len(b.rows) == 0 && b.skipped == 0 {
			empty <- b
			continue
		}
		c.begin(ctx, b)
		if len(c.loads) == concurrent {
			end()
		}
	}
	for len(c.loads) > 0 {
		end()
	}
	if loadErr != nil {
		return loadErr
	}
	return readErr
}

// readAll reads the inputs into batches, from empty to full.
func (l *loading[P]) readAll(ctx context.Context, empty <-chan *batch[P], full chan<- *batch[P]) error {
	var before int64
	for _, in := range l.inputs.list {
		if err := in.open(ctx); err != nil {
			return err
		}
		err := l.read(ctx, in, before, empty, full)
		offset := in.reader.Offset()
		if err := errors.Join(err, in.close()); err != nil {
			return err
		}
		before += offset
	}
	if l.opt.preview == nil && (l.row != l.rows || l.content.Sum64() != l.digest) {
		return errChanged
	}
	return nil
}

var errChanged = errors.New("the files were changed while they were imported: import them again")

func (l *loading[P]) read(ctx context.Context, in *input[P], before int64, empty <-chan *batch[P], full chan<- *batch[P]) error {
	for more := true; more; {
		var b *batch[P]
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case b = <-empty:
		}
		b.reset(in)
		for more && !b.full() {
			if l.opt.preview != nil && int(l.row) >= previewRows {
				more = false
				break
			}
			record, err := in.reader.Read()
			switch {
			case errors.Is(err, io.EOF):
				more = false
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err != nil:
				return fmt.Errorf("%s: %w", in.source.Name, err)
			default:
				l.add(b, in, record)
			}
		}
		b.done = before + in.reader.Offset()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case full <- b:
		}
	}
	return nil
}

// add adds a record to a batch, as the row that it says or as one that is rejected.
func (l *loading[P]) add(b *batch[P], in *input[P], record table.Record) {
	row := l.row
	l.row++
	digest(&l.content, record)
	if record.Err != nil {
		b.add(record, row, l.fields.refuse("the record "+record.Err.Error()), "")
		return
	}
	if in.mapping.skips(record.Fields) {
		b.skipped++
		l.notices.add(in.source.Name, "rows are passed over that the file says are deleted", record.Line)
		return
	}
	if len(l.repeats) > 0 && l.repeats[0].row == row {
		other := l.repeats[0]
		l.repeats = l.repeats[1:]
		l.repeat(b, in, record, row, other)
		return
	}
	parsed := l.fields.parse(in.mapping, record.Fields)
	if len(l.fields.rounded) > 0 {
		b.omitted[len(b.rows)] = slices.Clone(l.fields.rounded)
	}
	l.note(in, record.Line)
	b.add(record, row, parsed, l.fields.amounts.code)
}

// repeat rejects a row that repeats a key, or passes it over.
func (l *loading[P]) repeat(b *batch[P], in *input[P], record table.Record, row uint32, other repeat) {
	key, value := l.keyOf(l.inputs.keys, l.fields.parseKeys(in.mapping, record.Fields))
	place := fmt.Sprintf("line %d", other.line)
	if file := l.inputs.list[other.file].source.Name; file != in.source.Name {
		place += " of " + file
	}
	if l.opt.Repeats == repeatsLast {
		b.skipped++
		l.notices.add(in.source.Name, "rows are passed over because a later one has the same key", record.Line)
		return
	}
	l.notices.add(in.source.Name, "rows repeat the key of another one (--key names another key, --repeats last loads the last of them)", record.Line)
	b.add(record, row, l.fields.refuse(fmt.Sprintf("%s %s is that of %s, too", key, cells.Quoted(value), place)), "")
}

// note tells what was decided about a row on its own.
func (l *loading[P]) note(in *input[P], line int) {
	f := l.fields
	if sign := f.amounts.assumed; sign != "" {
		l.notices.add(in.source.Name, fmt.Sprintf("the sign %s alone is taken as %s (see --currency)", sign, cells.CurrenciesOf(sign)[0]), line)
	}
	for _, field := range f.nulls {
		l.notices.add(in.source.Name, fmt.Sprintf("cells of %s are texts such as N/A, - or NULL, and are taken as text (see --null)", field), line)
	}
	if f.total {
		l.notices.add(in.source.Name, "rows that are called like a sum of the others are imported as records: remove them if they are sums", line)
	}
	if f.further > 0 {
		l.notices.add(in.source.Name, "cells name several companies: the first one is taken", line)
	}
}

// consumer loads batches and counts their rows.
type consumer[P any] struct {
	*importer
	load     bulk.Load[P]
	loads    []load[P] // that have begun, in their order
	rejected *rejects
	total    int64 // bytes
	rows     int64
	counts   *Counts
	partial  *int64
}

// load is a batch that is being loaded.
type load[P any] struct {
	*batch[P]
	wait func() ([]bulk.RowResult, error)
}

// begin begins to load a batch.
func (c *consumer[P]) begin(ctx context.Context, b *batch[P]) {
	c.loads = append(c.loads, load[P]{b, c.load(ctx, b.rows)})
}

// end waits until the batch that was begun first is loaded. Rows that were loaded count,
// even when the batch fails.
func (c *consumer[P]) end() (*batch[P], error) {
	b := c.loads[0].batch
	results, err := c.loads[0].wait()
	c.loads = slices.Delete(c.loads, 0, 1)
	for i, result := range results {
		if err := c.count(b, i, result); err != nil {
			return b, err
		}
	}
	if err == nil {
		c.counts.Read += int64(b.skipped)
		c.counts.Skipped += int64(b.skipped)
	}
	if c.rejected != nil {
		err = errors.Join(err, c.rejected.flush())
	}
	if err == nil && c.opt.Progress != nil {
		c.opt.Progress(Progress{Counts: *c.counts, Done: b.done, Total: c.total, Rows: c.rows, Part: c.opt.part, Parts: max(c.opt.parts, 1)})
	}
	return b, err
}

func (c *consumer[P]) count(b *batch[P], i int, result bulk.RowResult) error {
	c.counts.Read++
	if c.opt.preview != nil {
		c.opt.preview(previewOf(c.opt.Kind, b, i, result))
	}
	switch result.Verdict {
	case bulk.RowCreated:
		c.counts.Created++
	case bulk.RowUpdated:
		c.counts.Updated++
	case bulk.RowUnchanged:
		c.counts.Unchanged++
	case bulk.RowRejected:
		c.counts.Rejected++
		reason := b.reason(i, result)
		if len(result.Missing) > 0 {
			reason += " (use --create-missing " + listed(result.Missing, ",") + ")"
		}
		if c.opt.Rejected != nil {
			c.opt.Rejected(Rejection{File: b.source, Line: b.records[i].Line, Reason: reason})
		}
		if c.rejected != nil {
			return c.rejected.add(b.records[i], reason)
		}
		return nil
	}
	if code := b.amounts[i]; code != "" {
		c.counted[code]++
	}
	omitted := slices.Concat(b.omitted[i], result.Omitted)
	for _, o := range omitted {
		kind := fmt.Sprintf("values of %s are left out or rounded", o.Field)
		c.notices.tell(Notice{File: b.source, Text: kind + ", such as: " + b.shown(i, o).Message, Count: 1, Lines: []int{b.records[i].Line}, kind: kind})
	}
	if len(omitted) > 0 {
		*c.partial++
	}
	return nil
}
