package demo

import (
	"context"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

// teamDomain is the domain of the sales team's addresses.
const teamDomain = "sales-team.example"

// AdminEmail is the address of the team's admin, its first member.
const AdminEmail = "admin@" + teamDomain

// jobs are the roles in the team; all further members are reps.
var jobs = []struct {
	title string
	role  crm.Role
}{
	{"Head of Sales", crm.RoleAdmin},
	{"Sales Manager", crm.RoleManager},
	{"Account Executive", crm.RoleRep},
	{"Account Executive", crm.RoleRep},
	{"Senior Account Executive", crm.RoleRep},
	{"Business Development Representative", crm.RoleRep},
	{"Account Manager", crm.RoleRep},
	{"Sales Analyst", crm.RoleViewer},
}

// person generates member i of the team. The team is older than its history.
func (g *generator) person(i int) crm.Owner {
	r := g.random(kindPerson, i)
	first, last := g.names.person(i)
	job := jobs[2]
	if i < len(jobs) {
		job = jobs[i]
	}
	email := slug(first) + "." + slug(last) + "@" + teamDomain
	if i == 0 {
		email = AdminEmail
	}
	created := within(r, g.start().Add(-90*day), g.start())
	at := crm.InstantOf(created)
	return crm.Owner{
		OrgID: g.org, ID: g.id(kindPerson, i, 0, created),
		FirstName: &first, LastName: &last, FullName: first + " " + last,
		Email: &email, Stage: &job.title, Role: job.role,
		CreatedAt: at, UpdatedAt: at, Version: 1,
	}
}

func (g *generator) writePeople(ctx context.Context, tx bulk.Tx, from, to int) error {
	return insert(ctx, tx.Owners(), crm.KeyEmail, rows(from, to, g.person), func(p *crm.Owner) **string { return &p.Email })
}
