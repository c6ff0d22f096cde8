// Package stale checks whether responses are stale. It writes records through the API, knows
// when each write was acknowledged, and checks every later response: it must show what was
// acknowledged before the request was sent, or a later write.
//
// Every version of a record has a mark in its name, "~17v42~" for version 42 of record 17, so
// that it is recognised in lists, joined records and search results. Sums must be between the
// least and the greatest possible value.
package stale

import (
	"slices"
	"sync"
)

// Kind is a type of records.
type Kind string

// The kinds that are written.
const (
	Company Kind = "company"
	Contact Kind = "contact"
	Deal    Kind = "deal"
)

// State is the content of a version of a record. The zero State means that it does not exist.
type State struct {
	There   bool
	Value   int64  // of a deal, in whole units of money
	Owner   string // id
	Stage   string // id
	Company string // id
	Contact string // id
}

// Thing is the index of a record in the ledger.
type Thing int

// thing is what is known of a record.
type thing struct {
	kind Kind
	// states are all versions that were sent; at version 0, the record does not exist.
	states []State
	// acked is the latest acknowledged version. The outcome of those after it is unknown.
	acked int
}

// Ledger records all writes and their acknowledgements. Each record must have one writer at a
// time. It is safe for concurrent use.
type Ledger struct {
	mu     sync.RWMutex
	things []thing
}

// Floors are the acknowledged versions of all records at one moment; later records are at
// version 0.
type Floors []int

func (f Floors) of(t Thing) int {
	if int(t) < len(f) {
		return f[t]
	}
	return 0
}

// Enter adds a record that does not exist yet.
func (l *Ledger) Enter(kind Kind) Thing {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.things = append(l.things, thing{kind: kind, states: []State{{}}})
	return Thing(len(l.things) - 1)
}

// Propose adds a version that is about to be written, and returns its number.
func (l *Ledger) Propose(t Thing, s State) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	th := &l.things[t]
	th.states = append(th.states, s)
	return len(th.states) - 1
}

// Acknowledge records the acknowledgement of a version.
func (l *Ledger) Acknowledge(t Thing, version int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.things[t].acked = max(l.things[t].acked, version)
}

// Floors returns the versions acknowledged now.
func (l *Ledger) Floors() Floors {
	l.mu.RLock()
	defer l.mu.RUnlock()
	f := make(Floors, len(l.things))
	for i := range l.things {
		f[i] = l.things[i].acked
	}
	return f
}

// possible returns the states that a response may show now, given the floors at the time of the
// request: the one acknowledged then, and all later ones.
func (l *Ledger) possible(t Thing, floors Floors) []State {
	return l.things[t].states[floors.of(t):]
}

// bounds returns the least and the greatest possible sum over records of a kind.
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
