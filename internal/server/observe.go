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
		rec.event.Method, rec.event.Path, rec.event.Start = r.Method, r.URL.Path, time.Now()
		defer func() {
			rec.event.Duration = time.Since(rec.event.Start)
			rec.event.RequestID = requestID(w)
			s.logAccess(r.Context(), &rec.event)
			if s.observe != nil {
				s.observe(r.Context(), rec.event)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// logAccess writes a line of the access log.
func (s *Server) logAccess(ctx context.Context, e *OperationEvent) {
	h := s.log.Handler()
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
