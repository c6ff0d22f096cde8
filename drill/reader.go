package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reader reads what the writers write, at random, and has each read judged.
type reader struct {
	b      *bed
	c      *client
	tokens bool // its reads carry consistency tokens
	pause  time.Duration
	known  map[string]remembered
}

// remembered is an earlier answer, for conditional requests.
type remembered struct {
	etag string
	body []byte
}

func (r *reader) run(ctx context.Context) {
	r.known = map[string]remembered{}
	for !r.b.stopping() && ctx.Err() == nil {
		if g := r.choose(); g != nil {
			r.read(ctx, g, rand.IntN(readings))
		}
		time.Sleep(r.pause)
	}
}

// choose picks a group: mostly one of the latest, or one that lost writes in a failover.
func (r *reader) choose() *group {
	groups := slices.DeleteFunc(r.b.book.all(), func(g *group) bool { return g.sleeper && r.b.asleep.Load() })
	if len(groups) == 0 {
		return nil
	}
	if rand.IntN(3) == 0 {
		if void := slices.DeleteFunc(slices.Clone(groups), func(g *group) bool { return !g.hasVoid() }); len(void) > 0 {
			return void[rand.IntN(len(void))]
		}
	}
	const latest = 8
	if rand.IntN(3) > 0 {
		groups = groups[max(0, len(groups)-latest):]
	}
	return groups[rand.IntN(len(groups))]
}

func (g *group) hasVoid() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.void) > 0
}

// readings is the number of kinds of reads; some make a choice at random.
const readings = 9

// read makes one read of a group and judges it.
func (r *reader) read(ctx context.Context, g *group, which int) {
	at := g.id(g.tag)
	if at == "" {
		return
	}
	if _, there := g.now()[g.tag]; !there {
		which = 0 // the company itself is void
	}
	switch which {
	case 0, 1, 2:
		key := g.anyKey()
		k := kindOf(g, key)
		r.judge(ctx, g, paths[k]+"/"+g.id(key), func(body []byte, missing bool) (observation, error) {
			if missing {
				return one{key: key}, nil
			}
			row, err := parseOne(body, k)
			return one{key: key, shown: []record{row}}, err
		})
	case 3:
		r.list(ctx, g, deal, "/api/deals?limit=200&companyId="+at)
	case 4:
		r.list(ctx, g, contact, "/api/contacts?limit=200&companyId="+at)
	case 5:
		r.list(ctx, g, activity, "/api/activities?limit=200&companyId="+at)
	case 6:
		r.judge(ctx, g, "/api/deals?limit=200&search="+g.tag, parseFound(deal))
	case 7:
		if rand.IntN(2) == 0 {
			r.judge(ctx, g, "/api/companies/"+at+"/stats", parseStats)
		} else if !g.who.shared {
			r.judge(ctx, g, "/api/dashboard?ownerId="+g.who.user, parseDashboard)
		}
	default:
		r.judge(ctx, g, "/api/search?limit=200&q="+g.tag, parseFound(""))
	}
}

// anyKey returns the key of a record that has an id: present, deleted or void.
func (g *group) anyKey() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.void) > 0 && rand.IntN(2) == 0 {
		if key := g.void[rand.IntN(len(g.void))].key; g.ids[key] != "" {
			return key
		}
	}
	skip := rand.IntN(len(g.ids))
	for key := range g.ids {
		if skip == 0 {
			return key
		}
		skip--
	}
	return g.tag
}

// kindOf tells the kind of a record by its key.
func kindOf(g *group, key string) kind {
	switch rest := strings.TrimPrefix(key, g.tag); {
	case rest == "":
		return company
	case rest[0] == 'c':
		return contact
	case rest[0] == 'd':
		return deal
	default:
		return activity
	}
}

func (r *reader) list(ctx context.Context, g *group, k kind, path string) {
	r.judge(ctx, g, path, func(body []byte, _ bool) (observation, error) {
		rows, err := parseRows(body, k)
		return list{k, rows}, err
	})
}

// judge sends a read and compares it with the ledger.
func (r *reader) judge(ctx context.Context, g *group, path string, parse func(body []byte, missing bool) (observation, error)) {
	v := g.look(r.c.instance, r.tokens)
	header := map[string]string{"Sixty-Consistency": v.token}
	before, cached := r.known[path]
	if cached && rand.IntN(2) == 0 {
		header["If-None-Match"] = before.etag
	}
	a := r.c.send(ctx, http.MethodGet, path, g.who.key, nil, header)
	body := a.body
	switch {
	case a.status == http.StatusNotModified && header["If-None-Match"] != "":
		body = before.body
	case a.status == http.StatusOK, a.status == http.StatusNotFound && a.problem():
	case a.status == 0 || a.status >= 500:
		time.Sleep(100 * time.Millisecond)
		return
	default:
		if r.b.book.judging(v.began) {
			r.b.tally.fault(fmt.Sprintf("read answered with %d", a.status), "%s: %s", path, a.body)
		}
		return
	}
	if len(r.known) > 1000 {
		clear(r.known)
	}
	delete(r.known, path)
	if a.status != http.StatusNotFound {
		r.known[path] = remembered{a.header.Get("ETag"), body}
	}
	o, err := parse(body, a.status == http.StatusNotFound)
	if err != nil {
		r.b.tally.fault("unreadable answer", "%s: %v: %.300s", path, err, body)
		return
	}
	if o == nil {
		return // incomplete, and the answer says so
	}
	r.b.tally.judged(g.judge(v, a.ended, o), func() string {
		return fmt.Sprintf("%s (%s, token %q, instance %s%s, status %d, %s) shows %v\n      %s", path, a.header.Get("Cache-Status"), v.token, a.header.Get(proxyServer), r.c.instance,
			a.status, a.ended.Sub(a.began).Round(time.Millisecond), o, g.describe(v, o))
	})
}

