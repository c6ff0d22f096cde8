package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"sixty/internal/auth"
	"sixty/internal/changes"
	"sixty/internal/crm"
)

// goodToken is the token of the one session that there is.
const goodToken = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// oneSession is storage with one session in it.
type oneSession struct {
	crm.Store
	session crm.Session
}

func (s oneSession) SessionPrincipal(_ context.Context, hash []byte) (crm.Session, crm.Principal, error) {
	if !bytes.Equal(hash, s.session.Hash) {
		return crm.Session{}, crm.Principal{}, crm.NotFound("session")
	}
	return s.session, crm.Principal{Owner: crm.Owner{OrgID: s.session.OrgID, ID: s.session.UserID, Role: crm.RoleRep}}, nil
}

// FuzzCookie sends whatever line of cookies: only one that holds the session's token,
// under its name, is anybody's.
func FuzzCookie(f *testing.F) {
	now := time.Unix(1_767_600_000, 0)
	hash := sha256.Sum256([]byte(goodToken))
	store := oneSession{session: crm.Session{
		OrgID: crm.ID{1}, ID: crm.ID{2}, UserID: crm.ID{3}, Hash: hash[:], UsedAt: crm.InstantOf(now), ExpiresAt: crm.InstantOf(now.Add(time.Hour)),
	}}
	service := crm.NewService(store, func() time.Time { return now }, "GBP")
	sessions := auth.NewSessions(auth.SessionOptions{
		Store: store, Service: service, Freshness: changes.New(changes.Options{}), Now: func() time.Time { return now }, Idle: time.Hour, Lifetime: time.Hour,
	})
	f.Cleanup(sessions.Close)
	apis := []*API{
		newAPI(f, func(o *Options) { o.Sessions = sessions }),
		newAPI(f, func(o *Options) { o.Sessions, o.StrictTransport = sessions, true }),
	}
	for _, line := range []string{
		"", ";", "=", "sixty_session", "sixty_session=", "sixty_session=" + goodToken, "__Host-sixty_session=" + goodToken, `sixty_session="` + goodToken + `"`,
		"a=b; sixty_session=x; sixty_session=" + goodToken, "sixty_session=" + goodToken + "A", "sixty_session=" + goodToken[1:] + "\x00",
		"sixty_session=" + strings.Repeat("A", 5000), "sixty-session=" + goodToken, "\xff=\xfe; sixty_session=" + goodToken[:42] + "=",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, a := range apis {
			r := httptest.NewRequest(http.MethodGet, "/api/user", http.NoBody)
			r.Header["Cookie"] = []string{line}
			by, err := a.authenticate(r)
			shown := strings.Contains(line, a.sessionCookie()) && strings.Contains(line, goodToken)
			switch {
			case err == nil && (!shown || by.User != store.session.UserID || by.Role != crm.RoleRep):
				t.Errorf("%q is %+v's", line, by)
			case err != nil && (problemOf(err).status != http.StatusUnauthorized || by != crm.Actor{}):
				t.Errorf("%q: %v, %+v", line, err, by)
			}
			if line == a.sessionCookie()+"="+goodToken && err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	})
}

// FuzzFilters reads whatever query string as the list of deals does: it is refused as a
// whole, naming what is wrong, or means one thing that can be asked of the database.
func FuzzFilters(f *testing.F) {
	for _, raw := range []string{
		"", "limit=1000&direction=backward&sort=-value&count=exact", "ownerId=" + someID + "&owner_id=" + someID, "status=won&minValue=1e1&maxValue=0.01",
		"closeBefore=2026-02-30&closeAfter=2026-02-28", "search=%00", "search=%ff", "search=a+b&limit=0", "cursor=AAAA", "minValue=99999999999999999999", "%zz", "&&=;",
		"includeRelationships=true&contactId=" + someID,
	} {
		f.Add(raw)
	}
	a := newAPI(f)
	deals := a.deals()
	var names known
	for _, p := range deals.pager.query.document() {
		names = append(names, p.Name)
	}
	read := func(t *testing.T, raw string) (listArgs[crm.DealFilter], string, error) {
		r := &http.Request{Method: http.MethodGet, URL: httptest.NewRequest(http.MethodGet, "/api/deals", http.NoBody).URL}
		r.URL.RawQuery = raw
		args, scope, err := deals.pager.read(&call{api: a, ctx: t.Context(), r: r, by: crm.Actor{Org: crm.ID{15: 1}}}, nil)
		return args, scope.Filters, err
	}
	f.Fuzz(func(t *testing.T, raw string) {
		args, narrowed, err := read(t, raw)
		if err != nil {
			p := problemOf(err)
			if p.status != http.StatusBadRequest && p.status != http.StatusUnprocessableEntity || len(p.flaws) == 0 {
				t.Errorf("%q: %d, %v", raw, p.status, err)
			}
			return
		}
		q := args.list
		if q.Limit < 1 || q.Limit > crm.MaxLimit || q.Sort != crm.ByRank && !slices.Contains(crm.Deals.Sorts.Fields, q.Sort.Field) {
			t.Errorf("%q asks for %+v", raw, q)
		}
		if q.Filter.Status != nil && !slices.Contains([]string{"active", "won", "lost"}, *q.Filter.Status) {
			t.Errorf("%q asks for the status %q", raw, *q.Filter.Status)
		}
		// Answers are kept by the canonical form, which must mean the same.
		same, again, err := read(t, names.canonical(raw))
		if err != nil || again != narrowed || same.list.Limit != q.Limit || same.list.Sort != q.Sort || same.list.Backward != q.Backward || same.token != args.token {
			t.Errorf("%q means %q, and in the canonical form %q: %v", raw, narrowed, again, err)
		}
	})
}
