package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"sixty/internal/ratelimit"
)

type middleware func(http.Handler) http.Handler

// chain returns the middleware around the mux. A request passes the list from the first
// to the last; the order matters for the reasons given.
func (s *Server) chain() http.Handler {
	list := []middleware{
		s.framed,                           // outermost: concerns the connection, whatever is answered
		s.observed,                         // sees the status of everything below, problems and panics included
		s.identify,                         // every response and every line of the log names the request
		s.recoverPanic,                     // a defect in one request must not end the others
		securityHeaders(s.StrictTransport), // problems carry these headers too
		s.cors(s.FrontendOrigins),          // before authentication: browsers send no credentials with a preflight
		s.rejectCrossSite,                  // behind CORS, so that trusted pages can read the reason
		s.limitBody,                        // no reader of the body reads more than allowed, and all read it decoded
		// Authentication is part of an operation (serve.go): an unknown path is a 404 to
		// everyone, and the health operations are public.
	}
	h := s.routed(s.mux)
	for _, m := range slices.Backward(list) {
		h = m(h)
	}
	return h
}

// routed passes on requests whose path is clean. The mux would redirect the others to the
// clean path, with a page of HTML.
func (s *Server) routed(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isClean(r.URL.Path) {
			mux.ServeHTTP(w, r)
		} else if s.charge(w, r, s.addressOf(r), ratelimit.Global, ratelimit.Request) {
			s.fail(w, r, NotFound("There is nothing at this path: it has an empty step, or one of dots."))
		}
	})
}

// isClean reports whether path.Clean would change nothing but a slash at the end.
func isClean(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for i := 1; i < len(path); i++ {
		if path[i-1] != '/' {
			continue
		}
		rest := path[i:]
		if rest[0] == '/' || rest == "." || rest == ".." || strings.HasPrefix(rest, "./") || strings.HasPrefix(rest, "../") {
			return false
		}
	}
	return true
}

// recoverPanic turns a panic into a problem, logged with its stack.
func (s *Server) recoverPanic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v) // net/http's own way to end a connection, which is not a defect
			}
			if rec := recorderOf(w); rec != nil && rec.status != 0 {
				s.Logger.LogAttrs(r.Context(), slog.LevelError, "panic after the response began",
					slog.String("path", r.URL.Path), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
				panic(http.ErrAbortHandler) // half a response must not look like a whole one
			}
			s.fail(w, r, &Problem{
				Status: http.StatusInternalServerError, Detail: "Something went wrong on our side.",
				Cause: fmt.Errorf("panic: %v\n%s", v, debug.Stack()),
			})
		}()
		next.ServeHTTP(w, r)
	})
}
