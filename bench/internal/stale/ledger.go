// Package stale judges whether answers are stale. It writes to things through the API,
// knows when each write was acknowledged, and holds every later answer against that:
// what was acknowledged before a request was sent, or something later, must show in
// its answer.
//
// Every version of a thing bears a mark in its name, "~17v42~" for version 42 of thing
// 17, so that it is recognised wherever it shows: in lists, in what is joined, in
// search results. Sums are held between the least and the greatest that they can be.
package stale

import (
	"slices"
	"sync"
)

// Kind is a kind of things.
type Kind string

// The kinds that are written to.
const (
	Company Kind = "company"
	Contact Kind = "contact"
	Deal    Kind = "deal"
)

// State is what a version of a thing says. The zero State is that of a thing which
// does not exist.
type State struct {
	There   bool
	Value   int64  // of a deal, in whole units of money
	Owner   string // id
	Stage   string // id
	Company string // id
	Contact string // id
}

// Thing is a thing in the ledger.
type Thing int

// thing is what is known of one.
type thing struct {
	kind Kind
	// states are the versions that were ever sent, from version 0 on, before which
	// the thing does not exist.
	states []State
	// acked is the latest version that was acknowledged. Those after it are in doubt:
	// they may have taken place or not.
	acked int
}

// Ledger knows what was written to each thing, and what of it was acknowledged. Each
// thing is to be written to by one writer at a time. It is safe for concurrent use.
type Ledger struct {
	mu     sync.RWMutex
	things []thing
}

// Floors are the versions of all things that were acknowledged at one moment, by
// thing; what came later was at version 0.
type Floors []int

func (f Floors) of(t Thing) int {
	if int(t) < len(f) {
		return f[t]
	}
	return 0
}

// Enter enters a thing that does not exist yet.
func (l *Ledger) Enter(kind Kind) Thing {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.things = append(l.things, thing{kind: kind, states: []State{{}}})
	return Thing(len(l.things) - 1)
}

// Propose enters what is about to be written, and gives its version.
func (l *Ledger) Propose(t Thing, s State) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	th := &l.things[t]
	th.states = append(th.states, s)
	return len(th.states) - 1
}

// Acknowledge notes that a version was acknowledged.
func (l *Ledger) Acknowledge(t Thing, version int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.things[t].acked = max(l.things[t].acked, version)
}

// Floors gives what is acknowledged now.
func (l *Ledger) Floors() Floors {
	l.mu.RLock()
	defer l.mu.RUnlock()
	f := make(Floors, len(l.things))
	for i := range l.things {
		f[i] = l.things[i].acked
	}
	return f
}

// possible gives the states that an answer may show now to a request that was sent
// when the floors were as given: the one that was acknowledged then, and all later.
func (l *Ledger) possible(t Thing, floors Floors) []State {
	return l.things[t].states[floors.of(t):]
}

// bounds gives the least and the greatest that a sum over things of a kind can be.
func (l *Ledger) bounds(floors Floors, kind Kind, of func(State) int64) (least, most int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for i := range l.things {
		if l.things[i].kind != kind {
			continue
		}
		var amounts []int64
		for _, s := range l.possible(Thing(i), floors) {
			amount := int64(0)
			if s.There {
				amount = of(s)
			}
			amounts = append(amounts, amount)
		}
		least += slices.Min(amounts)
		most += slices.Max(amounts)
	}
	return least, most
}
