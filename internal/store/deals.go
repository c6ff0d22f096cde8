package store

import (
	"math"

	"sixty/internal/crm"
)

func dealTable() table[crm.Deal, crm.DealFilter] {
	return table[crm.Deal, crm.DealFilter]{
		name: "deals", entity: crm.EntityDeal, owned: "t.owner_id = @", joined: "pc.owner_id = @",
		columns: []column[crm.Deal]{
			{name: "org_id", member: func(d *crm.Deal) any { return &d.OrgID }},
			{name: "id", member: func(d *crm.Deal) any { return &d.ID }},
			{name: "name", member: func(d *crm.Deal) any { return &d.Name }},
			{name: "company", member: func(d *crm.Deal) any { return &d.Company }},
			{name: "company_id", member: func(d *crm.Deal) any { return &d.CompanyID }},
			{name: "primary_contact_id", member: func(d *crm.Deal) any { return &d.PrimaryContactID }},
			{name: "contact_name", member: func(d *crm.Deal) any { return &d.ContactName },
				view: "CASE WHEN pc.id IS NULL THEN t.contact_name ELSE pc.full_name END"},
			{name: "contact_email", member: func(d *crm.Deal) any { return &d.ContactEmail },
				view: "CASE WHEN pc.id IS NULL THEN t.contact_email ELSE pc.email END"},
			{name: "contact_phone", member: func(d *crm.Deal) any { return &d.ContactPhone }},
			{name: "contact_identifier", member: func(d *crm.Deal) any { return &d.ContactIdentifier }},
			{name: "contact_identifier_type", member: func(d *crm.Deal) any { return &d.ContactIdentifierType }},
			{name: "value", member: func(d *crm.Deal) any { return &d.Value }},
			{name: "currency", member: func(d *crm.Deal) any { return &d.Currency }},
			{name: "one_off_revenue", member: func(d *crm.Deal) any { return &d.OneOffRevenue }},
			{name: "monthly_mrr", member: func(d *crm.Deal) any { return &d.MonthlyMRR }},
			{name: "description", member: func(d *crm.Deal) any { return &d.Description }},
			{name: "stage_id", member: func(d *crm.Deal) any { return &d.StageID }},
			{name: "stage_changed_at", member: func(d *crm.Deal) any { return &d.StageChangedAt }},
			{name: "probability", member: func(d *crm.Deal) any { return &d.Probability }},
			{name: "status", member: func(d *crm.Deal) any { return &d.Status }},
			{name: "priority", member: func(d *crm.Deal) any { return &d.Priority }},
			{name: "annual_value", member: func(d *crm.Deal) any { return &d.AnnualValue }},
			{name: "deal_size", member: func(d *crm.Deal) any { return &d.DealSize }},
			{name: "lead_source_type", member: func(d *crm.Deal) any { return &d.LeadSourceType }},
			{name: "lead_source_channel", member: func(d *crm.Deal) any { return &d.LeadSourceChannel }},
			{name: "next_steps", member: func(d *crm.Deal) any { return &d.NextSteps }},
			{name: "expected_close_date", member: func(d *crm.Deal) any { return &d.ExpectedCloseDate }},
			{name: "first_billing_date", member: func(d *crm.Deal) any { return &d.FirstBillingDate }},
			{name: "closed_at", member: func(d *crm.Deal) any { return &d.ClosedAt }},
			{name: "owner_id", member: func(d *crm.Deal) any { return &d.OwnerID }},
			{name: "external_id", member: func(d *crm.Deal) any { return &d.ExternalID }},
			{name: "created_at", member: func(d *crm.Deal) any { return &d.CreatedAt }},
			{name: "updated_at", member: func(d *crm.Deal) any { return &d.UpdatedAt }},
			{name: "version", member: func(d *crm.Deal) any { return &d.Version }},
		},
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
		filter: dealFilter,
		keys:   map[crm.Key]string{crm.KeyExternalID: "external_id", crm.KeyName: "name_key"},
		id:     func(d *crm.Deal) crm.ID { return d.ID },
		org:    func(d *crm.Deal) crm.ID { return d.OrgID },
		refs: func(d *crm.Deal) crm.Refs {
			return crm.Refs{Owner: idsOf(d.OwnerID), Company: idsOf(d.CompanyID), Contact: idsOf(d.PrimaryContactID), Stage: []crm.ID{d.StageID}}
		},
		search: &searching[crm.Deal]{crm.KindDeal, "d", []string{"name", "company", "contact_name", "external_id"}, (*crm.Deal).Searched},
	}
}

func dealFilter(f crm.DealFilter, n *narrowing) {
	if f.ContactID != nil {
		// The deals of a contact are listed by deal_contacts, in order.
		n.from = " FROM deal_contacts l JOIN deals t ON t.org_id = l.org_id AND t.id = l.deal_id"
		n.lead, n.updated, n.id = "l", "l.deal_updated_at", "l.deal_id"
		n.beside = " JOIN deal_contacts l ON l.org_id = t.org_id AND l.deal_id = t.id"
		n.add('p', "l.contact_id =", f.ContactID)
	}
	narrow(n, 'o', "t.owner_id =", f.OwnerID)
	narrow(n, 's', "t.stage_id =", f.StageID)
	narrow(n, 'c', "t.company_id =", f.CompanyID)
	narrow(n, 'u', "t.status =", f.Status)
	narrow(n, 'v', "t.value >=", f.MinValue)
	narrow(n, 'w', "t.value <=", f.MaxValue)
	narrow(n, 'x', "t.expected_close_date <", f.CloseBefore)
	narrow(n, 'y', "t.expected_close_date >", f.CloseAfter)
}
