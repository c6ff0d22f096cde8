package storetest

import (
	"cmp"
	"slices"
	"strconv"

	gocmp "github.com/google/go-cmp/cmp"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/store"
)

// passwords belong to people who may sign in, each to one of one organisation, though
// they are found by address in all of them.
func passwords(f *fixture) {
	ctx := f.Context()
	const email = "ada@acme.example"
	people := map[string]crm.Owner{}
	for name, o := range map[string]tenant{"home": f.home, "away": f.away} {
		p := o.newOwner(name)
		p.Email = ptr(email)
		people[name] = p
		insert(f, o, owners(), p)
	}
	unable := []crm.Owner{f.home.newOwner("Deactivated"), f.home.newOwner("Service"), f.home.newOwner("Deleted")}
	for i := range unable {
		unable[i].Email = ptr([]string{"a@acme.example", "b@acme.example", "c@acme.example"}[i])
	}
	unable[0].DeactivatedAt, unable[1].Service = ptr(at(1)), true
	insert(f, f.home, owners(), unable...)
	set := func(o tenant, user crm.ID, hash string) {
		f.Helper()
		f.write(o, 2, func(tx store.Tx) error { return tx.PutPassword(ctx, user, hash) })
	}
	expect := func(email string, want ...accounts.Account) {
		f.Helper()
		got, err := f.store.AccountsByEmail(ctx, email, true, 10)
		byOrg := func(a, b accounts.Account) int { return cmp.Compare(a.OrgID.String(), b.OrgID.String()) }
		got = must(f, got, err)
		slices.SortFunc(got, byOrg)
		slices.SortFunc(want, byOrg)
		if diff := gocmp.Diff(want, got); diff != "" {
			f.Errorf("%s (-want +got):\n%s", email, diff)
		}
		for _, w := range want {
			a, err := f.store.Account(ctx, w.OrgID, w.UserID)
			if diff := gocmp.Diff(w, must(f, a, err)); diff != "" {
				f.Errorf("%s by id (-want +got):\n%s", email, diff)
			}
		}
	}
	home := accounts.Account{OrgID: f.home.ID, UserID: people["home"].ID}
	away := accounts.Account{OrgID: f.away.ID, UserID: people["away"].ID}
	expect(email, home, away)
	before := len(changeLog(f, f.home))
	home.Password, away.Password = "first", "another's"
	set(f.away, away.UserID, away.Password)
	if got, err := f.store.AccountsByEmail(ctx, email, true, 1); len(must(f, got, err)) != 1 || got[0] != away {
		f.Errorf("the limit leaves out the one with a password: %+v", got)
	}
	set(f.home, home.UserID, home.Password)
	expect(email, home, away)
	home.Password = oddText
	set(f.home, home.UserID, home.Password)
	expect(email, home, away)
	if n := len(changeLog(f, f.home)) - before; n != 0 {
		f.Errorf("passwords made %d entries of the change log", n)
	}
	if got, err := f.store.AccountsByEmail(ctx, email, true, 1); len(must(f, got, err)) != 1 {
		f.Errorf("%d accounts, want the limit", len(got))
	}
	for _, o := range unable {
		set(f.home, o.ID, "known")
	}
	remove(f, f.home, owners(), 3, unable[2].ID)
	for i, o := range unable {
		expect(*o.Email)
		got, err := f.store.AccountsByEmail(ctx, *o.Email, false, 10)
		if got = must(f, got, err); (len(got) == 1 && got[0].UserID == o.ID) != (i == 0) {
			f.Errorf("%s: %+v, of those who were deactivated", o.FullName, got)
		}
		if _, err := f.store.Account(ctx, f.home.ID, o.ID); crm.CodeOf(err) != crm.CodeNotFound {
			f.Errorf("%s: %v", o.FullName, err)
		}
	}
	if _, err := f.store.Account(ctx, f.away.ID, home.UserID); crm.CodeOf(err) != crm.CodeNotFound {
		f.Errorf("another organisation's: %v", err)
	}
	conflicts(f, f.fails(f.home, func(tx store.Tx) error { return tx.PutPassword(ctx, crm.NewID(), "unknown") }), "")
}

func (o tenant) newSession(user crm.ID, n int) accounts.Session {
	return accounts.Session{
		OrgID: o.ID, ID: crm.NewID(), UserID: user, Hash: []byte{0, 0xff, byte(n), o.ID[15]}, Address: "192.0.2.1", UserAgent: oddText,
		CreatedAt: at(n), UsedAt: at(n), ExpiresAt: at(n + 1000), VerifiedAt: at(n),
	}
}

