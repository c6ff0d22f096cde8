package crm_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

func TestHears(t *testing.T) {
	t.Parallel()
	me, they, thing := crm.NewID(), crm.NewID(), crm.NewID()
	rep := crm.Actor{User: me, Role: crm.RoleRep}
	entry := func(entity string, r crm.Refs) crm.LogEntry {
		return crm.LogEntry{Seq: 1, Entity: entity, ID: &thing, Op: crm.OpUpdated, Refs: r}
	}
	mine := crm.Refs{Owner: []crm.ID{me}, Company: []crm.ID{they}}
	bulk := crm.LogEntry{Seq: 1, Entity: crm.EntityDeal, Op: crm.OpBulk}
	lost := entry(crm.EntityDeal, crm.Refs{Owner: []crm.ID{me}})
	lost.Op = crm.OpDeleted
	for name, test := range map[string]struct {
		entry crm.LogEntry
		want  *crm.LogEntry // nil: nothing
		admin bool          // of those who see all records, only admins see it
	}{
		"Mine":           {entry: entry(crm.EntityDeal, mine), want: new(entry(crm.EntityDeal, mine))},
		"Theirs":         {entry: entry(crm.EntityDeal, crm.Refs{Owner: []crm.ID{they}})},
		"Nobodys":        {entry: entry(crm.EntityCompany, crm.Refs{})},
		"Lost":           {entry: entry(crm.EntityDeal, crm.Refs{Owner: []crm.ID{me, they}, Company: []crm.ID{they}, PreviousOwners: []crm.ID{me}}), want: &lost},
		"LostToNobody":   {entry: entry(crm.EntityDeal, crm.Refs{Owner: []crm.ID{me}, Company: []crm.ID{they}, PreviousOwners: []crm.ID{me}}), want: &lost},
		"Gained":         {entry: entry(crm.EntityDeal, crm.Refs{Owner: []crm.ID{they, me}, Company: []crm.ID{they}, PreviousOwners: []crm.ID{they}}), want: new(entry(crm.EntityDeal, crm.Refs{Owner: []crm.ID{me}}))},
		"ManyAtOnce":     {entry: bulk, want: &bulk},
		"Stage":          {entry: entry(crm.EntityStage, crm.Refs{Stage: []crm.ID{thing}}), want: new(entry(crm.EntityStage, crm.Refs{Stage: []crm.ID{thing}}))},
		"Person":         {entry: entry(crm.EntityOwner, crm.Refs{Owner: []crm.ID{they}}), want: new(entry(crm.EntityOwner, crm.Refs{Owner: []crm.ID{they}}))},
		"Organisation":   {entry: entry(crm.EntityOrganisation, crm.Refs{}), want: new(entry(crm.EntityOrganisation, crm.Refs{}))},
		"OthersKey":      {entry: entry(crm.EntityAPIKey, crm.Refs{Owner: []crm.ID{they}}), admin: true},
		"OthersSession":  {entry: entry(crm.EntitySession, crm.Refs{Owner: []crm.ID{they}}), admin: true},
		"OwnKey":         {entry: entry(crm.EntityAPIKey, mine), admin: true},
		"Keys":           {entry: crm.LogEntry{Seq: 1, Entity: crm.EntityAPIKey, Op: crm.OpBulk}, admin: true},
		"Cache":          {entry: crm.LogEntry{Seq: 1, Entity: crm.EntityCache, Op: crm.OpBulk}, admin: true},
		"OwnSession":     {entry: entry(crm.EntitySession, crm.Refs{Owner: []crm.ID{me}}), want: new(entry(crm.EntitySession, crm.Refs{Owner: []crm.ID{me}}))},
		"WhatIsNotKnown": {entry: entry("invoice", crm.Refs{}), admin: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, heard := rep.VisibleEntry(test.entry)
			if heard != (test.want != nil) {
				t.Fatalf("heard: %t, of %+v", heard, got)
			}
			if heard {
				if diff := cmp.Diff(*test.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			for _, all := range []crm.Actor{{User: me, Role: crm.RoleRep, SeesAll: true}, {User: me, Role: crm.RoleViewer}, crm.Operator(thing)} {
				got, heard := all.VisibleEntry(test.entry)
				if want := !test.admin || all.Role == crm.RoleAdmin; heard != want || heard && !cmp.Equal(got, test.entry) {
					t.Errorf("%+v hears %+v (%t)", all, got, heard)
				}
			}
		})
	}
}
