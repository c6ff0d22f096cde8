package httpapi

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/rs/cors"

	"sixty/internal/ratelimit"
)

type middleware func(http.Handler) http.Handler

// chain puts the middleware in front of the operations. A request passes from the
// first to the last; each stands where it does because of what comes after it.
func (a *API) chain(o Options) http.Handler {
	list := []middleware{
		a.logAccess,               // sees the status of everything below, problems and panics included
		a.identify,                // every answer and every line of the log names the request
		a.recoverPanic,            // a defect in one request must not end the others
		secure(o.StrictTransport), // problems carry these headers too
		a.crossOrigin(o),          // before authentication: browsers send no credentials with a preflight
		a.refuseCrossSite,         // behind it, so that the pages that are trusted can read why
		a.limitBody,               // whoever reads the body, reads no more, and reads it decoded
		// Authentication is part of an operation (operation.go): an unknown path is a 404
		// to everyone, and the health operations are open.
	}
	h := a.routed(a.mux)
	for _, m := range slices.Backward(list) {
		h = m(h)
	}
	return h
}

// routed gives the mux only paths that are in their simplest form: it would redirect the
// others there, with a page of HTML, and nothing of ours links to such a path.
func (a *API) routed(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isSimple(r.URL.Path) {
			mux.ServeHTTP(w, r)
		} else if a.charge(w, r, a.addressOf(r), ratelimit.Global, ratelimit.Request) {
			a.fail(w, r, notFound("There is nothing at this path: it has an empty step, or one of dots."))
		}
	})
}

// isSimple tells whether a path is as path.Clean would have it, but for a slash at its end.
func isSimple(path string) bool {
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

const requestIDHeader = "X-Request-Id"

// identify gives the request an id: the client's, if it is fit for headers and logs,
// or a new one. It is sent back.
func (a *API) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sent := r.Header[requestIDHeader]; len(sent) > 0 && isRequestID(sent[0]) {
			setOwn(w, requestIDHeader, sent[0])
		} else {
			setOwn(w, requestIDHeader, newRequestID())
		}
		next.ServeHTTP(w, r)
	})
}

// requestID gives the request's id.
func requestID(w http.ResponseWriter) string {
	if id := w.Header()[requestIDHeader]; len(id) > 0 {
		return id[0]
	}
	return ""
}

// newRequestID makes 128 random bits in hexadecimal digits. They keep no secret.
func newRequestID() string {
	var bits [16]byte
	binary.LittleEndian.PutUint64(bits[:8], rand.Uint64()) //nolint:gosec // see above
	binary.LittleEndian.PutUint64(bits[8:], rand.Uint64()) //nolint:gosec // see above
	var digits [2 * len(bits)]byte
	hex.Encode(digits[:], bits[:])
	return string(digits[:])
}

func isRequestID(s string) bool {
	notFit := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	}
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, notFit)
}

// recorder notes what is answered.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing was written yet
	bytes  int
	// own are values of the header that are this answer's alone; see setOwn.
	own   [10]string
	owned int
}

// statusGone is logged for a client that went away before it was answered.
const statusGone = 499

func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= http.StatusOK {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(b []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(b)
	rec.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection's own writer.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// recorderOf finds the recorder beneath whatever wraps it.
func recorderOf(w http.ResponseWriter) *recorder {
	for {
		switch v := w.(type) {
		case *recorder:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil
		}
	}
}

// setOwn sets a field of an answer's header to a value that is this answer's alone. It
// allocates nothing as long as there are few.
func setOwn(w http.ResponseWriter, name, value string) {
	rec := recorderOf(w)
	if rec == nil || rec.owned == len(rec.own) {
		w.Header().Set(name, value)
		return
	}
	i := rec.owned
	rec.own[i], rec.owned = value, i+1
	rec.Header()[name] = rec.own[i : i+1 : i+1]
}

// noteGone notes that nobody waits for the answer any more.
func noteGone(w http.ResponseWriter) {
	if rec := recorderOf(w); rec != nil && rec.status == 0 {
		rec.status = statusGone
	}
}

// logAccess writes a line for every request.
func (a *API) logAccess(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		start := time.Now()
		defer func() {
			h := a.log.Handler()
			if !h.Enabled(r.Context(), slog.LevelInfo) {
				return
			}
			now := time.Now()
			line := slog.NewRecord(now, slog.LevelInfo, "request", 0) // who calls, is always this
			line.AddAttrs(
				slog.String("request_id", requestID(w)),
				slog.String("method", r.Method),
				slog.String("path", r.URL.Path),
				slog.Int("status", rec.status),
				slog.Int("bytes", rec.bytes),
				slog.Duration("took", now.Sub(start)))
			_ = h.Handle(r.Context(), line) // there is nobody to tell
		}()
		next.ServeHTTP(rec, r)
	})
}

