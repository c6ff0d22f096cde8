// Package adopt copies the PostgreSQL database of an existing sixty-sales-dashboard into an
// organisation: its people, deal stages, companies, contacts, deals, activities and tasks,
// with their ids.
//
// The source is read in one read-only transaction of one snapshot and never written. Tables
// and columns may be missing; every value is read as text and parsed here. A value that is
// not valid is left out and reported; a row without a required value is rejected and reported.
//
// It can be run again: records that are already as their rows say are not written. What was
// deleted in the source remains here. Memory is bounded by the batch, not by the source.
package adopt

import (
	"context"
	"fmt"
	"slices"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// The bounds of what is held in memory.
const (
	batchRows   = 1000   // rows that are read, and written in one transaction
	maxDeferred = 10_000 // rows of a table that wait for others to give up a key
)

// Options say what is adopted and what is called meanwhile.
type Options struct {
	// From is the URL of the source. No error repeats it.
	From string
	// Problem is called for each row that was not adopted completely. Its error ends the
	// run. May be nil.
	Problem func(Problem) error
	// Progress is called after each batch of a table. May be nil.
	Progress func(Table)
}

// Problem is what was not adopted of a row.
type Problem struct {
	Table    string
	ID       string // as the source has it
	Rejected bool   // the row was not adopted; otherwise it was, in part
	Reason   string
}

// Table counts the rows of a table by their outcome.
type Table struct {
	Name      string `json:"table"`
	Missing   bool   `json:"missing"` // the source has no such table
	Read      int64  `json:"read"`
	Created   int64  `json:"created"`
	Updated   int64  `json:"updated"`
	Unchanged int64  `json:"unchanged"`
	Rejected  int64  `json:"rejected"`
	Warnings  int64  `json:"warnings"` // rows that were adopted in part
}

// Summary holds the counts of all tables, in the order of adoption.
type Summary struct {
	Tables []Table `json:"tables"`
}

// Rejected is the number of rows that were not taken.
func (s Summary) Rejected() (n int64) {
	for _, t := range s.Tables {
		n += t.Rejected
	}
	return n
}

// SourceError says that the source cannot be used, without telling its URL.
type SourceError struct{ Message string }

// Error returns the message.
func (e *SourceError) Error() string { return e.Message }

// Run adopts the source into the actor's organisation. The actor must be an admin.
// Rejected rows are no error. When it fails, the summary counts what was adopted
// nevertheless, and a run that is repeated ends in the same data. Errors:
// *SourceError, those of crm, of Options.Problem, and the context's.
func Run(ctx context.Context, service *bulk.Service, by crm.Actor, opt Options) (summary Summary, err error) {
	src, err := open(ctx, opt.From)
	if err != nil {
		return Summary{}, err
	}
	defer src.close()
	if err := src.recognise(); err != nil {
		return Summary{}, err
	}
	r := &run{ctx: ctx, source: src, service: service, by: by, opt: opt}
	for _, adoptTable := range []func() error{
		func() error { return adopt(r, profiles(), service.AdoptOwners) },
		func() error { return r.stages() },
		func() error { return adopt(r, companies(), service.AdoptCompanies) },
		func() error { return adopt(r, contacts(), service.AdoptContacts) },
		func() error { return adopt(r, deals(), service.AdoptDeals) },
		func() error { return adopt(r, dealContacts(), linksOf(service)) },
		func() error { return adopt(r, activities(), service.AdoptActivities) },
		func() error { return adopt(r, tasks(), service.AdoptTasks) },
	} {
		if err := adoptTable(); err != nil {
			return r.summary, err
		}
	}
	return r.summary, nil
}

// load adopts a batch of rows: a use case of crm.
type load[P any] func(ctx context.Context, by crm.Actor, rows []bulk.AdoptRow[P], last bool) ([]bulk.AdoptResult, error)

// run is an adoption on its way.
type run struct {
	ctx     context.Context
	source  *source
	service *bulk.Service
	by      crm.Actor
	opt     Options
	summary Summary
}

// stages adopts the deal stages; they replace the pipeline that the organisation was created
// with.
func (r *run) stages() error {
	if err := adopt(r, dealStages(), r.service.AdoptStages); err != nil {
		return err
	}
	if t := r.summary.Tables[len(r.summary.Tables)-1]; t.Read == t.Rejected {
		return nil
	}
	return r.service.RetireDefaultStages(r.ctx, r.by)
}

// parsed is a row that was read, and what was left out in reading it.
type parsed[P any] struct {
	row  bulk.AdoptRow[P]
	id   string
	left []string
}

// pass is the adoption of one table.
type pass[P any] struct {
	*run
	load     load[P]
	count    *Table
	deferred []parsed[P]
}

// adopt adopts a table.
func adopt[P any](r *run, t *table[P], load load[P]) error {
	r.summary.Tables = append(r.summary.Tables, Table{Name: t.name})
	p := &pass[P]{run: r, load: load, count: &r.summary.Tables[len(r.summary.Tables)-1]}
	types, err := r.source.columns(t.name)
	if err != nil {
		return err
	}
	if len(types) == 0 {
		p.count.Missing = true
		return nil
	}
	open, err := t.fit(types)
	if err != nil {
		return err
	}
	if err := r.source.survey(t.name, types, open); err != nil {
		return err
	}
	cursor, err := r.source.query(t.name, t.columns, t.order)
	if err != nil {
		return err
	}
	for {
		records, err := cursor.next(batchRows)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			if err := p.rest(); err != nil {
				return err
			}
			return cursor.close()
		}
		batch := make([]parsed[P], 0, len(records))
		for _, record := range records {
			p.count.Read++
			row, reason := t.parse(record)
			if reason == "" {
				batch = append(batch, row)
			} else if err := p.reject(row.id, reason); err != nil {
				return err
			}
		}
		if err := p.adopt(batch, false); err != nil {
			return err
		}
		if len(p.deferred)+batchRows > maxDeferred {
			if err := p.rest(); err != nil {
				return err
			}
		}
		if r.opt.Progress != nil {
			r.opt.Progress(*p.count)
		}
	}
}

