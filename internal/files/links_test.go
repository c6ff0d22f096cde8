package files_test

import (
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/files"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	links, others := files.NewLinks([]byte("key"), clock), files.NewLinks([]byte("other key"), clock)
	by, file := crm.Actor{Org: crm.NewID(), User: crm.NewID(), Key: crm.NewID()}, crm.NewID()
	token, expires := links.Sign(by, file)
	want := files.Link{Org: by.Org, File: file, User: by.User, Key: by.Key, ExpiresAt: expires}
	if got, err := links.Open(token); err != nil || got != want || expires.Time().Sub(now) != 5*time.Minute {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if _, err := others.Open(token); crm.CodeOf(err) != crm.CodeNotFound {
		t.Errorf("with another key: %v", err)
	}
	for i := range token {
		changed := []byte(token)
		if changed[i]++; changed[i] > 'z' {
			changed[i] = '0'
		}
		if _, err := links.Open(string(changed)); crm.CodeOf(err) != crm.CodeNotFound {
			t.Errorf("with byte %d changed: %v", i, err)
		}
	}
	for _, wrong := range []string{"", "x", token[:len(token)-1], token + "A", token + "="} {
		if _, err := links.Open(wrong); crm.CodeOf(err) != crm.CodeNotFound {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	now = now.Add(5*time.Minute - time.Microsecond)
	if _, err := links.Open(token); err != nil {
		t.Errorf("before it expires: %v", err)
	}
	now = now.Add(time.Microsecond)
	if _, err := links.Open(token); crm.CodeOf(err) != crm.CodeGone {
		t.Errorf("after it has expired: %v", err)
	}
}