// sessions are found by their hash while their person is there, are used without a word
// in the change log, and end with one.
func sessions(f *fixture) {
	o, ctx := f.home, f.Context()
	person, other := o.newOwner("Ada"), o.newOwner("Grace")
	person.Role = crm.RoleManager
	insert(f, o, owners(), person, other)
	all := []accounts.Session{o.newSession(person.ID, 1), o.newSession(person.ID, 2), o.newSession(person.ID, 3), o.newSession(other.ID, 4)}
	before := len(changeLog(f, o))
	f.write(o, 1, func(tx store.Tx) error {
		for _, s := range all {
			if err := tx.PutSession(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
	use := func(id crm.ID, n, since int) {
		f.write(o, n, func(tx store.Tx) error { return tx.UseSession(ctx, id, at(since)) })
	}
	use(all[0].ID, 70, 10)
	use(all[1].ID, 60, 1) // it was used since
	all[0].UsedAt = at(70)
	verify := func(by tenant, n int) {
		f.write(by, n, func(tx store.Tx) error { return tx.VerifySession(ctx, all[2].ID) })
	}
	verify(o, 80)
	verify(f.away, 90)
	all[2].VerifiedAt = at(80)
	if n := len(changeLog(f, o)) - before; n != 0 {
		f.Errorf("sessions that begin, are used and are verified made %d entries of the change log", n)
	}
	listed, err := f.store.Sessions(ctx, o.ID, person.ID)
	if diff := gocmp.Diff([]accounts.Session{all[0], all[2], all[1]}, must(f, listed, err)); diff != "" {
		f.Errorf("listed (-want +got):\n%s", diff)
	}
	if listed, err := f.store.Sessions(ctx, f.away.ID, person.ID); len(must(f, listed, err)) != 0 {
		f.Error("another organisation lists them")
	}
	for i, s := range all[:3] {
		got, holder, err := f.store.SessionPrincipal(ctx, s.Hash)
		if diff := gocmp.Diff(s, must(f, got, err)); diff != "" {
			f.Errorf("session %d (-want +got):\n%s", i, diff)
		}
		if holder.ID != person.ID || holder.OrgID != o.ID || holder.Role != crm.RoleManager || holder.DeactivatedAt != nil {
			f.Errorf("session %d is of %+v", i, holder)
		}
	}
	last, err := f.store.Accounts().SignIns(ctx, o.ID, []crm.ID{person.ID, other.ID, o.owner.ID})
	if diff := gocmp.Diff(map[crm.ID]crm.Instant{person.ID: at(3), other.ID: at(4)}, must(f, last, err)); diff != "" {
		f.Errorf("last signed in (-want +got):\n%s", diff)
	}
	if last, err := f.store.Accounts().SignIns(ctx, f.away.ID, []crm.ID{person.ID}); len(must(f, last, err)) != 0 {
		f.Error("another organisation knows when they signed in")
	}
	gone := func(s accounts.Session) {
		f.Helper()
		if _, _, err := f.store.SessionPrincipal(ctx, s.Hash); crm.CodeOf(err) != crm.CodeNotFound {
			f.Errorf("it is still there: %v", err)
		}
	}
	f.write(f.away, 5, func(tx store.Tx) error {
		return tx.EndSessions(ctx, person.ID, func(accounts.Session) bool { return false })
	})
	f.write(o, 5, func(tx store.Tx) error {
		return tx.EndSessions(ctx, person.ID, func(s accounts.Session) bool { return s.ID == all[1].ID })
	})
	gone(all[0])
	gone(all[2])
	entries := changeLog(f, o)[before:]
	if len(entries) != 2 {
		f.Fatalf("%d entries of the change log, want one for each that ended: %v", len(entries), entries)
	}
	for _, e := range entries {
		if e.Entity != crm.EntitySession || e.Op != string(crm.OpDeleted) || e.ID == nil || *e.ID != all[0].ID && *e.ID != all[2].ID {
			f.Errorf("%+v", e)
		}
	}
	update(f, o, owners(), 6, func(p *crm.Owner) { p.DeactivatedAt = ptr(at(6)) }, person.ID)
	_, holder, err := f.store.SessionPrincipal(ctx, all[1].Hash)
	if err != nil || holder.DeactivatedAt == nil {
		f.Errorf("the holder is not deactivated: %+v, %v", holder, err)
	}
	remove(f, o, owners(), 7, person.ID)
	gone(all[1])
	again := o.newSession(other.ID, 9)
	again.Hash = all[3].Hash
	conflicts(f, f.fails(o, func(tx store.Tx) error { return tx.PutSession(ctx, again) }), "")
	_ = f.fails(o, func(tx store.Tx) error { return tx.PutSession(ctx, f.away.newSession(other.ID, 9)) })
}

// oneTimeTokens are one for each person, and used once.
func oneTimeTokens(f *fixture) {
	o, ctx := f.home, f.Context()
	oneTimeToken := func(n int, purpose accounts.TokenPurpose) accounts.OneTimeToken {
		return accounts.OneTimeToken{OrgID: o.ID, UserID: o.owner.ID, Purpose: purpose, Hash: []byte{0xff, byte(n)}, CreatedAt: at(n), ExpiresAt: at(n + 10)}
	}
	first, second := oneTimeToken(1, accounts.PurposeInvitation), oneTimeToken(2, accounts.PurposeReset)
	second.CreatedBy = ptr(o.owner.ID)
	listed := func(o tenant, after, limit int, want ...accounts.OneTimeToken) {
		f.Helper()
		got, err := f.store.OneTimeTokens(ctx, o.ID, at(after), limit)
		if diff := gocmp.Diff(want, must(f, got, err)); diff != "" {
			f.Errorf("listed (-want +got):\n%s", diff)
		}
	}
	there := func(k accounts.OneTimeToken, want bool) {
		f.Helper()
		got, err := f.store.OneTimeToken(ctx, k.Hash)
		if !want {
			if crm.CodeOf(err) != crm.CodeNotFound {
				f.Errorf("it is still there: %v", err)
			}
			return
		}
		if diff := gocmp.Diff(k, must(f, got, err)); diff != "" {
			f.Errorf("(-want +got):\n%s", diff)
		}
	}
	put := func(k accounts.OneTimeToken) {
		f.Helper()
		f.write(o, 1, func(tx store.Tx) error { return tx.PutOneTimeToken(ctx, k) })
	}
	take := func(o tenant, k accounts.OneTimeToken, want bool) {
		f.Helper()
		f.write(o, 3, func(tx store.Tx) error {
			was, err := tx.ConsumeOneTimeToken(ctx, k.UserID, k.Hash)
			if was != want {
				f.Errorf("taken: %t, want %t", was, want)
			}
			return err
		})
	}
	there(first, false)
	put(first)
	there(first, true)
	put(second)
	there(first, false)
	there(second, true)
	take(o, first, false)
	take(f.away, second, false)
	take(o, second, true)
	take(o, second, false)
	there(second, false)

	grace := o.newOwner("Grace")
	insert(f, o, owners(), grace)
	third := oneTimeToken(3, accounts.PurposeReset)
	third.UserID = grace.ID
	listed(o, 0, 10)
	put(second)
	put(third)
	listed(o, 0, 10, third, second)
	listed(o, 0, 1, third)
	listed(o, 12, 10, third) // the other has expired by then
	listed(f.away, 0, 10)
	end := func(by tenant, want bool) {
		f.Helper()
		f.write(by, 4, func(tx store.Tx) error {
			was, err := tx.EndOneTimeToken(ctx, grace.ID)
			if was != want {
				f.Errorf("ended: %t, want %t", was, want)
			}
			return err
		})
	}
	end(f.away, false)
	end(o, true)
	end(o, false)
	there(third, false)
	there(second, true)
}

// apiKeysInUse tell when they were last used and from where, to what the caller finds often enough.
func apiKeysInUse(f *fixture) {
	o, ctx := f.home, f.Context()
	key := accounts.APIKey{OrgID: o.ID, ID: crm.NewID(), UserID: o.owner.ID, Name: "Key", Role: crm.RoleRep, Prefix: "p", Hash: []byte("hash"), CreatedAt: at(1)}
	f.write(o, 1, func(tx store.Tx) error { return tx.PutAPIKey(ctx, key) })
	before := len(changeLog(f, o))
	for _, step := range []struct {
		by          tenant
		n, since    int
		wantChanged bool
	}{{f.away, 5, 4, false}, {o, 10, 5, true}, {o, 20, 5, false}, {o, 80, 20, true}} {
		f.write(step.by, step.n, func(tx store.Tx) error {
			return tx.UseAPIKey(ctx, key.ID, at(step.since), "192.0.2."+strconv.Itoa(step.n))
		})
		if step.wantChanged {
			key.UsedAt, key.UsedAddress = ptr(at(step.n)), ptr("192.0.2."+strconv.Itoa(step.n))
		}
		if diff := gocmp.Diff([]accounts.APIKey{key}, keysOf(f, o)); diff != "" {
			f.Errorf("used at %d (-want +got):\n%s", step.n, diff)
		}
	}
	if n := len(changeLog(f, o)) - before; n != 0 {
		f.Errorf("use made %d entries of the change log", n)
	}
}
