package stale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"sixty/bench/internal/load"
)

// The numbers of records of each writer.
const (
	companiesEach = 2
	contactsEach  = 3
	dealsEach     = 8
)

// retryPause is how long a writer waits before it repeats a failed request.
const retryPause = 20 * time.Millisecond

// A Writer writes its own records, one write after the other.
type Writer struct {
	c         *Checker
	random    *rand.Rand
	companies []*owned
	contacts  []*owned
	deals     []*owned
}

// owned is a record of a writer, and its latest state.
type owned struct {
	kind  Kind
	thing Thing
	id    string
	state State
}

// collection returns the path of a kind.
func (k Kind) collection() string {
	if k == Company {
		return "/api/companies"
	}
	return "/api/" + string(k) + "s"
}

// body formats a state of a record.
func (k Kind) body(t Thing, version int, s State) []byte {
	m := map[string]any{}
	switch k {
	case Company:
		m["name"], m["owner_id"] = "Company "+Mark(t, version), s.Owner
	case Contact:
		m["first_name"], m["last_name"] = "Contact", Mark(t, version)
		m["company_id"], m["owner_id"] = s.Company, s.Owner
	case Deal:
		// Otherwise the deal's first name would remain its label.
		m["name"], m["company"], m["value"] = "Deal "+Mark(t, version), "label", s.Value
		m["company_id"], m["primary_contact_id"] = s.Company, s.Contact
		m["owner_id"], m["stage_id"] = s.Owner, s.Stage
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // never fails
	}
	return text
}