// describe says what a read must show, for a report: the first state that was possible, and
// the writes around it.
func (g *group) describe(v view, o observation) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if v.history != g.history {
		return "before a failover"
	}
	v.low = v.after(g.ops, o)
	s := g.state(v.low)
	if l, is := o.(list); is {
		s = s.of(l.kind)
	}
	text := []string{fmt.Sprintf("after write %d it must be %v; then", v.low, slices.SortedFunc(maps.Values(s), func(a, b record) int { return strings.Compare(a.key, b.key) }))}
	if l, is := o.(one); is {
		text[0] = fmt.Sprintf("after write %d it must be %v; then", v.low, s[l.key])
	}
	for i := max(0, v.low-6); i < min(len(g.ops), v.low+6); i++ {
		w := g.ops[i]
		acked := "not acknowledged"
		if !w.acked.IsZero() {
			acked = fmt.Sprintf("begun %s, acknowledged %s by %s", w.began.Sub(v.began).Round(time.Millisecond), w.acked.Sub(v.began).Round(time.Millisecond), w.via)
		}
		text = append(text, fmt.Sprintf("%d: %v removed %t (%s)", i+1, w.record, w.removes, acked))
	}
	if n := len(g.void); n > 0 {
		text = append(text, fmt.Sprint("void: ", g.void[max(0, n-6):]))
	}
	return strings.Join(text, "; ")
}

// row is what is read of a record of any kind, or of a found one.
type row struct {
	ID          string
	Kind        string
	Name        string
	LastName    string `json:"last_name"`
	Title       string
	Description string
	Value       float64
	Amount      float64
}

// record reduces a row to what the ledger knows; without a kind it is a result of a search.
func (r row) record(k kind) (record, error) {
	numbered := func(text string) (int64, error) { return strconv.ParseInt(strings.TrimPrefix(text, "v"), 10, 64) }
	var err error
	is := record{kind: k}
	switch k {
	case company:
		is.key = r.Name
		is.value, err = numbered(r.Description)
	case contact:
		is.key = r.LastName
		is.value, err = numbered(r.Title)
	case deal:
		is.key, is.value = r.Name, int64(r.Value)
	case activity:
		is.key, is.value = r.Description, int64(r.Amount)
	default:
		is = record{kind(r.Kind), r.Title[strings.LastIndexByte(r.Title, ' ')+1:], anyValue}
	}
	return is, err
}

func parseOne(body []byte, k kind) (record, error) {
	var envelope struct{ Data row }
	if err := json.Unmarshal(body, &envelope); err != nil {
		return record{}, err
	}
	return envelope.Data.record(k)
}

func parseRows(body []byte, k kind) ([]record, error) {
	var envelope struct{ Data []row }
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, err
	}
	rows := make([]record, len(envelope.Data))
	for i, one := range envelope.Data {
		var err error
		if rows[i], err = one.record(k); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// parseFound parses what a search found, deals or keys; nil if it says that it looked at a
// part only.
func parseFound(k kind) func([]byte, bool) (observation, error) {
	return func(body []byte, _ bool) (observation, error) {
		var envelope struct{ Meta struct{ Truncated bool } }
		if err := json.Unmarshal(body, &envelope); err != nil || envelope.Meta.Truncated {
			return nil, err
		}
		rows, err := parseRows(body, k)
		return found{rows, k == deal}, err
	}
}

func parseStats(body []byte, _ bool) (observation, error) {
	var envelope struct {
		Data struct {
			DealsCount int64   `json:"dealsCount"`
			DealsValue float64 `json:"dealsValue"`
		}
	}
	err := json.Unmarshal(body, &envelope)
	return total{envelope.Data.DealsCount, int64(envelope.Data.DealsValue)}, err
}

func parseDashboard(body []byte, _ bool) (observation, error) {
	var envelope struct {
		Data struct {
			Totals []struct {
				Count int64   `json:"open_count"`
				Value float64 `json:"open_value"`
			}
		}
	}
	err := json.Unmarshal(body, &envelope)
	var t total
	for _, one := range envelope.Data.Totals {
		t.count += one.Count
		t.sum += int64(one.Value)
	}
	return t, err
}