// recoverPanic turns a panic into a problem, logged with its stack.
func (a *API) recoverPanic(next http.Handler) http.Handler {
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
				a.log.LogAttrs(r.Context(), slog.LevelError, "panic after the answer began",
					slog.String("path", r.URL.Path), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
				panic(http.ErrAbortHandler) // half an answer must not look like a whole one
			}
			a.fail(w, r, &problem{
				status: http.StatusInternalServerError, detail: "Something went wrong on our side.",
				cause: fmt.Errorf("panic: %v\n%s", v, debug.Stack()),
			})
		}()
		next.ServeHTTP(w, r)
	})
}

// varyByCaller is what answers under /api vary by before anything else.
const varyByCaller = "Authorization, Cookie"

// secure sets the headers that keep a browser from taking an answer for something
// else. What is under /api is somebody's: shared caches keep none of it, and a
// browser asks before it uses what it has. What matters to a page is said of data, too,
// which a browser may be led to show (OWASP's REST Security Cheat Sheet).
func secure(strictTransport bool) middleware {
	// Values that all answers share; see headerValues.
	var (
		nosniff   = []string{"nosniff"}
		deny      = []string{"DENY"}
		nowhere   = []string{"no-referrer"}
		policy    = []string{"default-src 'none'; frame-ancestors 'none'"}
		transport = []string{"max-age=31536000; includeSubDomains"}
		nothing   = []string{"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()"}
		ours      = []string{"same-origin"}
		private   = []string{"private, no-cache"}
		vary      = []string{varyByCaller}
	)
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h["X-Content-Type-Options"] = nosniff
			h["X-Frame-Options"] = deny // for browsers that know no frame-ancestors
			h["Referrer-Policy"] = nowhere
			h["Content-Security-Policy"] = policy
			h["Permissions-Policy"] = nothing
			// A page that opens ours shares no window with it; and no page embeds an answer,
			// which is not to hinder one that is allowed to ask by CORS.
			h["Cross-Origin-Opener-Policy"] = ours
			h["Cross-Origin-Resource-Policy"] = ours
			if strictTransport {
				h["Strict-Transport-Security"] = transport
			}
			if strings.HasPrefix(r.URL.Path, "/api/") {
				h["Cache-Control"] = private
				h["Vary"] = vary
			}
			next.ServeHTTP(w, r)
		})
	}
}

// crossOrigin lets the front end's pages call from their own origins.
func (a *API) crossOrigin(o Options) middleware {
	if len(o.FrontendOrigins) == 0 {
		return func(next http.Handler) http.Handler { return next }
	}
	c := cors.New(cors.Options{
		// Not AllowedOrigins, which knows wildcards: with credentials, exact is safe.
		AllowOriginFunc: func(origin string) bool { return slices.Contains(o.FrontendOrigins, origin) },
		AllowedMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{
			"Authorization", "Cache-Control", "Content-Encoding", "Content-Type", "If-Match", "If-None-Match", idempotencyHeader, lastEventID,
			consistencyHeader, requestIDHeader,
		},
		ExposedHeaders: []string{
			"Cache-Status", "ETag", replayedHeader, "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "Server-Timing", "Sixty-Consistency", requestIDHeader,
		},
		AllowCredentials: true,
		MaxAge:           600,
	})
	// What is not from a page of another origin needs none of it, but that it would have
	// been answered differently.
	alone := []string{"Origin"}
	return func(next http.Handler) http.Handler {
		crossing := c.Handler(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.Header["Origin"]) > 0 {
				crossing.ServeHTTP(w, r)
				return
			}
			h := w.Header()
			if len(h["Vary"]) > 0 {
				h["Vary"] = a.values.vary
			} else {
				h["Vary"] = alone
			}
			next.ServeHTTP(w, r)
		})
	}
}
