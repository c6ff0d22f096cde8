package store

import (
	"math"

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
		sorts: map[string]sortKey{
			"updated_at":          commonSorts["updated_at"],
			"created_at":          commonSorts["created_at"],
			"name":                commonSorts["name"],
			"id":                  commonSorts["id"],
			"value":               {"value_asc", keyNumber, math.MaxInt64, -math.MaxInt64},
			"expected_close_date": {"close_asc", keyNumber, math.MaxInt32, -math.MaxInt32},
		},
		filters: filtersOf(crm.Deals, map[string]condition[crm.DealFilter]{
			"ownerId":     {sql: "t.owner_id ="},
			"stageId":     {sql: "t.stage_id ="},
			"companyId":   {sql: "t.company_id ="},
			"contactId":   {add: addDealContact},
			"status":      {sql: "t.status ="},
			"minValue":    {sql: "t.value >="},
			"maxValue":    {sql: "t.value <="},
			"closeBefore": {sql: "t.expected_close_date <"},
			"closeAfter":  {sql: "t.expected_close_date >"},
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

// addDealContact adds the condition that a contact is on a deal. The deals of a contact
// are listed by deal_contacts, in order.
func addDealContact(b *whereBuilder, f *crm.DealFilter) {
	b.from = " FROM deal_contacts l JOIN deals t ON t.org_id = l.org_id AND t.id = l.deal_id"
	b.lead, b.updated, b.id = "l", "l.deal_updated_at", "l.deal_id"
	b.searchJoin = " JOIN deal_contacts l ON l.org_id = t.org_id AND l.deal_id = t.id"
	b.add("l.contact_id =", f.ContactID)
}

func sameID(a, b *crm.ID) bool { return a == b || a != nil && b != nil && *a == *b }
