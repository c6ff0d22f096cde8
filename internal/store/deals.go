package store

import (
	"math"
	"strings"

	"sixty/internal/crm"
)

func dealTable() table[crm.Deal, crm.DealFilter] {
	return table[crm.Deal, crm.DealFilter]{
		name: "deals", entity: crm.EntityDeal, owned: "t.owner_id = @", joinOwned: "pc.owner_id = @",
		columns: columnsOf(crm.Deals, map[string]string{
			"contact_name":  "CASE WHEN pc.id IS NULL THEN t.contact_name ELSE pc.full_name END",
			"contact_email": "CASE WHEN pc.id IS NULL THEN t.contact_email ELSE pc.email END",
		}),
		nameOf: func(d *crm.Deal) string { return d.Name },
		joins:  " LEFT JOIN contacts pc ON pc.org_id = t.org_id AND pc.id = t.primary_contact_id",
		order:  crm.Deals.Sorts.Default.Field,
		sorts: map[string]sortKey{
			"updated_at":          commonSorts["updated_at"],
			"created_at":          commonSorts["created_at"],
			"name":                commonSorts["name"],
			"id":                  commonSorts["id"],
			"value":               {"value_asc", keyNumber, math.MaxInt64, -math.MaxInt64},
			"expected_close_date": {"close_asc", keyNumber, math.MaxInt32, -math.MaxInt32},
		},
		filters: filtersOf(crm.Deals, map[string]condition[crm.DealFilter]{
			"ownerId":     {column: "t.owner_id"},
			"stageId":     {column: "t.stage_id"},
			"companyId":   {column: "t.company_id"},
			"contactId":   {choice: dealContacts},
			"status":      {column: "t.status"},
			"priority":    {column: "t.priority"},
			"minValue":    {sql: "t.value >="},
			"maxValue":    {sql: "t.value <="},
			"closeBefore": {sql: "t.expected_close_date <"},
			"closeAfter":  {sql: "t.expected_close_date >"},
			"closeFrom":   {sql: "t.expected_close_date >="},
			"closeTo":     {sql: "t.expected_close_date <="},
			"closedFrom":  {add: func(b *whereBuilder, f *crm.DealFilter) { b.add("t.closed_at >=", f.ClosedFrom.First) }},
			"closedTo":    {add: func(b *whereBuilder, f *crm.DealFilter) { b.add("t.closed_at <=", f.ClosedTo.Last) }},
		}),
		keys: map[crm.Key]string{crm.KeyExternalID: "external_id", crm.KeyName: "name_key"},
		id:   func(d *crm.Deal) crm.ID { return d.ID },
		org:  func(d *crm.Deal) crm.ID { return d.OrgID },
		refs: func(d *crm.Deal) crm.Refs {
			return crm.Refs{Owner: idsOf(d.OwnerID), Company: idsOf(d.CompanyID), Contact: idsOf(d.PrimaryContactID), Stage: []crm.ID{d.StageID}}
		},
		search: &searchSpec[crm.Deal]{
			kind: crm.KindDeal, prefix: "d", endPrefix: "z", columns: searchedColumns(crm.Deals), searched: (*crm.Deal).Searched,
			relinked: func(before, after *crm.Deal) bool {
				return !sameID(before.CompanyID, after.CompanyID) || !sameID(before.PrimaryContactID, after.PrimaryContactID)
			},
		},
	}
}

// dealContacts returns the alternatives of contacts that are on a deal. The deals of a contact
// are listed by deal_contacts, in order.
func dealContacts(b *whereBuilder, _ *crm.DealFilter, contacts crm.Choice) alternatives {
	of := &source{
		from: " FROM deal_contacts l JOIN deals t ON t.org_id = l.org_id AND t.id = l.deal_id",
		lead: "l", updated: "l.deal_updated_at", id: "l.deal_id",
		searchJoin: " JOIN deal_contacts l ON l.org_id = t.org_id AND l.deal_id = t.id",
	}
	const on = "EXISTS (SELECT 1 FROM deal_contacts c WHERE c.org_id = t.org_id AND c.deal_id = t.id"
	a := alternatives{overlap: true, ids: len(contacts.Values) > 0}
	var conditions []string
	places := b.placeholdersFor(contacts.Values)
	for _, p := range places {
		a.arms = append(a.arms, arm{"l.contact_id = " + p, of})
	}
	if len(places) > 0 {
		conditions = append(conditions, on+" AND c.contact_id IN ("+strings.Join(places, ", ")+"))")
	}
	if contacts.Null {
		none := "t.primary_contact_id IS NULL AND NOT " + on + ")"
		a.arms = append(a.arms, arm{condition: none})
		conditions = append(conditions, none)
	}
	a.any = anyOf(conditions)
	return a
}

func sameID(a, b *crm.ID) bool { return a == b || a != nil && b != nil && *a == *b }
