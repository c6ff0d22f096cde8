package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

// An OperationEvent describes a request that has ended.
type OperationEvent struct {
	Operation string // its id; "" if the request reached none
	Method    string
	Path      string
	RequestID string
	Status    int // 499: the client had gone; 0: the connection was given up
	Bytes     int // of the response body, as it was sent
	Start     time.Time
	Duration  time.Duration
	Actor     crm.Actor     // the caller; zero if unknown
	Cache     cache.Outcome // "" if the response cache was not asked
	Err       error         // why the request failed; nil if it did not
}

// observed calls the observer and writes the access log's line at the end of every request.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		start := time.Now()
		defer func() {
			e := OperationEvent{
				Method: r.Method, Path: r.URL.Path, RequestID: requestID(w), Status: rec.status, Bytes: rec.bytes,
				Start: start, Duration: time.Since(start), Actor: rec.actor, Cache: rec.outcome, Err: rec.err,
			}
			if rec.op != nil {
				e.Operation = rec.op.ID
			}
			s.logAccess(r.Context(), &e)
			if s.Observe != nil {
				s.Observe(r.Context(), e)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// logAccess writes a line of the access log.
func (s *Server) logAccess(ctx context.Context, e *OperationEvent) {
	h := s.Logger.Handler()
	if !h.Enabled(ctx, slog.LevelInfo) {
		return
	}
	line := slog.NewRecord(e.Start.Add(e.Duration), slog.LevelInfo, "request", 0) // the source would always be this line
	line.AddAttrs(
		slog.String("request_id", e.RequestID),
		slog.String("method", e.Method),
		slog.String("path", e.Path),
		slog.Int("status", e.Status),
		slog.Int("bytes", e.Bytes),
		slog.Duration("took", e.Duration))
	_ = h.Handle(ctx, line) // a logger that fails has nowhere to report it
}
