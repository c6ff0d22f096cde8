package adopt

import (
	"context"

	"sixty/internal/bulk"
	"sixty/internal/cells"
	"sixty/internal/crm"
)

func profiles() *table[crm.OwnerPatch] {
	t := newTable[crm.OwnerPatch]("profiles")
	p := &t.row.Patch
	addMembers(t, crm.Owners, "first_name", "last_name")
	t.cut("full_name", &t.other.fullName, crm.MaxNameLength)
	addMembers(t, crm.Owners, "email", "stage", "avatar_url")
	add(t, "is_admin", &t.other.isAdmin, cells.Bool, (*cells.Reader).Bool)
	t.finish = func(t *table[crm.OwnerPatch]) {
		splitName(&t.other, &p.FirstName, &p.LastName)
		if admin := t.other.isAdmin; admin.Set && !admin.Null {
			p.Role = crm.Of(string(crm.RoleRep))
			if admin.Value {
				p.Role = crm.Of(string(crm.RoleAdmin))
			}
		}
	}
	return t
}

// splitName takes a name's parts from the full name when that is all there is.
func splitName(other *extras, first, last *crm.Field[string]) {
	if first.Value == "" && last.Value == "" && other.fullName.Value != "" {
		*first, *last = crm.SplitName(other.fullName.Value)
	}
}

func dealStages() *table[crm.StagePatch] {
	t := newTable[crm.StagePatch]("deal_stages")
	t.order = []string{"order_position", "id"}
	addMembers(t, crm.Stages, "name", "description", "color", "order_position", "default_probability", "outcome")
	return t
}

func companies() *table[crm.CompanyPatch] {
	t := newTable[crm.CompanyPatch]("companies")
	addMembers(t, crm.Companies, "name", "domain", "industry", "size", "website", "address", "phone", "description",
		"linkedin_url", "owner_id", "external_id")
	return t
}

// contacts are read company by company, so that the first primary one of each is known.
func contacts() *table[crm.ContactPatch] {
	t := newTable[crm.ContactPatch]("contacts")
	p := &t.row.Patch
	t.order = []string{"company_id", "id"}
	addMembers(t, crm.Contacts, "first_name", "last_name")
	t.cut("full_name", &t.other.fullName, crm.MaxNameLength)
	addMembers(t, crm.Contacts, "email", "phone", "title", "linkedin_url", "is_primary", "company_id", "owner_id", "external_id")
	var ledBy crm.ID // the company whose primary contact was read
	t.finish = func(t *table[crm.ContactPatch]) {
		splitName(&t.other, &p.FirstName, &p.LastName)
		switch {
		case !p.IsPrimary.Value:
		case !p.CompanyID.Set || p.CompanyID.Null:
			t.left = append(t.left, "is_primary needs a company_id")
			p.IsPrimary = crm.Of(false)
		case p.CompanyID.Value == ledBy:
			t.left = append(t.left, "is_primary is another contact of the company already")
			p.IsPrimary = crm.Of(false)
		default:
			ledBy = p.CompanyID.Value
		}
	}
	return t
}

func deals() *table[crm.DealPatch] {
	t := newTable[crm.DealPatch]("deals")
	addMembers(t, crm.Deals, "name", "company", "contact_name", "contact_email", "contact_phone", "contact_identifier",
		"contact_identifier_type", "value", "currency", "one_off_revenue", "monthly_mrr", "description", "probability", "status",
		"priority", "annual_value", "deal_size", "lead_source_type", "lead_source_channel", "next_steps", "external_id",
		"expected_close_date", "first_billing_date", "closed_at")
	add(t, "stage_changed_at", &t.row.StageChangedAt, cells.Instant, (*cells.Reader).Instant)
	addMembers(t, crm.Deals, "company_id", "primary_contact_id", "stage_id", "owner_id")
	t.finish = func(t *table[crm.DealPatch]) { t.settleCurrency(&t.row.Patch.Currency) }
	return t
}

// rolePart is the role of a deal's further contact, as it is read.
type rolePart struct {
	link crm.DealContact
	role crm.Field[string]
}

// The role of a further contact whose role is not known.
const anyRole = "stakeholder"

// dealContacts are identified by deal and contact; an id of their own is ignored.
func dealContacts() *table[rolePart] {
	t := &table[rolePart]{name: "deal_contacts", keys: []string{"deal_id", "contact_id"}, order: []string{"deal_id", "contact_id"}}
	p := &t.row.Patch
	t.key("deal_id", &p.link.DealID)
	t.key("contact_id", &p.link.ContactID)
	add(t, "role", &p.role, cells.Enum, (*cells.Reader).Enum)
	t.finish = func(t *table[rolePart]) {
		p.link.Role = p.role.Value
		switch p.role.Value {
		case "decision_maker", "influencer", "stakeholder", "champion", "blocker":
		case "":
			p.link.Role = anyRole
		default:
			t.left = append(t.left, "role "+quoted(p.role.Value)+" is none; taken as "+anyRole)
			p.link.Role = anyRole
		}
	}
	return t
}

// linksOf adopts deals' further contacts, which are rows without an id.
func linksOf(service *bulk.Service) load[rolePart] {
	return func(ctx context.Context, by crm.Actor, rows []bulk.AdoptRow[rolePart], _ bool) ([]bulk.AdoptResult, error) {
		links := make([]crm.DealContact, len(rows))
		for i := range rows {
			links[i] = rows[i].Patch.link
		}
		return service.AdoptDealContacts(ctx, by, links)
	}
}

func activities() *table[crm.ActivityPatch] {
	t := newTable[crm.ActivityPatch]("activities")
	addMembers(t, crm.Activities, "type", "status", "priority", "description", "amount", "quantity", "date", "contact_id",
		"company_id", "deal_id", "owner_id")
	t.finish = func(t *table[crm.ActivityPatch]) { t.reportCurrency() }
	return t
}

func tasks() *table[crm.TaskPatch] {
	t := newTable[crm.TaskPatch]("tasks")
	addMembers(t, crm.Tasks, "title", "description", "notes", "due_date", "completed", "completed_at", "priority", "status",
		"task_type", "assigned_to", "created_by", "deal_id", "company_id", "contact_id")
	return t
}
