package httpapi

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sixty/internal/cache"
	"sixty/internal/changes"
	"sixty/internal/crm"
)

// caching declares how the answers of an operation that reads are kept.
type caching struct {
	tier     cache.Tier // "": they are not kept
	why      string     // they are not
	of       []string   // the kinds of things that they are made from
	personal bool       // they depend on who asks, and not on the organisation alone
}

// kept declares that answers are kept in a tier, and that they are made from things of
// these kinds and no others. Which of these things, is noted while an answer is made
// (package changes).
func kept(tier cache.Tier, of ...string) caching { return caching{tier: tier, of: of} }

// notKept declares that answers are made anew for everyone who asks.
func notKept(why string) caching { return caching{why: why} }

// maxKept bounds the path and query of a request whose answer is kept, in bytes.
const maxKept = 4 << 10

// answerKept answers a request from the cache, or by the operation.
func (a *API) answerKept(op *operation, w http.ResponseWriter, r *http.Request, by crm.Actor, stale bool) {
	began := time.Now()
	ask := cache.Request{
		Org: by.Org, Tier: op.caching.tier, Operation: op.id,
		StaleIfError: staleIfError(r.Header["Cache-Control"]),
	}
	query := op.known.canonical(r.URL.RawQuery)
	ask.Key = op.key(r.URL.EscapedPath(), query, by) // escaped, so that no path holds a query
	ask.Bypass = stale || len(ask.Key) > maxKept || !a.consistent(r, by.Org)
	if res, ok := a.cache.Find(r.Context(), &ask); ok {
		a.respondKept(w, r, &res, began, ask.Tier)
		return
	}
	if onlyIfCached(r.Header["Cache-Control"]) {
		w.Header()["Cache-Status"] = a.values.bypass
		a.fail(w, r, &problem{status: http.StatusGatewayTimeout, detail: "No answer is kept, and Cache-Control: only-if-cached wants no other."})
		return
	}
	rest := new(bill)
	fill := func(ctx context.Context) (*cache.Answer, error) {
		if stale {
			return nil, crm.Unavailable(errStale)
		}
		if err := rest.query(ctx, a, op, by); err != nil {
			return nil, err
		}
		if !ask.Bypass { // others may be waiting for it, and it is kept
			leave, err := a.bulkheads.fills(ctx, op)
			if err != nil {
				return nil, err
			}
			defer leave()
		}
		return a.fill(ctx, op, r, query, by)
	}
	res, err := a.cache.Do(r.Context(), ask, fill)
	if _, others := rest.refused(err); others {
		ask.Bypass = true
		res, err = a.cache.Do(r.Context(), ask, fill)
	}
	if d := rest.rest.Load(); d != nil {
		tellLimits(w, d)
	}
	if err != nil {
		tellCache(w, &res, began, ask.Tier)
		a.fail(w, r, err)
		return
	}
	a.respondKept(w, r, &res, began, ask.Tier)
}

// respondKept answers with what the cache has given, and tells how it has.
func (a *API) respondKept(w http.ResponseWriter, r *http.Request, res *cache.Result, began time.Time, tier cache.Tier) {
	tellCache(w, res, began, tier)
	if res.Status == http.StatusNotFound {
		a.answerAbsent(w, res.Entry)
		return
	}
	a.respond(w, r, &representation{
		body: res.Body, hash: res.Hash, version: res.Version, contentType: a.values.json, link: res.Link, encoded: res.Entry,
	})
}

// errStale is the cause that is told when even the caller is known from before alone.
var errStale = errors.New("the database cannot be asked who calls")

// key names the answer: what was asked, and by whom if that matters. Whoever sees only
// what they own shares no answer that is made from what people own.
func (op *operation) key(path, query string, by crm.Actor) string {
	own := by.OwnerScope()
	switch {
	case op.caching.personal:
		return path + "?" + query + " " + by.User.String() + " " + string(by.Role)
	case own != nil && slices.ContainsFunc(op.caching.of, crm.IsOwned):
		return path + "?" + query + " own " + own.String()
	case query == "":
		return path
	}
	return path + "?" + query
}

