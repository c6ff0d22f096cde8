package httpapi

import "sixty/internal/crm"

// An appender appends a record as a JSON object.
type appender[T any] func([]byte, *T) []byte

func appendCompany(b []byte, c *crm.Company) []byte {
	b = appendID(append(b, `{"id":`...), c.ID)
	b = appendString(append(b, `,"name":`...), c.Name)
	b = appendText(append(b, `,"domain":`...), c.Domain)
	b = appendText(append(b, `,"industry":`...), c.Industry)
	b = appendText(append(b, `,"size":`...), c.Size)
	b = appendText(append(b, `,"website":`...), c.Website)
	b = appendText(append(b, `,"address":`...), c.Address)
	b = appendText(append(b, `,"phone":`...), c.Phone)
	b = appendText(append(b, `,"description":`...), c.Description)
	b = appendText(append(b, `,"linkedin_url":`...), c.LinkedInURL)
	b = appendOptional(append(b, `,"owner_id":`...), c.OwnerID, appendID)
	b = appendText(append(b, `,"external_id":`...), c.ExternalID)
	return appendTimes(b, c.CreatedAt, c.UpdatedAt)
}

func appendContact(b []byte, c *crm.Contact) []byte {
	b = appendID(append(b, `{"id":`...), c.ID)
	b = appendText(append(b, `,"first_name":`...), c.FirstName)
	b = appendText(append(b, `,"last_name":`...), c.LastName)
	b = appendString(append(b, `,"full_name":`...), c.FullName)
	b = appendText(append(b, `,"email":`...), c.Email)
	b = appendText(append(b, `,"phone":`...), c.Phone)
	b = appendText(append(b, `,"title":`...), c.Title)
	b = appendText(append(b, `,"linkedin_url":`...), c.LinkedInURL)
	b = appendBool(append(b, `,"is_primary":`...), c.IsPrimary)
	b = appendOptional(append(b, `,"company_id":`...), c.CompanyID, appendID)
	b = appendOptional(append(b, `,"owner_id":`...), c.OwnerID, appendID)
	b = appendText(append(b, `,"external_id":`...), c.ExternalID)
	return appendTimes(b, c.CreatedAt, c.UpdatedAt)
}

func appendDeal(b []byte, d *crm.Deal) []byte {
	b = appendID(append(b, `{"id":`...), d.ID)
	b = appendString(append(b, `,"name":`...), d.Name)
	b = appendText(append(b, `,"company":`...), d.Company)
	b = appendOptional(append(b, `,"company_id":`...), d.CompanyID, appendID)
	b = appendOptional(append(b, `,"primary_contact_id":`...), d.PrimaryContactID, appendID)
	b = appendText(append(b, `,"contact_name":`...), d.ContactName)
	b = appendText(append(b, `,"contact_email":`...), d.ContactEmail)
	b = appendText(append(b, `,"contact_phone":`...), d.ContactPhone)
	b = appendText(append(b, `,"contact_identifier":`...), d.ContactIdentifier)
	b = appendText(append(b, `,"contact_identifier_type":`...), d.ContactIdentifierType)
	b = appendOptional(append(b, `,"value":`...), d.Value, appendMoney)
	b = appendString(append(b, `,"currency":`...), d.Currency)
	b = appendOptional(append(b, `,"one_off_revenue":`...), d.OneOffRevenue, appendMoney)
	b = appendOptional(append(b, `,"monthly_mrr":`...), d.MonthlyMRR, appendMoney)
	b = appendText(append(b, `,"description":`...), d.Description)
	b = appendID(append(b, `,"stage_id":`...), d.StageID)
	b = appendInstant(append(b, `,"stage_changed_at":`...), d.StageChangedAt)
	b = appendInt(append(b, `,"probability":`...), d.Probability)
	b = appendString(append(b, `,"status":`...), d.Status)
	b = appendText(append(b, `,"priority":`...), d.Priority)
	b = appendOptional(append(b, `,"annual_value":`...), d.AnnualValue, appendMoney)
	b = appendText(append(b, `,"deal_size":`...), d.DealSize)
	b = appendText(append(b, `,"lead_source_type":`...), d.LeadSourceType)
	b = appendText(append(b, `,"lead_source_channel":`...), d.LeadSourceChannel)
	b = appendText(append(b, `,"next_steps":`...), d.NextSteps)
	b = appendOptional(append(b, `,"expected_close_date":`...), d.ExpectedCloseDate, appendDate)
	b = appendOptional(append(b, `,"first_billing_date":`...), d.FirstBillingDate, appendDate)
	b = appendOptional(append(b, `,"closed_at":`...), d.ClosedAt, appendInstant)
	b = appendOptional(append(b, `,"owner_id":`...), d.OwnerID, appendID)
	b = appendText(append(b, `,"external_id":`...), d.ExternalID)
	return appendTimes(b, d.CreatedAt, d.UpdatedAt)
}

func appendStage(b []byte, s *crm.Stage) []byte {
	b = appendID(append(b, `{"id":`...), s.ID)
	b = appendString(append(b, `,"name":`...), s.Name)
	b = appendText(append(b, `,"description":`...), s.Description)
	b = appendText(append(b, `,"color":`...), s.Color)
	b = appendInt(append(b, `,"order_position":`...), s.OrderPosition)
	b = appendInt(append(b, `,"default_probability":`...), s.DefaultProbability)
	b = appendString(append(b, `,"outcome":`...), string(s.Outcome))
	return appendTimes(b, s.CreatedAt, s.UpdatedAt)
}

func appendOwner(b []byte, o *crm.Owner) []byte {
	b = appendID(append(b, `{"id":`...), o.ID)
	b = appendText(append(b, `,"first_name":`...), o.FirstName)
	b = appendText(append(b, `,"last_name":`...), o.LastName)
	b = appendString(append(b, `,"full_name":`...), o.FullName)
	b = appendText(append(b, `,"email":`...), o.Email)
	b = appendText(append(b, `,"stage":`...), o.Stage)
	b = appendText(append(b, `,"avatar_url":`...), o.AvatarURL)
	b = appendString(append(b, `,"role":`...), string(o.Role))
	b = appendText(append(b, `,"external_id":`...), o.ExternalID)
	return appendTimes(b, o.CreatedAt, o.UpdatedAt)
}

// appendTimes appends the members that every record ends with, and closes the object.
func appendTimes(b []byte, created, updated crm.Instant) []byte {
	b = appendInstant(append(b, `,"created_at":`...), created)
	b = appendInstant(append(b, `,"updated_at":`...), updated)
	return append(b, '}')
}

// reopen removes an object's closing brace, so that more members can follow.
func reopen(b []byte) []byte { return b[:len(b)-1] }
