package storetest

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/store"
)

// organisations lists every organisation by name, and reads each by its id.
func organisations(f *fixture) {
	third := f.tenant("house of Ümlauts")
	got, err := f.store.Organisations(f.Context())
	if diff := cmp.Diff([]crm.Organisation{f.away.Organisation, f.home.Organisation, third.Organisation}, must(f, got, err)); diff != "" {
		f.Errorf("(-want +got):\n%s", diff)
	}
	one, err := f.store.Organisation(f.Context(), f.home.ID)
	if diff := cmp.Diff(f.home.Organisation, must(f, one, err)); diff != "" {
		f.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := f.store.Organisation(f.Context(), crm.NewID()); crm.CodeOf(err) != crm.CodeNotFound {
		f.Errorf("an unknown organisation: %v", err)
	}
	// Another's id as a name does not stand for the other.
	posing := f.tenant(f.home.ID.String())
	for text, want := range map[string]crm.ID{
		f.home.ID.String(): f.home.ID, posing.ID.String(): posing.ID, third.Name: third.ID, "HOUSE of  u\u0308mlauts": third.ID,
		f.away.Name: f.away.ID, "": {}, "house": {}, crm.NewID().String(): {}, crm.ID{}.String(): {},
	} {
		got, err := f.store.OrganisationNamed(f.Context(), text)
		if got != want || (err == nil) != (want != crm.ID{}) || err != nil && crm.CodeOf(err) != crm.CodeNotFound {
			f.Errorf("%q names %s, want %s: %v", text, got, want, err)
		}
	}
	missing := tenant{Organisation: crm.Organisation{ID: crm.NewID()}}
	err = f.store.Write(f.Context(), crm.Operator(missing.ID), at(1), func(tx store.Tx) error {
		return tx.Companies().Insert(f.Context(), []crm.Company{missing.newCompany("Missing")})
	})
	if err == nil {
		f.Error("a company of an organisation that does not exist is accepted")
	}
}

// apiKeys finds keys by their hash, whatever has become of them, unless their user
// is gone; and ends each once.
func apiKeys(f *fixture) {
	o, ctx := f.home, f.Context()
	people := []crm.Owner{o.newOwner("Holder"), o.newOwner("Deactivated"), o.newOwner("Deleted")}
	people[1].DeactivatedAt = ptr(at(1))
	insert(f, o, owners(), people...)
	keys := make([]accounts.APIKey, 4)
	for i := range keys {
		keys[i] = accounts.APIKey{
			OrgID: o.ID, ID: crm.NewID(), UserID: people[i%3].ID, Name: "Key " + strconv.Itoa(i), Role: crm.RoleViewer,
			Prefix: "sixty_" + strconv.Itoa(i), Hash: []byte{0, 0xff, byte(i)}, CreatedAt: at(i),
			Scopes: "read,write",
		}
	}
	keys[2].CreatedBy, keys[3].CreatedBy = &people[0].ID, &people[1].ID
	keys[3].ExpiresAt = ptr(at(-1)) // of the holder
	f.write(o, 1, func(tx store.Tx) error {
		for _, k := range keys {
			if err := tx.PutAPIKey(ctx, k); err != nil {
				return err
			}
		}
		return nil
	})
	remove(f, o, owners(), 2, people[2].ID)
	revoke := func(o tenant, id crm.ID, want bool) {
		f.Helper()
		f.write(o, 5, func(tx store.Tx) error {
			was, err := tx.RevokeAPIKey(ctx, id)
			if was != want {
				f.Errorf("revoked: %v, want %v", was, want)
			}
			return err
		})
	}
	revoke(f.away, keys[0].ID, false)
	revoke(o, keys[0].ID, true)
	revoke(o, keys[0].ID, false)
	revoke(o, crm.NewID(), false)
	keys[0].RevokedAt = ptr(at(5))

	if diff := cmp.Diff(keys, keysOf(f, o)); diff != "" {
		f.Errorf("listed (-want +got):\n%s", diff)
	}
	for i, k := range keys {
		got, holder, err := f.store.APIKeyPrincipal(ctx, k.Hash)
		if k.UserID == people[2].ID {
			if crm.CodeOf(err) != crm.CodeNotFound {
				f.Errorf("the key of a user who is gone: %v", err)
			}
			continue
		}
		if diff := cmp.Diff(k, must(f, got, err)); diff != "" {
			f.Errorf("key %d (-want +got):\n%s", i, diff)
		}
		if holder.ID != k.UserID || holder.OrgID != o.ID || holder.Role != people[0].Role || (holder.DeactivatedAt != nil) != (k.UserID == people[1].ID) {
			f.Errorf("key %d acts for %+v", i, holder)
		}
	}
	for _, hash := range [][]byte{nil, {}, {0}, {0, 0xff, 9}} {
		if _, _, err := f.store.APIKeyPrincipal(ctx, hash); crm.CodeOf(err) != crm.CodeNotFound {
			f.Errorf("hash %x: %v", hash, err)
		}
	}
	again := keys[1]
	again.ID = crm.NewID()
	conflicts(f, f.fails(o, func(tx store.Tx) error { return tx.PutAPIKey(ctx, again) }), "")
}

// oldAPIKeys, which a program without scopes has created, have all of them.
func oldAPIKeys(f *fixture) {
	o := f.home
	key := accounts.APIKey{
		OrgID: o.ID, ID: crm.NewID(), UserID: o.owner.ID, Name: "Old", Role: crm.RoleRep, Prefix: "p", Hash: []byte("old"), CreatedAt: at(1),
	}
	f.outsideLog(&store.Statement{Name: "test.api_key", SQL: `INSERT INTO api_keys (org_id, id, user_id, name, role, prefix, hash, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`}, key.OrgID, key.ID, key.UserID, key.Name, string(key.Role), key.Prefix, key.Hash, key.CreatedAt)
	got := keysOf(f, o)
	if len(got) != 1 || got[0].Scopes.Set() != crm.AllScopes {
		f.Errorf("%+v", got)
	}
}

// keysOf reads the list of keys, oldest first, a few at a time.
func keysOf(f *fixture, o tenant) (all []accounts.APIKey) {
	f.Helper()
	q := crm.List[accounts.APIKeyFilter]{Sort: crm.Sort{Field: "created_at"}, Limit: 3}
	for {
		p, err := f.store.Accounts().APIKeys().Page(f.Context(), o.ID, q)
		if all = append(all, must(f, p, err).Rows...); !p.HasMore {
			return all
		}
		q.From = p.Last
	}
}

// settings checks that concurrent readers, in one process or in two, get the same value,
// which stays.
func settings(f *fixture) {
	_, second := f.open(patience)
	var made atomic.Int64
	initial := func() string { return "value " + strconv.FormatInt(made.Add(1), 10) }
	got, errs := make([]string, 10), make([]error, 10)
	var asking sync.WaitGroup
	for i := range got {
		s := f.store
		if i%2 == 1 {
			s = second
		}
		asking.Go(func() { got[i], errs[i] = s.Setting(f.Context(), "name", initial) })
	}
	asking.Wait()
	if err := errors.Join(errs...); err != nil {
		f.Fatal(err)
	}
	for _, v := range got {
		if v != got[0] || v == "" {
			f.Fatalf("values: %q", got)
		}
	}
	known := made.Load()
	v, err := f.store.Setting(f.Context(), "name", initial)
	if must(f, v, err); v != got[0] || made.Load() != known {
		f.Errorf("later: %q after %q, made %d times more", v, got[0], made.Load()-known)
	}
	v, err = f.store.Setting(f.Context(), "other", func() string { return oddText })
	if must(f, v, err) != oddText {
		f.Errorf("another: %q", v)
	}
}