// fill makes the answer that is kept. It goes on for those who wait when the request that
// it was begun for is given up.
func (a *API) fill(ctx context.Context, op *operation, r *http.Request, query string, by crm.Actor) (*cache.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	ctx, read := changes.Track(ctx)
	address := *r.URL
	address.RawQuery = query
	asked := *r
	asked.URL = &address
	c := call{api: a, ctx: ctx, r: &asked, by: by}
	buffer := a.bodies.get()
	defer a.bodies.put(buffer)
	c.out = (*buffer)[:0]
	err := a.work(op, &c)
	*buffer = c.out // it may have grown
	answer := &cache.Answer{Status: http.StatusOK, Link: c.link, Version: c.version, Tags: read.Tags(), NoStore: read.Uncacheable()}
	answer.Until, _ = read.Until()
	if err != nil {
		p := problemOf(err)
		if p.status != http.StatusNotFound {
			return nil, err
		}
		answer.Status = p.status
		answer.Body = p.appendJSON(nil, r.URL.Path)
		// What no row was looked for cannot come to be there.
		answer.NoStore = answer.NoStore || len(answer.Tags) == 0
		return answer, nil
	}
	answer.Body = bytes.Clone(c.out)
	for _, t := range answer.Tags {
		if !slices.Contains(op.caching.of, t.Entity) {
			// It would be raised all the same; but who reads the declaration is misled.
			a.log.ErrorContext(ctx, "an operation reads what it does not declare", slog.String("operation", op.id), slog.String("kind", t.Entity))
			answer.NoStore = true
		}
	}
	return answer, nil
}

// answerAbsent answers that something is not there.
func (a *API) answerAbsent(w http.ResponseWriter, e *cache.Entry) {
	h := w.Header()
	h["Content-Type"] = a.values.problem
	h.Set("Content-Length", strconv.Itoa(len(e.Body)))
	w.WriteHeader(e.Status)
	_, _ = w.Write(e.Body) // a client that does not read its answer is no failure of ours
}

// staleIfError gives how old an answer may be that is given when none can be made (RFC
// 5861 section 4); 0 if the request does not allow it.
func staleIfError(lines []string) time.Duration {
	const directive = "stale-if-error="
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			part = strings.TrimSpace(part)
			if len(part) <= len(directive) || !strings.EqualFold(part[:len(directive)], directive) {
				continue
			}
			if seconds, err := strconv.ParseUint(strings.Trim(part[len(directive):], `"`), 10, 31); err == nil {
				return min(time.Duration(seconds)*time.Second, cache.StaleFor)
			}
		}
	}
	return 0
}

// onlyIfCached tells whether a request wants an answer that is kept, or none (RFC 9111
// section 5.2.1.7).
func onlyIfCached(lines []string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), "only-if-cached") {
				return true
			}
		}
	}
	return false
}

// tellCache sets the header fields that tell what became of a request in the cache, and
// what took how long.
func tellCache(w http.ResponseWriter, res *cache.Result, began time.Time, tier cache.Tier) {
	var room [160]byte
	b := appendCacheStatus(room[:0], res, tier)
	end := len(b)
	both := string(appendServerTiming(b, res.Lookup, res.Fill, time.Since(began)))
	setOwn(w, "Cache-Status", both[:end])
	setOwn(w, "Server-Timing", both[end:])
}

// appendCacheStatus appends what became of the request in the cache (RFC 9211).
func appendCacheStatus(b []byte, res *cache.Result, tier cache.Tier) []byte {
	b = append(b, "sixty; "...)
	switch res.Outcome {
	case cache.Hit:
		b = append(b, "hit"...)
	case cache.StaleError:
		b = append(b, "fwd=stale; fwd-status=503"...)
	case cache.Bypass:
		b = append(b, "fwd=bypass"...)
	case cache.Joined:
		b = append(b, "fwd=miss; collapsed"...)
	default:
		b = append(b, "fwd=miss"...)
	}
	if res.TTL > 0 {
		if res.Outcome == cache.Miss {
			b = append(b, "; stored"...)
		}
		b = strconv.AppendInt(append(b, "; ttl="...), int64(res.TTL/time.Second), 10)
	}
	b = append(append(b, "; detail="...), tier...)
	if res.Source == cache.SharedSource {
		b = append(b, "-shared"...)
	}
	return b
}

// serverTiming is appendServerTiming as a text.
func serverTiming(lookup, fill, total time.Duration) string {
	return string(appendServerTiming(nil, lookup, fill, total))
}

// appendServerTiming appends what took how long, in milliseconds (W3C Server Timing): to look into
// the cache, to make the answer, which is the database's time for the most part, and all.
func appendServerTiming(b []byte, lookup, fill, total time.Duration) []byte {
	b = appendMilliseconds(append(b, "cache;dur="...), lookup)
	b = appendMilliseconds(append(b, ", db;dur="...), fill)
	return appendMilliseconds(append(b, ", total;dur="...), total)
}

func appendMilliseconds(b []byte, d time.Duration) []byte {
	us := max(0, d.Microseconds())
	b = append(strconv.AppendInt(b, us/1000, 10), '.')
	return append(b, byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
}
