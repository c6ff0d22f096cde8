package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sixty/internal/crm"
)

// Whoever writes is handed a token that says how far the organisation's change log goes
// with it: in a header, and for browsers in a cookie. Shown with a later request, to
// whichever instance, the answer has the change in it.
const (
	consistencyHeader = "Sixty-Consistency"
	consistencyCookie = "sixty_consistency"
	// consistencyAge is how long a browser shows it, in seconds: much longer than any
	// instance takes to hear of a change.
	consistencyAge = 60
	// consistencyWait is how long a request waits for its instance to hear of a change
	// before it goes to the database, which has it.
	consistencyWait = 100 * time.Millisecond
)

// consistencyToken makes the token of an organisation's position in the change log. Its
// form is nobody's business but ours:
//
//	<epoch>.<organisation>.<seq>
func (a *API) consistencyToken(org crm.ID, seq int64) string {
	var room [96]byte
	b := append(append(room[:0], a.epoch...), '.')
	b = append(append(b, org.String()...), '.')
	return string(strconv.AppendInt(b, seq, 10))
}

// handToken hands out the token after a write, which the entry seq of the change log is
// no older than. A browser gets the cookie too. Where no position is known, as when too
// many organisations are followed, the token is of 0: no position to wait for, so that it
// leads to the database.
func (a *API) handToken(w http.ResponseWriter, r *http.Request, org crm.ID, seq int64) {
	if org == (crm.ID{}) {
		return // nobody's things were changed
	}
	token := a.consistencyToken(org, seq)
	w.Header().Set(consistencyHeader, token)
	if len(r.Header["Origin"]) == 0 && len(r.Header["Sec-Fetch-Site"]) == 0 {
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever there is TLS; it keeps no secret
		Name: consistencyCookie, Value: token, Path: "/", MaxAge: consistencyAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.secureCookies,
	})
}

// consistent tells whether what is known here of an organisation includes what the
// request's tokens speak of, for which it waits a little. Tokens of other organisations
// say nothing about this one; what is no token of this change log might be one of
// another that this database had, so that only the database can be asked.
func (a *API) consistent(r *http.Request, org crm.ID) bool {
	if lines := r.Header[consistencyHeader]; len(lines) > 0 && !a.reached(r.Context(), lines[0], org) {
		return false
	}
	token, sent := cookie(r, consistencyCookie)
	return !sent || a.reached(r.Context(), token, org)
}

// reached tells whether the position that a token names has been reached here.
func (a *API) reached(ctx context.Context, token string, org crm.ID) bool {
	epoch, rest, _ := strings.Cut(token, ".")
	name, position, _ := strings.Cut(rest, ".")
	id, err := crm.ParseID(name)
	if err != nil || epoch != a.epoch {
		return false
	}
	seq, err := strconv.ParseInt(position, 10, 64)
	if err != nil {
		return false
	}
	if id != org {
		return true
	}
	if seq <= 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, consistencyWait)
	defer cancel()
	return a.changes.Await(ctx, org, seq)
}
