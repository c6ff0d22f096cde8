package adopt

import (
	"context"

	"sixty/internal/bulk"
	"sixty/internal/crm"
)

func profiles() *table[crm.OwnerPatch] {
	t := newTable[crm.OwnerPatch]("profiles")
	p := &t.row.Patch
	t.label("first_name", &p.FirstName)
	t.label("last_name", &p.LastName)
	t.label("full_name", &t.other.fullName)
	t.text("email", &p.Email)
	t.label("stage", &p.Stage)
	t.text("avatar_url", &p.AvatarURL)
	add(t, "is_admin", &t.other.isAdmin, parseBool)
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
	p := &t.row.Patch
	t.order = []string{"order_position", "id"}
	t.label("name", &p.Name)
	t.long("description", &p.Description)
	t.text("color", &p.Color)
	add(t, "order_position", &p.OrderPosition, parseWhole)
	add(t, "default_probability", &p.DefaultProbability, parsePercent)
	add(t, "outcome", &p.Outcome, parseEnumerated)
	return t
}

func companies() *table[crm.CompanyPatch] {
	t := newTable[crm.CompanyPatch]("companies")
	p := &t.row.Patch
	t.label("name", &p.Name)
	t.text("domain", &p.Domain)
	t.label("industry", &p.Industry)
	add(t, "size", &p.Size, parseEnumerated)
	t.text("website", &p.Website)
	t.long("address", &p.Address)
	t.text("phone", &p.Phone)
	t.long("description", &p.Description)
	t.text("linkedin_url", &p.LinkedInURL)
	add(t, "owner_id", &p.OwnerID, parseID)
	t.text("external_id", &p.ExternalID)
	return t
}

// contacts are read company by company, so that the first primary one of each is known.
func contacts() *table[crm.ContactPatch] {
	t := newTable[crm.ContactPatch]("contacts")
	p := &t.row.Patch
	t.order = []string{"company_id", "id"}
	t.label("first_name", &p.FirstName)
	t.label("last_name", &p.LastName)
	t.label("full_name", &t.other.fullName)
	t.text("email", &p.Email)
	t.text("phone", &p.Phone)
	t.label("title", &p.Title)
	t.text("linkedin_url", &p.LinkedInURL)
	add(t, "is_primary", &p.IsPrimary, parseBool)
	add(t, "company_id", &p.CompanyID, parseID)
	add(t, "owner_id", &p.OwnerID, parseID)
	t.text("external_id", &p.ExternalID)
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
	p := &t.row.Patch
	t.label("name", &p.Name)
	t.label("company", &p.Company)
	t.label("contact_name", &p.ContactName)
	t.text("contact_email", &p.ContactEmail)
	t.text("contact_phone", &p.ContactPhone)
	t.label("contact_identifier", &p.ContactIdentifier)
	add(t, "contact_identifier_type", &p.ContactIdentifierType, parseEnumerated)
	add(t, "value", &p.Value, parseMoney)
	t.text("currency", &p.Currency)
	add(t, "one_off_revenue", &p.OneOffRevenue, parseMoney)
	add(t, "monthly_mrr", &p.MonthlyMRR, parseMoney)
	t.long("description", &p.Description)
	add(t, "probability", &p.Probability, parsePercent)
	add(t, "status", &p.Status, parseEnumerated)
	add(t, "priority", &p.Priority, parseEnumerated)
	add(t, "annual_value", &p.AnnualValue, parseMoney)
	t.label("deal_size", &p.DealSize)
	t.label("lead_source_type", &p.LeadSourceType)
	t.label("lead_source_channel", &p.LeadSourceChannel)
	t.long("next_steps", &p.NextSteps)
	t.text("external_id", &p.ExternalID)
	add(t, "expected_close_date", &p.ExpectedCloseDate, parseDate)
	add(t, "first_billing_date", &p.FirstBillingDate, parseDate)
	add(t, "closed_at", &p.ClosedAt, parseInstant)
	add(t, "stage_changed_at", &t.row.StageChangedAt, parseInstant)
	add(t, "company_id", &p.CompanyID, parseID)
	add(t, "primary_contact_id", &p.PrimaryContactID, parseID)
	add(t, "stage_id", &p.StageID, parseID)
	add(t, "owner_id", &p.OwnerID, parseID)
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
	add(t, "role", &p.role, parseEnumerated)
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
	p := &t.row.Patch
	add(t, "type", &p.Type, parseEnumerated)
	add(t, "status", &p.Status, parseEnumerated)
	add(t, "priority", &p.Priority, parseEnumerated)
	t.long("description", &p.Description)
	add(t, "amount", &p.Amount, parseMoney)
	add(t, "quantity", &p.Quantity, parseWhole)
	add(t, "date", &p.Date, parseMoment)
	add(t, "contact_id", &p.ContactID, parseID)
	add(t, "company_id", &p.CompanyID, parseID)
	add(t, "deal_id", &p.DealID, parseID)
	add(t, "owner_id", &p.OwnerID, parseID)
	return t
}

func tasks() *table[crm.TaskPatch] {
	t := newTable[crm.TaskPatch]("tasks")
	p := &t.row.Patch
	t.label("title", &p.Title)
	t.long("description", &p.Description)
	t.long("notes", &p.Notes)
	add(t, "due_date", &p.DueDate, parseMoment)
	add(t, "completed", &p.Completed, parseBool)
	add(t, "completed_at", &p.CompletedAt, parseInstant)
	add(t, "priority", &p.Priority, parseEnumerated)
	add(t, "status", &p.Status, parseEnumerated)
	add(t, "task_type", &p.TaskType, parseEnumerated)
	add(t, "assigned_to", &p.AssignedTo, parseID)
	add(t, "created_by", &p.CreatedBy, parseID)
	add(t, "deal_id", &p.DealID, parseID)
	add(t, "company_id", &p.CompanyID, parseID)
	add(t, "contact_id", &p.ContactID, parseID)
	return t
}
