package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"time"
)

const (
	repeatBound = 15 * time.Second // how long a failed write is repeated
	groupWrites = 120              // writes of one group, then the next is begun
	groupDeals  = 12               // records of one kind in a group at a time
)

// writer writes groups, one after the other.
type writer struct {
	b     *bed
	c     *client
	org   *organisation
	keyed bool // it sends an Idempotency-Key; if not, it repeats as the front end does
	pause time.Duration
	g     *group
	n     int64 // the last value
}

// run writes until the scenario stops. A write that has begun is brought to its end.
func (w *writer) run(ctx context.Context) {
	for !w.b.stopping() && ctx.Err() == nil {
		if w.g == nil || w.g.over() {
			w.next(ctx)
		} else {
			w.step(ctx)
		}
		time.Sleep(w.pause)
	}
}

// over reports whether a group is not to be written any more.
func (g *group) over() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.retired = g.retired || len(g.ops) >= groupWrites
	return g.retired
}

// next begins a group.
func (w *writer) next(ctx context.Context) {
	w.n = 0
	w.g = w.b.book.open(w.org, w.org.take())
	w.create(ctx, company, w.g.tag)
}

// step makes one write, chosen at random.
func (w *writer) step(ctx context.Context) {
	s := w.g.now()
	if _, there := s[w.g.tag]; !there {
		w.g.retire()
		return
	}
	k := []kind{deal, deal, deal, contact, activity}[mathrand.IntN(5)]
	var keys []string
	for key := range s.of(k) {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	switch chance := mathrand.IntN(100); {
	case len(keys) < 2 || chance < 35 && len(keys) < groupDeals:
		w.create(ctx, k, fmt.Sprintf("%s%c%d", w.g.tag, k[0], w.n+1))
	case chance < 50:
		w.remove(ctx, s[keys[mathrand.IntN(len(keys))]])
	case chance < 55:
		w.change(ctx, s[w.g.tag])
	default:
		w.change(ctx, s[keys[mathrand.IntN(len(keys))]])
	}
}

// paths are the collections of the kinds.
var paths = map[kind]string{company: "/api/companies", contact: "/api/contacts", deal: "/api/deals", activity: "/api/activities"}

// members are those in which a record's value is kept.
func members(r record) map[string]any {
	text := fmt.Sprint("v", r.value)
	switch r.kind {
	case company:
		return map[string]any{"description": text}
	case contact:
		return map[string]any{"title": text}
	case deal:
		return map[string]any{"value": r.value}
	default:
		return map[string]any{"amount": r.value}
	}
}

func (w *writer) create(ctx context.Context, k kind, key string) {
	w.n++
	o := &op{record: record{kind: k, key: key, value: w.n}, keyed: w.keyed}
	body := members(o.record)
	if k != company {
		body["company_id"] = w.g.id(w.g.tag)
	}
	switch k {
	case contact:
		body["first_name"], body["last_name"] = "Drill", key
	case activity:
		body["type"], body["status"], body["description"] = "call", "completed", key
	default:
		body["name"] = key
	}
	w.write(ctx, o, http.MethodPost, paths[k], body)
}

func (w *writer) change(ctx context.Context, r record) {
	w.n++
	r.value = w.n
	w.write(ctx, &op{record: r, keyed: w.keyed}, http.MethodPatch, paths[r.kind]+"/"+w.g.id(r.key), members(r))
}

func (w *writer) remove(ctx context.Context, r record) {
	w.write(ctx, &op{record: r, removes: true, keyed: w.keyed}, http.MethodDelete, paths[r.kind]+"/"+w.g.id(r.key), nil)
}

// write sends a write, repeats it while it fails, and notes what came of it.
func (w *writer) write(ctx context.Context, o *op, method, path string, body map[string]any) {
	g := w.g
	header := map[string]string{}
	if w.keyed {
		header["Idempotency-Key"] = rand.Text()
	}
	var sent any
	if body != nil {
		sent = body
	}
	g.begin(o)
	limit := o.began.Add(repeatBound)
	wait := 100 * time.Millisecond
	uncertain := false
	for try := 0; ; try++ {
		a := w.c.send(ctx, method, path, g.who.key, sent, header)
		gone := o.removes && try > 0 && a.status == http.StatusNotFound
		if a.ok() || gone {
			w.acknowledged(o, a, uncertain)
			return
		}
		if a.open() {
			uncertain = true
			if w.b.tally.cutting(span{a.began, a.ended}) {
				g.cut(o)
			}
		}
		busy := w.keyed && a.status == http.StatusConflict && a.header.Get("Retry-After") != ""
		if a.status != 0 && a.status < 500 && !busy {
			g.retire()
			w.refused(o, a, method, path)
			return
		}
		if time.Now().After(limit) || ctx.Err() != nil {
			g.retire()
			return
		}
		time.Sleep(wait)
		wait = min(2*wait, time.Second)
	}
}

// cut notes that an instance was killed while it had this write.
func (g *group) cut(o *op) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o.cut = true
	g.blurred = g.blurred || !o.keyed
}

// acknowledged notes the success of a write. After an attempt whose outcome is open, that
// attempt could still change the record later: the group is left as it is.
func (w *writer) acknowledged(o *op, a *answer, uncertain bool) {
	var envelope struct {
		Data struct{ ID string }
	}
	_ = json.Unmarshal(a.body, &envelope)
	via := a.header.Get(proxyServer)
	if via == "" {
		via = w.c.instance
	}
	certain := w.g.acknowledge(o, envelope.Data.ID, a.header.Get("Sixty-Consistency"), via)
	known := w.g.id(o.key) != ""
	if !certain || !known || uncertain && (o.removes || o.value > 0 && a.status == http.StatusOK) {
		w.g.retire()
	}
}

// refused judges an answer that blames the client: after a failover the record may not exist
// any more; otherwise it was lost.
func (w *writer) refused(o *op, a *answer, method, path string) {
	if !w.b.book.judging(o.began) || a.status == 0 {
		return
	}
	if a.status == http.StatusNotFound {
		w.b.tally.judged(lost, func() string { return fmt.Sprintf("%s %s of %s: %s", method, path, o.key, a.body) })
		return
	}
	w.b.tally.fault(fmt.Sprintf("refused with %d", a.status), "%s %s: %s", method, path, a.body)
}
