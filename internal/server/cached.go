package server

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

// maxCacheKey bounds the cache key of a response, in bytes.
const maxCacheKey = 4 << 10

// respondCached responds from the cache, or by the operation.
func (s *Server) respondCached(op *Operation, w http.ResponseWriter, r *http.Request, actor crm.Actor, stale bool) {
	start := time.Now()
	req := cache.Request{
		Org: actor.Org, Tier: op.Caching.Tier, Operation: op.ID,
		StaleIfError: staleIfError(r.Header["Cache-Control"]),
	}
	query := canonicalQuery(op.Query, op.OnlyQuery, r.URL.RawQuery)
	req.Key = op.cacheKey(r.URL.EscapedPath(), query, actor) // escaped, so that no path contains a query
	req.Bypass = stale || len(req.Key) > maxCacheKey || !s.isConsistent(r, actor.Org)
	if res, ok := s.Cache.Lookup(r.Context(), &req); ok {
		s.sendCached(w, r, &res, start, req.Tier)
		return
	}
	if onlyIfCached(r.Header["Cache-Control"]) {
		w.Header()["Cache-Status"] = s.values.bypass
		s.fail(w, r, &Problem{Status: http.StatusGatewayTimeout, Detail: "No answer is cached, and Cache-Control: only-if-cached accepts no other."})
		return
	}
	rest := new(queryCharge)
	fill := func(ctx context.Context) (*cache.Answer, error) {
		if stale {
			return nil, crm.Unavailable(errStale)
		}
		if err := rest.charge(ctx, s, op, actor); err != nil {
			return nil, err
		}
		if !req.Bypass { // other requests may wait for the result
			leave, err := s.bulkheads.enterFill(ctx, op, actor.Org)
			if err != nil {
				return nil, err
			}
			defer leave()
		}
		return s.fill(ctx, op, r, query, actor)
	}
	res, err := s.Cache.Do(r.Context(), req, fill)
	if _, others := rest.rejected(err); others {
		req.Bypass = true
		res, err = s.Cache.Do(r.Context(), req, fill)
	}
	if d := rest.decision.Load(); d != nil {
		setRateLimit(w, d)
	}
	if err != nil {
		setCacheStatus(w, &res, start, req.Tier)
		s.fail(w, r, err)
		return
	}
	s.sendCached(w, r, &res, start, req.Tier)
}

// sendCached sends a result of the cache.
func (s *Server) sendCached(w http.ResponseWriter, r *http.Request, res *cache.Result, start time.Time, tier cache.Tier) {
	setCacheStatus(w, res, start, tier)
	if res.Status == http.StatusNotFound {
		s.sendNotFound(w, res.Entry)
		return
	}
	s.respond(w, r, &representation{
		body: res.Body, hash: res.Hash, version: res.Version, contentType: s.values.json, link: res.Link, encoded: res.Entry,
	})
}

// errStale is the cause of a failed fill when not even the caller can be authenticated.
var errStale = errors.New("the database is unavailable, and the caller is known from an earlier authentication alone")

// cacheKey returns the key of a response: what was asked and, where it matters, the
// caller. A caller who sees only the records that they own shares no response that is
// made from owned records.
func (op *Operation) cacheKey(path, query string, actor crm.Actor) string {
	own := actor.OwnerScope()
	switch {
	case op.Caching.Personal:
		return path + "?" + query + " " + actor.User.String() + " " + string(actor.Role)
	case own != nil && slices.ContainsFunc(op.Caching.Entities, crm.IsOwned):
		return path + "?" + query + " own " + own.String()
	case query == "":
		return path
	}
	return path + "?" + query
}

// fill makes the response that is cached. It goes on for those who wait if the request
// that started it is given up.
func (s *Server) fill(ctx context.Context, op *Operation, r *http.Request, query string, actor crm.Actor) (*cache.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.RequestTimeout)
	defer cancel()
	ctx, read := changes.Track(ctx)
	address := *r.URL
	address.RawQuery = query
	canonical := *r
	canonical.URL = &address
	c := Call{Context: ctx, Request: &canonical, Actor: actor}
	buffer := s.buffers.get()
	defer s.buffers.put(buffer)
	c.Out = (*buffer)[:0]
	err := s.inSlot(op, &c)
	*buffer = c.Out // it may have grown
	answer := &cache.Answer{Status: http.StatusOK, Link: c.Link, Version: c.Version, Tags: read.Tags(), NoStore: read.Uncacheable(), Epoch: read.Epoch()}
	answer.Until, _ = read.Until()
	if err != nil {
		p := ProblemOf(err)
		if p.Status != http.StatusNotFound {
			return nil, err
		}
		answer.Status = p.Status
		answer.Body = p.appendJSON(nil, instanceOf(r))
		// If no row was looked for, no change can end the entry.
		answer.NoStore = answer.NoStore || len(answer.Tags) == 0
		return answer, nil
	}
	answer.Body = bytes.Clone(c.Out)
	for _, t := range answer.Tags {
		if !slices.Contains(op.Caching.Entities, t.Entity) {
			// Changes would invalidate it all the same, but the declaration misleads its readers.
			s.Logger.ErrorContext(ctx, "an operation reads what it does not declare", slog.String("operation", op.ID), slog.String("kind", t.Entity))
			answer.NoStore = true
		}
	}
	return answer, nil
}

// sendNotFound sends a cached 404.
func (s *Server) sendNotFound(w http.ResponseWriter, e *cache.Entry) {
	h := w.Header()
	h["Content-Type"] = s.values.problem
	h.Set("Content-Length", strconv.Itoa(len(e.Body)))
	w.WriteHeader(e.Status)
	_, _ = w.Write(e.Body) // the error would be the client's
}

// staleIfError returns the greatest age of a response that a request accepts when no
// current one can be made (RFC 5861 section 4); 0 if it accepts none.
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

// onlyIfCached reports whether a request accepts nothing but a cached response (RFC 9111
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

// setCacheStatus sets Cache-Status and Server-Timing.
func setCacheStatus(w http.ResponseWriter, res *cache.Result, start time.Time, tier cache.Tier) {
	if rec := recorderOf(w); rec != nil {
		rec.outcome = res.Outcome
	}
	var room [160]byte
	b := appendCacheStatus(room[:0], res, tier)
	end := len(b)
	both := string(appendServerTiming(b, res.Lookup, res.Fill, time.Since(start))) // one allocation for both
	setHeader(w, "Cache-Status", both[:end])
	setHeader(w, "Server-Timing", both[end:])
}

// appendCacheStatus appends how the cache handled a request (RFC 9211).
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

// appendServerTiming appends durations in milliseconds (W3C Server Timing): of the cache
// look-up, of making the response, which is the database's for the most part, and in all.
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
