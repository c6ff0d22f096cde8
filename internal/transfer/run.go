package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/transfer/csvio"
)

// A batch is one transaction. It is bounded in rows and, since a record may be as
// long as csvio takes it, in bytes.
const (
	batchRows  = 2000
	batchBytes = 4 << 20
)

// How many batches there are at a time: one is read while two are loaded.
const (
	loading = 2
	batches = loading + 1
)

// batch is a range of a file's records, as they were and as they were parsed.
type batch[P any] struct {
	source  string
	records []csvio.Record
	rows    []bulk.ImportRow[P]
	bytes   int
	done    int64 // bytes of the sources that are read when this is loaded
}

func (b *batch[P]) reset(source string) {
	clear(b.records)
	clear(b.rows)
	b.source, b.records, b.rows, b.bytes = source, b.records[:0], b.rows[:0], 0
}

func (b *batch[P]) full() bool { return len(b.rows) == batchRows || b.bytes >= batchBytes }

func (b *batch[P]) add(record csvio.Record, row bulk.ImportRow[P]) {
	b.records = append(b.records, record)
	b.rows = append(b.rows, row)
	b.bytes += len(record.Raw)
}

// run imports the sources with a use case.
func run[P any](
	ctx context.Context, by crm.Actor, opt Options, importing bulk.ImportOptions, sources []Source, fields *fields[P],
	use func(context.Context, crm.Actor, bulk.ImportOptions, func(bulk.Load[P]) error) (bulk.Report, error),
) (summary Summary, err error) {
	fields.byID = opt.Key == string(crm.KeyID)
	all, err := prepareAll(ctx, opt, sources, fields)
	defer all.close()
	if err != nil {
		return Summary{}, err
	}
	rejected, err := newRejects(opt.Errors, all)
	if err != nil {
		return Summary{}, err
	}
	if rejected != nil {
		defer func() { err = errors.Join(err, rejected.close()) }()
	}
	all.notices(opt.Kind, opt.Notice)
	importing.Keys = []crm.Key{all.key}
	_, err = use(ctx, by, importing, func(load bulk.Load[P]) error {
		summary = Summary{}
		if rejected != nil {
			if err := rejected.restart(separator(all.list[0].reader)); err != nil {
				return err
			}
		}
		c := &consumer[P]{opt: opt, load: load, rejected: rejected, total: all.total, summary: &summary}
		return pump(ctx, all, fields, c)
	})
	return summary, err
}

// pump reads the inputs in a goroutine of its own and passes their batches to c.
// It returns when both have ended.
func pump[P any](ctx context.Context, all *inputs[P], fields *fields[P], c *consumer[P]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	empty, full := make(chan *batch[P], batches), make(chan *batch[P])
	for range batches {
		empty <- &batch[P]{}
	}
	var readErr error // of the goroutine, until it closes full
	go func() {
		defer close(full)
		readErr = readAll(ctx, all, fields, empty, full)
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
		if loadErr != nil || len(b.rows) == 0 {
			empty <- b
			continue
		}
		c.begin(ctx, b)
		if len(c.loads) == loading {
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
func readAll[P any](ctx context.Context, all *inputs[P], fields *fields[P], empty <-chan *batch[P], full chan<- *batch[P]) error {
	var before int64
	for _, in := range all.list {
		if err := in.open(ctx); err != nil {
			return err
		}
		source := in.closer
		stop := context.AfterFunc(ctx, func() { _ = source.Close() })
		err := readInput(ctx, in, fields, before, empty, full)
		if stop() {
			err = errors.Join(err, in.close())
		} else {
			in.closer = nil
		}
		if err != nil {
			return err
		}
		before += in.reader.Offset()
	}
	return nil
}

func readInput[P any](
	ctx context.Context, in *input[P], fields *fields[P], before int64, empty <-chan *batch[P], full chan<- *batch[P],
) error {
	for more := true; more; {
		var b *batch[P]
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case b = <-empty:
		}
		b.reset(in.source.Name)
		for more && !b.full() {
			record, err := in.reader.Read()
			switch {
			case errors.Is(err, io.EOF):
				more = false
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err != nil:
				return fmt.Errorf("%s: %w", in.source.Name, err)
			case record.Err != nil:
				b.add(record, fields.refuse("the record "+record.Err.Error()))
			default:
				b.add(record, fields.parse(in.mapping, record.Fields))
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

// consumer loads batches and counts their rows.
type consumer[P any] struct {
	opt      Options
	load     bulk.Load[P]
	loads    []load[P] // that have begun, in their order
	rejected *rejects
	total    int64
	summary  *Summary
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
	if c.rejected != nil {
		err = errors.Join(err, c.rejected.flush())
	}
	if err == nil && c.opt.Progress != nil {
		c.opt.Progress(Progress{Summary: *c.summary, Done: b.done, Total: c.total})
	}
	return b, err
}

func (c *consumer[P]) count(b *batch[P], i int, result bulk.RowResult) error {
	c.summary.Read++
	switch result.Verdict {
	case bulk.RowCreated:
		c.summary.Created++
	case bulk.RowUpdated:
		c.summary.Updated++
	case bulk.RowUnchanged:
		c.summary.Unchanged++
	case bulk.RowRejected:
		c.summary.Rejected++
		reason := result.Reason
		if len(result.Missing) > 0 {
			reason += " (use --create-missing " + listed(result.Missing, ",") + ")"
		}
		if c.opt.Rejected != nil {
			c.opt.Rejected(Rejection{File: b.source, Line: b.records[i].Line, Reason: reason})
		}
		if c.rejected != nil {
			return c.rejected.add(b.records[i], reason)
		}
	}
	return nil
}
