package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// recovery is how long after the database can be written again requests may still fail: the
// instances and the proxy's health checks have to notice it.
const recovery = 2 * time.Second

// tally counts what one scenario showed.
type tally struct {
	began time.Time

	mu       sync.Mutex
	requests int
	checked  int
	verdicts map[verdict]int
	failures []failure
	faults   map[string]int // other faults, by what they are
	samples  []string       // the first few of each kind, for the reader of the report
	sampled  map[string]int
	notes    []string // what the scenario has to say, faults or not
	cuts     []span   // while an instance was dead or frozen, so that connections were lost
}

// failure is a request that got no answer, or one of the server's fault.
type failure struct {
	span
	what    string // method and path
	status  int
	proxy   bool
	problem bool
	direct  bool // to an instance, not to the proxy
	detail  string
}

func newTally() *tally {
	return &tally{began: time.Now(), verdicts: map[verdict]int{}, faults: map[string]int{}, sampled: map[string]int{}}
}

// note counts a request, and keeps it if it failed.
func (t *tally) note(c *client, method, path string, a *answer, ended bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests++
	if ended || a.status != 0 && a.status < 500 {
		return
	}
	detail := strings.TrimSpace(string(a.body[:min(len(a.body), 300)]))
	if a.err != nil {
		detail = a.err.Error()
	}
	t.failures = append(t.failures, failure{
		span: span{a.began, a.ended}, what: method + " " + path, status: a.status, proxy: a.byProxy(), problem: a.problem(), direct: c.instance != "", detail: detail,
	})
}

// judged counts a verdict.
func (t *tally) judged(v verdict, sample func() string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.verdicts[v]++
	if v != unjudged {
		t.checked++
	}
	if v != right && v != unjudged && v != mixed {
		t.sample(string(v), sample())
	}
}

// fault counts a fault of another kind.
func (t *tally) fault(kind, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults[kind]++
	t.sample(kind, fmt.Sprintf(format, args...))
}

// sample keeps the first samples of a kind; the caller holds mu.
func (t *tally) sample(kind, text string) {
	const most = 3
	if t.sampled[kind]++; t.sampled[kind] <= most {
		t.samples = append(t.samples, fmt.Sprintf("%s, %s: %s", kind, time.Since(t.began).Round(time.Millisecond), text))
	}
}

func (t *tally) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// cut says that connections are lost from now on; the result ends that.
func (t *tally) cut() (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := len(t.cuts)
	t.cuts = append(t.cuts, span{from: time.Now()})
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.cuts[i].to = time.Now()
	}
}

// cutting reports whether connections were lost in this time.
func (t *tally) cutting(s span) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return overlaps(s, t.cuts, 0)
}

// overlaps reports whether a span has a part in common with others, which last longer by late.
func overlaps(s span, others []span, late time.Duration) bool {
	return slices.ContainsFunc(others, func(o span) bool {
		return s.to.After(o.from) && (o.to.IsZero() || s.from.Before(o.to.Add(late)))
	})
}

// judgeFailures decides which failures are faults: those while the database could be written,
// and those that are no 503 with a problem; but for connections that were cut.
func (t *tally) judgeFailures(away []span) (excused int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range t.failures {
		proper := f.status == http.StatusServiceUnavailable && f.problem
		lost := f.status == 0 || f.proxy
		switch {
		case lost && f.direct, // its instance is being replaced
			lost && overlaps(f.span, t.cuts, 0),
			proper && overlaps(f.span, away, recovery):
			excused++
			continue
		}
		kind := fmt.Sprintf("failed with %d", f.status)
		if f.status == 0 {
			kind = "failed without an answer"
		}
		if f.proxy {
			kind += " of the proxy"
		}
		if overlaps(f.span, away, recovery) {
			kind += " (database away)"
		}
		t.faults[kind]++
		t.sample(kind, fmt.Sprintf("%s at %s after %s: %s", f.what, f.from.Sub(t.began).Round(time.Millisecond), f.to.Sub(f.from).Round(time.Millisecond), f.detail))
	}
	return excused
}

// result is one line of the report.
type result struct {
	name    string
	seconds float64
	excused int
	*tally
	err error // the scenario could not be run
}

// faulty are the verdicts that fail a scenario.
var faulty = []verdict{stale, lost, doubled, never}

func (r *result) failed() bool {
	if r.err != nil || len(r.faults) > 0 {
		return true
	}
	return slices.ContainsFunc(faulty, func(v verdict) bool { return r.verdicts[v] > 0 })
}

// print writes what a scenario showed in detail.
func (r *result) print(w io.Writer) {
	if n := r.verdicts[mixed]; n > 0 {
		_, _ = fmt.Fprintf(w, "    %d searches showed some records from before and some from after a write\n", n)
	}
	for _, note := range r.notes {
		_, _ = fmt.Fprintf(w, "    %s\n", note)
	}
	for _, s := range r.samples {
		_, _ = fmt.Fprintf(w, "    %s\n", s)
	}
	if r.err != nil {
		_, _ = fmt.Fprintf(w, "    the scenario ended: %v\n", r.err)
	}
}

// table writes the report in Markdown.
func table(w io.Writer, results []*result) {
	_, _ = fmt.Fprintln(w, "\n| scenario | requests | checked reads | stale | lost | doubled | never existed | unknowable | excused failures | faults | seconds | |")
	_, _ = fmt.Fprintln(w, "|---|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|---|")
	var requests, checked int
	for _, r := range results {
		var faults []string
		for _, kind := range slices.Sorted(maps.Keys(r.faults)) {
			faults = append(faults, fmt.Sprintf("%d %s", r.faults[kind], kind))
		}
		if r.err != nil {
			faults = append(faults, "not completed")
		}
		outcome := "passed"
		if r.failed() {
			outcome = "**failed**"
		}
		_, _ = fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %s | %.0f | %s |\n", r.name, r.requests, r.checked, r.verdicts[stale], r.verdicts[lost],
			r.verdicts[doubled], r.verdicts[never], r.verdicts[unknown], r.excused, strings.Join(faults, ", "), r.seconds, outcome)
		requests += r.requests
		checked += r.checked
	}
	_, _ = fmt.Fprintf(w, "\n%d scenarios, %d requests, %d checked reads\n", len(results), requests, checked)
}
