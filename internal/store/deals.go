package store

import (
	"math"

	"sixty/internal/crm"
)

func dealTable() table[crm.Deal, crm.DealFilter] {
	return table[crm.Deal, crm.DealFilter]{
		name: "deals", entity: crm.EntityDeal, owned: "t.owner_id = @", joinOwned: "pc.owner_id = @",
		columns: []column[crm.Deal]{
			{name: "org_id", field: func(d *crm.Deal) any { return &d.OrgID }},
			{name: "id", field: func(d *crm.Deal) any { return &d.ID }},
			{name: "name", field: func(d *crm.Deal) any { return &d.Name }},
			{name: "company", field: func(d *crm.Deal) any { return &d.Company }},
			{name: "company_id", field: func(d *crm.Deal) any { return &d.CompanyID }},
			{name: "primary_contact_id", field: func(d *crm.Deal) any { return &d.PrimaryContactID }},
			{name: "contact_name", field: func(d *crm.Deal) any { return &d.ContactName },
				view: "CASE WHEN pc.id IS NULL THEN t.contact_name ELSE pc.full_name END"},
			{name: "contact_email", field: func(d *crm.Deal) any { return &d.ContactEmail },
				view: "CASE WHEN pc.id IS NULL THEN t.contact_email ELSE pc.email END"},
			{name: "contact_phone", field: func(d *crm.Deal) any { return &d.ContactPhone }},
			{name: "contact_identifier", field: func(d *crm.Deal) any { return &d.ContactIdentifier }},
			{name: "contact_identifier_type", field: func(d *crm.Deal) any { return &d.ContactIdentifierType }},
			{name: "value", field: func(d *crm.Deal) any { return &d.Value }},
			{name: "currency", field: func(d *crm.Deal) any { return &d.Currency }},
			{name: "one_off_revenue", field: func(d *crm.Deal) any { return &d.OneOffRevenue }},
			{name: "monthly_mrr", field: func(d *crm.Deal) any { return &d.MonthlyMRR }},
			{name: "description", field: func(d *crm.Deal) any { return &d.Description }},
			{name: "stage_id", field: func(d *crm.Deal) any { return &d.StageID }},
			{name: "stage_changed_at", field: func(d *crm.Deal) any { return &d.StageChangedAt }},
			{name: "probability", field: func(d *crm.Deal) any { return &d.Probability }},
			{name: "status", field: func(d *crm.Deal) any { return &d.Status }},
			{name: "priority", field: func(d *crm.Deal) any { return &d.Priority }},
			{name: "annual_value", field: func(d *crm.Deal) any { return &d.AnnualValue }},
			{name: "deal_size", field: func(d *crm.Deal) any { return &d.DealSize }},
			{name: "lead_source_type", field: func(d *crm.Deal) any { return &d.LeadSourceType }},
			{name: "lead_source_channel", field: func(d *crm.Deal) any { return &d.LeadSourceChannel }},
			{name: "next_steps", field: func(d *crm.Deal) any { return &d.NextSteps }},
			{name: "expected_close_date", field: func(d *crm.Deal) any { return &d.ExpectedCloseDate }},
			{name: "first_billing_date", field: func(d *crm.Deal) any { return &d.FirstBillingDate }},
			{name: "closed_at", field: func(d *crm.Deal) any { return &d.ClosedAt }},
			{name: "owner_id", field: func(d *crm.Deal) any { return &d.OwnerID }},
			{name: "external_id", field: func(d *crm.Deal) any { return &d.ExternalID }},
			{name: "created_at", field: func(d *crm.Deal) any { return &d.CreatedAt }},
			{name: "updated_at", field: func(d *crm.Deal) any { return &d.UpdatedAt }},
			{name: "version", field: func(d *crm.Deal) any { return &d.Version }},
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
		search: &searchSpec[crm.Deal]{crm.KindDeal, "d", []string{"name", "company", "contact_name", "external_id"}, (*crm.Deal).Searched},
	}
}

func dealFilter(f crm.DealFilter, b *whereBuilder) {
	if f.ContactID != nil {
		// The deals of a contact are listed by deal_contacts, in order.
		b.from = " FROM deal_contacts l JOIN deals t ON t.org_id = l.org_id AND t.id = l.deal_id"
		b.lead, b.updated, b.id = "l", "l.deal_updated_at", "l.deal_id"
		b.searchJoin = " JOIN deal_contacts l ON l.org_id = t.org_id AND l.deal_id = t.id"
		b.add("l.contact_id =", f.ContactID)
	}
	addIf(b, "t.owner_id =", f.OwnerID)
	addIf(b, "t.stage_id =", f.StageID)
	addIf(b, "t.company_id =", f.CompanyID)
	addIf(b, "t.status =", f.Status)
	addIf(b, "t.value >=", f.MinValue)
	addIf(b, "t.value <=", f.MaxValue)
	addIf(b, "t.expected_close_date <", f.CloseBefore)
	addIf(b, "t.expected_close_date >", f.CloseAfter)
}
