package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/changes"
	"sixty/internal/crm"
)

// goodToken is the token of the only session.
const goodToken = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// oneSession is a store with one session.
type oneSession struct {
	accounts.Store
	auth.Principals
	session accounts.Session
}

func (s oneSession) SessionPrincipal(_ context.Context, hash []byte) (accounts.Session, accounts.Principal, error) {
	if !bytes.Equal(hash, s.session.Hash) {
		return accounts.Session{}, accounts.Principal{}, crm.NotFound("session")
	}
	return s.session, accounts.Principal{Owner: crm.Owner{OrgID: s.session.OrgID, ID: s.session.UserID, Role: crm.RoleRep}}, nil
}

// FuzzCookie sends arbitrary Cookie headers: only one with the session's token, under its
// name, is authenticated.
func FuzzCookie(f *testing.F) {
	now := time.Unix(1_767_600_000, 0)
	hash := sha256.Sum256([]byte(goodToken))
	store := oneSession{session: accounts.Session{
		OrgID: crm.ID{1}, ID: crm.ID{2}, UserID: crm.ID{3}, Hash: hash[:], UsedAt: crm.InstantOf(now), ExpiresAt: crm.InstantOf(now.Add(time.Hour)),
	}}
	service := accounts.NewService(store, func() time.Time { return now }, "GBP")
	sessions := auth.NewSessions(auth.SessionOptions{
		Store: store, Service: service, Freshness: changes.New(changes.Options{}), Now: func() time.Time { return now }, Idle: time.Hour, Lifetime: time.Hour,
	})
	f.Cleanup(sessions.Close)
	servers := []*Server{
		newServer(f, nil, func(o *Options) { o.Sessions = sessions }),
		newServer(f, nil, func(o *Options) { o.Sessions, o.StrictTransport = sessions, true }),
	}
	for _, line := range []string{
		"", ";", "=", "sixty_session", "sixty_session=", "sixty_session=" + goodToken, "__Host-sixty_session=" + goodToken, `sixty_session="` + goodToken + `"`,
		"a=b; sixty_session=x; sixty_session=" + goodToken, "sixty_session=" + goodToken + "A", "sixty_session=" + goodToken[1:] + "\x00",
		"sixty_session=" + strings.Repeat("A", 5000), "sixty-session=" + goodToken, "\xff=\xfe; sixty_session=" + goodToken[:42] + "=",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, a := range servers {
			r := httptest.NewRequest(http.MethodGet, "/api/user", http.NoBody)
			r.Header["Cookie"] = []string{line}
			by, err := a.Authenticate(httptest.NewRecorder(), r)
			shown := strings.Contains(line, a.hostCookie(sessionCookie)) && strings.Contains(line, goodToken)
			switch {
			case err == nil && (!shown || by.User != store.session.UserID || by.Role != crm.RoleRep):
				t.Errorf("%q is %+v's", line, by)
			case err != nil && (ProblemOf(err).Status != http.StatusUnauthorized || by != crm.Actor{}):
				t.Errorf("%q: %v, %+v", line, err, by)
			}
			if line == a.hostCookie(sessionCookie)+"="+goodToken && err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	})
}