// prepare creates the writer's records.
func (w *Writer) prepare(ctx context.Context) error {
	for range companiesEach {
		if err := w.must(ctx, Company, State{Owner: w.owner()}, &w.companies); err != nil {
			return err
		}
	}
	for range contactsEach {
		if err := w.must(ctx, Contact, State{Owner: w.owner(), Company: pick(w.random, w.companies).id}, &w.contacts); err != nil {
			return err
		}
	}
	for range dealsEach {
		if err := w.must(ctx, Deal, w.newDeal(), &w.deals); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) must(ctx context.Context, kind Kind, s State, among *[]*owned) error {
	made := w.create(ctx, kind, s)
	if made == nil {
		return fmt.Errorf("making a %s: %w", kind, errors.Join(ctx.Err(), errors.New(w.c.tally.String())))
	}
	*among = append(*among, made)
	return nil
}

func (w *Writer) owner() string { return pick(w.random, w.c.owners) }

func (w *Writer) newDeal() State {
	return State{
		Owner: w.owner(), Stage: pick(w.random, w.c.stages),
		Company: pick(w.random, w.companies).id, Contact: pick(w.random, w.contacts).id,
	}
}

func (w *Writer) run(ctx context.Context) {
	for {
		// Up to twice the average, so that there are bursts.
		if !pause(ctx, time.Duration(w.random.Int64N(int64(2*w.c.options.WriteEvery)))) {
			return
		}
		w.write(ctx)
	}
}

// write makes one change.
func (w *Writer) write(ctx context.Context) {
	switch n := w.random.IntN(100); {
	case n < 12:
		w.change(ctx, &w.companies, func(s *State) { s.Owner = w.owner() })
	case n < 30:
		w.change(ctx, &w.contacts, func(s *State) { s.Owner = w.owner() })
	case n < 38:
		w.remove(ctx)
	case n < 50 && len(w.deals) < 2*dealsEach, len(w.deals) == 0:
		if made := w.create(ctx, Deal, w.newDeal()); made != nil {
			w.deals = append(w.deals, made)
		}
	case n < 65:
		w.change(ctx, &w.deals, func(s *State) { s.Owner, s.Company = w.owner(), pick(w.random, w.companies).id })
	case n < 75:
		w.change(ctx, &w.deals, func(s *State) { s.Stage = pick(w.random, w.c.stages) })
	default:
		w.change(ctx, &w.deals, func(*State) {})
	}
}

// create creates a record; nil if the outcome is unknown.
func (w *Writer) create(ctx context.Context, kind Kind, s State) *owned {
	s.There, s.Value = true, 1
	o := &owned{kind: kind, thing: w.c.ledger.Enter(kind), state: s}
	version := w.c.ledger.Propose(o.thing, s)
	a, ok := w.commit(ctx, http.MethodPost, kind.collection(), o.thing, version, kind.body(o.thing, version, s))
	if !ok {
		return nil
	}
	var made struct{ Data struct{ ID string } }
	if err := json.Unmarshal(a.Body, &made); err != nil {
		w.c.tally.note(func(r *Report) { r.Failed++; r.example(fmt.Sprintf("making a %s: %v", kind, err)) })
		return nil
	}
	o.id = made.Data.ID
	w.c.learn(kind, known{o.thing, o.id})
	return o
}

// change writes the next version of one of the records. A record with an unknown outcome is not
// written again.
func (w *Writer) change(ctx context.Context, among *[]*owned, change func(*State)) {
	if len(*among) == 0 {
		return
	}
	i := w.random.IntN(len(*among))
	o := (*among)[i]
	next := o.state
	next.Value++
	change(&next)
	version := w.c.ledger.Propose(o.thing, next)
	if _, ok := w.commit(ctx, http.MethodPatch, o.kind.collection()+"/"+o.id, o.thing, version, o.kind.body(o.thing, version, next)); !ok {
		*among = append((*among)[:i], (*among)[i+1:]...)
		return
	}
	o.state = next
}

// remove deletes one of the deals.
func (w *Writer) remove(ctx context.Context) {
	if len(w.deals) == 0 {
		return
	}
	i := w.random.IntN(len(w.deals))
	o := w.deals[i]
	w.deals = append(w.deals[:i], w.deals[i+1:]...)
	version := w.c.ledger.Propose(o.thing, State{})
	w.commit(ctx, http.MethodDelete, o.kind.collection()+"/"+o.id, o.thing, version, nil)
}

// commit sends a write until it is acknowledged, and records that. Failed writes are repeated
// through any instance, except those that could create a second record, and those that timed
// out, which may still be committed after a later write.
func (w *Writer) commit(ctx context.Context, method, path string, t Thing, version int, body []byte) (load.Reply, bool) {
	for attempt := 0; ; attempt++ {
		addr := pick(w.random, w.c.options.Instances)
		covers := w.c.ledger.Floors()
		sent := time.Now()
		a, err := w.c.client.do(ctx, addr, method, path, body)
		if ctx.Err() != nil {
			return a, false
		}
		removed := method == http.MethodDelete && attempt > 0 && a.Status == http.StatusNotFound
		if err == nil && (a.Status/100 == 2 || removed) {
			w.c.acknowledged(t, version, covers, a.Header.Get(TokenHeader), attempt)
			if !removed && w.c.lacksToken(a) {
				w.c.tally.note(func(r *Report) { r.Failed++; r.example(method + " " + path + " at " + addr + ": no token was given") })
			}
			return a, true
		}
		w.c.failed(addr, method, path, sent, a, err)
		var timeout net.Error
		if method == http.MethodPost || (err == nil && a.Status < 500) || (errors.As(err, &timeout) && timeout.Timeout()) || !pause(ctx, retryPause) {
			return a, false
		}
	}
}

// acknowledged records a write, and publishes the token that was returned for it.
func (c *Checker) acknowledged(t Thing, version int, covers Floors, token string, attempts int) {
	c.ledger.Acknowledge(t, version)
	if token != "" {
		for len(covers) <= int(t) {
			covers = append(covers, 0)
		}
		covers[t] = max(covers[t], version)
		c.grant.Store(&grant{token, covers})
	}
	c.tally.note(func(r *Report) { r.Writes++; r.Resent += attempts })
}

// lacksToken reports whether a write returned no token although it should.
func (c *Checker) lacksToken(a load.Reply) bool {
	return c.options.Tokens && a.Header.Get(TokenHeader) == "" && c.grant.Load().token != ""
}

// failed counts a failure.
func (c *Checker) failed(addr, method, path string, sent time.Time, a load.Reply, err error) {
	excused := (err != nil || a.Status >= 500) && c.excused(addr, sent, err)
	c.tally.note(func(r *Report) {
		if excused {
			r.Excused++
			return
		}
		r.Failed++
		r.example(fmt.Sprintf("%s %s at %s: status %d, error %v: %.300s", method, path, addr, a.Status, err, a.Body))
	})
}

// pause waits; false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
