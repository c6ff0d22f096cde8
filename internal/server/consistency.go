package server

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sixty/internal/crm"
)

// A write returns a consistency token: the position in the organisation's change log that
// includes it, in a header and for browsers in a cookie. The response to a later request
// with the token, on any instance, includes the write.
const (
	consistencyHeader = "Sixty-Consistency"
	consistencyCookie = "sixty_consistency"
	// consistencyAge is how long a browser keeps the cookie, in seconds: much longer than
	// any instance takes to learn of a change.
	consistencyAge = 60
	// consistencyWait is how long a request waits for its instance to learn of a change
	// before it bypasses the cache.
	consistencyWait = 100 * time.Millisecond
)

// setConsistencyToken adds the token to the response to a write that a position includes. The
// position 0 is not known, as when there is no memory to follow the organisation: such a token
// leads to the database.
func (s *Server) setConsistencyToken(w http.ResponseWriter, r *http.Request, org crm.ID, at crm.LogPosition) {
	if org == (crm.ID{}) {
		return // no organisation's records were changed
	}
	token := at.ConsistencyToken(org)
	w.Header().Set(consistencyHeader, token)
	if len(r.Header["Origin"]) == 0 && len(r.Header["Sec-Fetch-Site"]) == 0 {
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever there is TLS; it is no secret
		Name: consistencyCookie, Value: token, Path: "/", MaxAge: consistencyAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.StrictTransport,
	})
}

// isConsistent reports whether this instance knows the changes of an organisation that a
// request's tokens stand for. It waits for them briefly. A token of another organisation
// says nothing about this one. A token of another epoch may be of one that this instance does
// not know yet, so that only the database can answer.
func (s *Server) isConsistent(r *http.Request, org crm.ID) bool {
	if lines := r.Header[consistencyHeader]; len(lines) > 0 && !s.hasReached(r.Context(), lines[0], org) {
		return false
	}
	token, sent := cookie(r, consistencyCookie)
	return !sent || s.hasReached(r.Context(), token, org)
}

// hasReached reports whether this instance has reached a token's position.
func (s *Server) hasReached(ctx context.Context, token string, org crm.ID) bool {
	epoch, rest, _ := strings.Cut(token, ".")
	name, position, _ := strings.Cut(rest, ".")
	id, err := crm.ParseID(name)
	if err != nil {
		return false
	}
	seq, err := strconv.ParseInt(position, 10, 64)
	if err != nil {
		return false
	}
	if id != org {
		return true
	}
	if seq <= 0 || epoch == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, consistencyWait)
	defer cancel()
	return s.Changes.Await(ctx, org, crm.LogPosition{Epoch: epoch, Seq: seq})
}