// adopt adopts a batch; rows that are to be tried again at the end wait for it.
func (p *pass[P]) adopt(batch []parsed[P], last bool) error {
	if err := p.ctx.Err(); err != nil {
		return context.Cause(p.ctx)
	}
	rows := make([]bulk.AdoptRow[P], len(batch))
	for i := range batch {
		rows[i] = batch[i].row
	}
	results, err := p.load(p.ctx, p.by, rows, last)
	for i, result := range results {
		if result.Verdict == bulk.RowDeferred {
			p.deferred = append(p.deferred, batch[i])
		} else if err := p.record(batch[i], result); err != nil {
			return err
		}
	}
	return err
}

// rest adopts the deferred rows. Those that wait for each other are tried once more before
// they are adopted without the keys that they wait for.
func (p *pass[P]) rest() error {
	for _, last := range []bool{false, true} {
		waiting := p.deferred
		p.deferred = nil
		for batch := range slices.Chunk(waiting, batchRows) {
			if err := p.adopt(batch, last); err != nil {
				return err
			}
		}
	}
	return nil
}

// record counts the outcome of a row, and reports what was left out.
func (p *pass[P]) record(row parsed[P], result bulk.AdoptResult) error {
	switch result.Verdict {
	case bulk.RowCreated:
		p.count.Created++
	case bulk.RowUpdated:
		p.count.Updated++
	case bulk.RowUnchanged:
		p.count.Unchanged++
	default:
		return p.reject(row.id, joined(append(row.left, result.Reason)))
	}
	left := row.left
	for _, l := range result.Omitted {
		left = append(left, l.Field+" "+l.Message)
	}
	if len(left) == 0 {
		return nil
	}
	p.count.Warnings++
	return p.report(Problem{Table: p.count.Name, ID: row.id, Reason: joined(left)})
}

func (p *pass[P]) reject(id, reason string) error {
	p.count.Rejected++
	return p.report(Problem{Table: p.count.Name, ID: id, Rejected: true, Reason: reason})
}

func (p *pass[P]) report(problem Problem) error {
	if p.opt.Problem == nil {
		return nil
	}
	if err := p.opt.Problem(problem); err != nil {
		return fmt.Errorf("report a row: %w", err)
	}
	return nil
}
