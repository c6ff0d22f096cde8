package server

import (
	"container/list"

	"sixty/internal/crm"
)

// A fairQueue is a bounded queue that serves organisations in turn, and each of them in the
// order of arrival: one with many requests does not delay the others. It is not safe for
// concurrent use.
type fairQueue struct {
	bound int
	count int
	lines map[crm.ID]*line
	turns list.List // of *line: those with waiters, in the order of their turns
}

// A line is the waiters of one organisation.
type line struct {
	org     crm.ID
	waiters list.List // of *waiter
	turn    *list.Element
}

// A waiter waits for a slot.
type waiter struct {
	line  *line
	place *list.Element // nil once it has left the queue
	// result receives nil with a slot, or an error when another waiter takes its place.
	result chan error
}

func newFairQueue(bound int) fairQueue {
	return fairQueue{bound: bound, lines: map[crm.ID]*line{}}
}

// push adds a waiter. In a full queue it takes the place of the last waiter of the longest
// line, which is returned, unless its own line would become as long; then added is nil.
func (q *fairQueue) push(org crm.ID) (added, displaced *waiter) {
	if q.count >= q.bound {
		longest, own := q.longest(), 0
		if l := q.lines[org]; l != nil {
			own = l.waiters.Len()
		}
		if longest == nil || own+1 >= longest.waiters.Len() {
			return nil, nil
		}
		displaced = longest.waiters.Back().Value.(*waiter)
		q.remove(displaced)
	}
	l := q.lines[org]
	if l == nil {
		l = &line{org: org}
		l.turn = q.turns.PushBack(l)
		q.lines[org] = l
	}
	added = &waiter{line: l, result: make(chan error, 1)}
	added.place = l.waiters.PushBack(added)
	q.count++
	return added, displaced
}

// pop removes the waiter whose turn it is; nil if there is none.
func (q *fairQueue) pop() *waiter {
	next := q.turns.Front()
	if next == nil {
		return nil
	}
	w := next.Value.(*line).waiters.Front().Value.(*waiter)
	q.turns.MoveToBack(next)
	q.remove(w)
	return w
}

// remove removes a waiter, and returns false if it is in the queue no more.
func (q *fairQueue) remove(w *waiter) bool {
	if w.place == nil {
		return false
	}
	w.line.waiters.Remove(w.place)
	w.place = nil
	q.count--
	if w.line.waiters.Len() == 0 {
		q.turns.Remove(w.line.turn)
		delete(q.lines, w.line.org)
	}
	return true
}

func (q *fairQueue) longest() (longest *line) {
	for e := q.turns.Front(); e != nil; e = e.Next() {
		if l := e.Value.(*line); longest == nil || l.waiters.Len() > longest.waiters.Len() {
			longest = l
		}
	}
	return longest
}
