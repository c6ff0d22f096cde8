package stale

import (
	"bytes"
	"fmt"
	"strconv"
)

// Mark returns the mark of a version of a record.
func Mark(t Thing, version int) string { return fmt.Sprintf("~%dv%d~", t, version) }

// sighting is a mark in a response.
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

// Scope describes the records that a list must contain completely.
type Scope struct {
	Kind Kind
	Fits func(State) bool
}

// Sum is a number in a response about records of a kind.
type Sum struct {
	What string
	Got  int64
	Kind Kind
	Of   func(State) int64
}

// JudgeMarks returns the stale or invalid marks in a response, given the floors at the time of
// the request.
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
		return fmt.Sprintf("record %d does not exist", s.thing)
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

// JudgeNames returns the records whose id appears with their name from before the first write.
// It is for records that had no mark at first.
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
			found = append(found, fmt.Sprintf("record %d with its first name, when version %d was acknowledged", t, floors.of(t)))
		}
	}
}

// JudgeScope returns what is missing in a list with a scope, and what should not be in it.
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

// always reports whether a record is in the scope in every possible state.
func (l *Ledger) always(t Thing, floors Floors, scope Scope) bool {
	for _, s := range l.possible(t, floors) {
		if !s.There || !scope.Fits(s) {
			return false
		}
	}
	return true
}

// JudgeSum returns a problem if a sum is impossible.
func (l *Ledger) JudgeSum(floors Floors, s Sum) []string {
	least, most := l.bounds(floors, s.Kind, s.Of)
	if s.Got < least || s.Got > most {
		return []string{fmt.Sprintf("%s is %d, which can be %d to %d", s.What, s.Got, least, most)}
	}
	return nil
}

// JudgeAbsence returns a problem if a record that was not found must exist.
func (l *Ledger) JudgeAbsence(floors Floors, t Thing) []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	anything := Scope{l.things[t].kind, func(State) bool { return true }}
	if l.always(t, floors, anything) {
		return []string{fmt.Sprintf("%s %d is not found, of which version %d was acknowledged", anything.Kind, t, floors.of(t))}
	}
	return nil
}
