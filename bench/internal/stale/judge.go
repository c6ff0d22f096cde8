package stale

import (
	"bytes"
	"fmt"
	"strconv"
)

// Mark is the text by which a version of a thing is recognised.
func Mark(t Thing, version int) string { return fmt.Sprintf("~%dv%d~", t, version) }

// sighting is a mark in an answer.
type sighting struct {
	thing   Thing
	version int
}

// sightings finds the marks in a text.
func sightings(body []byte) []sighting {
	var found []sighting
	for {
		at := bytes.IndexByte(body, '~')
		if at < 0 {
			return found
		}
		body = body[at+1:]
		end := bytes.IndexByte(body, '~')
		if end < 0 {
			return found
		}
		t, version, ok := bytes.Cut(body[:end], []byte("v"))
		n, err := strconv.Atoi(string(t))
		v, err2 := strconv.Atoi(string(version))
		if ok && err == nil && err2 == nil {
			found = append(found, sighting{Thing(n), v})
			body = body[end+1:]
		}
	}
}

// Scope is the things that a list is to hold, whole: those of a kind whose state fits.
type Scope struct {
	Kind Kind
	Fits func(State) bool
}

// Sum is a number that an answer tells about things of a kind.
type Sum struct {
	What string
	Got  int64
	Kind Kind
	Of   func(State) int64
}

// JudgeMarks tells what is stale, or was never so, in a body that was asked for when
// the floors were as given.
func (l *Ledger) JudgeMarks(floors Floors, body []byte) []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var found []string
	for _, s := range sightings(body) {
		if wrong := l.judge(floors, s); wrong != "" {
			found = append(found, wrong)
		}
	}
	return found
}

func (l *Ledger) judge(floors Floors, s sighting) string {
	if s.thing < 0 || int(s.thing) >= len(l.things) {
		return fmt.Sprintf("thing %d does not exist", s.thing)
	}
	th := &l.things[s.thing]
	switch floor := floors.of(s.thing); {
	case s.version < floor:
		return fmt.Sprintf("%s %d at version %d, when %d was acknowledged", th.kind, s.thing, s.version, floor)
	case s.version >= len(th.states):
		return fmt.Sprintf("%s %d at version %d, which was never written", th.kind, s.thing, s.version)
	case !th.states[s.version].There:
		return fmt.Sprintf("%s %d at version %d, which removed it", th.kind, s.thing, s.version)
	}
	return ""
}

// JudgeNames tells which of the things that show by their id do so under a name from
// before they were first written to. It is for things that bore no mark at first.
func (l *Ledger) JudgeNames(floors Floors, body []byte, things map[string]Thing) []string {
	marked := map[Thing]bool{}
	for _, s := range sightings(body) {
		marked[s.thing] = true
	}
	var found []string
	const member = `"id":"`
	const length = len("00000000-0000-0000-0000-000000000000")
	for {
		at := bytes.Index(body, []byte(member))
		if at < 0 || len(body) < at+len(member)+length {
			return found
		}
		body = body[at+len(member):]
		t, ok := things[string(body[:length])]
		if ok && floors.of(t) > 0 && !marked[t] {
			found = append(found, fmt.Sprintf("thing %d under its first name, when version %d was acknowledged", t, floors.of(t)))
		}
	}
}

// JudgeScope tells what is missing in a list that is to hold a scope, and what is in it
// and should not be.
func (l *Ledger) JudgeScope(floors Floors, body []byte, scope Scope) []string {
	seen := map[Thing]int{}
	for _, s := range sightings(body) {
		seen[s.thing] = s.version
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	var found []string
	for i := range l.things {
		th, t := &l.things[i], Thing(i)
		if th.kind != scope.Kind {
			continue
		}
		version, shown := seen[t]
		if shown && version < len(th.states) && !scope.Fits(th.states[version]) {
			found = append(found, fmt.Sprintf("%s %d at version %d, which does not belong", th.kind, t, version))
		}
		if !shown && l.always(t, floors, scope) {
			found = append(found, fmt.Sprintf("without %s %d, of which version %d was acknowledged", th.kind, t, floors.of(t)))
		}
	}
	return found
}

// always tells whether a thing is in the scope in every state that is possible.
func (l *Ledger) always(t Thing, floors Floors, scope Scope) bool {
	for _, s := range l.possible(t, floors) {
		if !s.There || !scope.Fits(s) {
			return false
		}
	}
	return true
}

// JudgeSum tells whether a sum cannot be.
func (l *Ledger) JudgeSum(floors Floors, s Sum) []string {
	least, most := l.bounds(floors, s.Kind, s.Of)
	if s.Got < least || s.Got > most {
		return []string{fmt.Sprintf("%s is %d, which can be %d to %d", s.What, s.Got, least, most)}
	}
	return nil
}

// JudgeAbsence tells whether a thing that was not found must be there.
func (l *Ledger) JudgeAbsence(floors Floors, t Thing) []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	anything := Scope{l.things[t].kind, func(State) bool { return true }}
	if l.always(t, floors, anything) {
		return []string{fmt.Sprintf("%s %d is not found, of which version %d was acknowledged", anything.Kind, t, floors.of(t))}
	}
	return nil
}
