package app_test

import (
	"net/url"
	"time"

	"sixty/internal/bulk"
	"sixty/internal/crm"
	"sixty/internal/files"
	"sixty/internal/jobs"
	"sixty/internal/store"
)

// aFile is a file that can be imported, and importing are the options with which it is, or would be.
const aFile = "name,domain\nAcme,acme.example\n"

var importing = url.Values{"kind": {"companies"}, "dry_run": {"true"}}

// anImport returns the record of an import that a person of the organisation asked for, and that is done.
func (u user) anImport(owner string) bulk.Import {
	u.t.Helper()
	person, err := crm.ParseID(owner)
	if err != nil {
		u.t.Fatal(err)
	}
	now := crm.InstantOf(time.Now())
	return bulk.Import{
		OrgID: u.org, ID: crm.NewID(), Kind: "companies", Source: "api", State: bulk.ImportDone, ActorID: &person,
		Files: `[]`, Options: `{}`, Counts: `{}`, CreatedAt: now, FinishedAt: &now, Version: 1,
	}
}

// importOf enters an import that a person of the organisation asked for. It has rejected rows, and can be
// undone.
func (u user) importOf(owner string) bulk.Import {
	u.t.Helper()
	i := u.anImport(owner)
	rejected, err := crm.ParseID(u.file(crm.Actor{Org: u.org, User: *i.ActorID, Role: crm.RoleManager}, files.Rejects))
	if err != nil {
		u.t.Fatal(err)
	}
	i.RejectedID = &rejected
	u.enter(i)
	return i
}

func (u user) enter(all ...bulk.Import) {
	u.t.Helper()
	ctx := u.t.Context()
	err := u.app.Core().Store.Write(ctx, crm.Operator(u.org), 1, func(tx store.Tx) error {
		for _, i := range all {
			if err := tx.InsertImport(ctx, i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		u.t.Fatal(err)
	}
}

// fillWork creates n jobs that no server runs, n imports and n messages.
func (u user) fillWork(n int) {
	u.t.Helper()
	owner := id(u.get("/api/user"))
	waiting, imported := make([]jobs.Job, n), make([]bulk.Import, n)
	for i := range n {
		job := crm.NewID()
		waiting[i] = jobs.Job{OrgID: u.org, ID: job, Kind: jobs.GenerateReport, State: jobs.Ready, MaxAttempts: 1, Args: `{"do":"end"}`, Place: new(job.String())}
		imported[i] = u.anImport(owner)
		imported[i].CreatedAt = crm.Instant(i / 3) // some are equal
		u.message()
	}
	u.enter(imported...)
	if _, err := u.app.Core().Store.Jobs().Insert(u.t.Context(), crm.Operator(u.org), waiting); err != nil {
		u.t.Fatal(err)
	}
}
