package server

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
)

const requestIDHeader = "X-Request-Id"

// identify sends an id of the request back: the client's, if it is fit for headers and
// logs, or a new one.
func (s *Server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sent := r.Header[requestIDHeader]; len(sent) > 0 && isRequestID(sent[0]) {
			setHeader(w, requestIDHeader, sent[0])
		} else {
			setHeader(w, requestIDHeader, newRequestID())
		}
		next.ServeHTTP(w, r)
	})
}

// requestID returns the request's id.
func requestID(w http.ResponseWriter) string {
	if id := w.Header()[requestIDHeader]; len(id) > 0 {
		return id[0]
	}
	return ""
}

// newRequestID returns 128 random bits in hexadecimal digits. They need not be secret.
func newRequestID() string {
	var bits [16]byte
	binary.LittleEndian.PutUint64(bits[:8], rand.Uint64()) //nolint:gosec // see above
	binary.LittleEndian.PutUint64(bits[8:], rand.Uint64()) //nolint:gosec // see above
	var digits [2 * len(bits)]byte
	hex.Encode(digits[:], bits[:])
	return string(digits[:])
}

// isRequestID reports whether a client's id can be used.
func isRequestID(s string) bool {
	unfit := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	}
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, unfit)
}
