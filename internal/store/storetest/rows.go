package storetest

import (
	"strconv"
	"strings"
	"time"

	"sixty/internal/crm"
)

func ptr[T any](v T) *T { return &v }

// distinct makes a text that is there another one for each n, no longer than it
// was: its first characters become the number.
func distinct(s *string, n int) *string {
	if s == nil {
		return nil
	}
	number := strconv.Itoa(n) + "."
	rest := []rune(*s)
	return ptr(number + string(rest[min(len(number), len(rest)):]))
}

// The least that can be stored of each kind.

func (o tenant) newOwner(name string) crm.Owner {
	return crm.Owner{
		OrgID: o.ID, ID: crm.NewID(), FirstName: &name, FullName: name, Role: crm.RoleRep,
		CreatedAt: at(0), UpdatedAt: at(0), Version: 1,
	}
}

func (o tenant) newStage(name string) crm.Stage {
	return crm.Stage{
		OrgID: o.ID, ID: crm.NewID(), Name: name, Outcome: crm.OutcomeOpen,
		CreatedAt: at(0), UpdatedAt: at(0), Version: 1,
	}
}

func (o tenant) newCompany(name string) crm.Company {
	return crm.Company{OrgID: o.ID, ID: crm.NewID(), Name: name, CreatedAt: at(0), UpdatedAt: at(0), Version: 1}
}

func (o tenant) newContact(name string) crm.Contact {
	return crm.Contact{
		OrgID: o.ID, ID: crm.NewID(), FirstName: &name, FullName: name,
		CreatedAt: at(0), UpdatedAt: at(0), Version: 1,
	}
}

func (o tenant) newDeal(name string) crm.Deal {
	return crm.Deal{
		OrgID: o.ID, ID: crm.NewID(), Name: name, Currency: "GBP", StageID: o.stage.ID, StageChangedAt: at(0),
		Status: crm.StatusActive, CreatedAt: at(0), UpdatedAt: at(0), Version: 1,
	}
}

func (o tenant) newActivity(kind string) crm.Activity {
	return crm.Activity{
		OrgID: o.ID, ID: crm.NewID(), Type: kind, Status: crm.ActivityCompleted, Date: at(0),
		CreatedAt: at(0), UpdatedAt: at(0), Version: 1,
	}
}

func (o tenant) newTask(title string) crm.Task {
	return crm.Task{
		OrgID: o.ID, ID: crm.NewID(), Title: title, Priority: "medium", Status: crm.TaskPending, TaskType: "general",
		CreatedAt: at(0), UpdatedAt: at(0), Version: 1,
	}
}

// The ends of what the values can be.
var (
	longText  = strings.Repeat("\U0001F469\u200D\U0001F4BB", 85)                                         // 255 characters, joined emoji
	oddText   = "e\u0301 \u00c5ngstro\u0308m 東京 \u202eabc\u202c 'a' \"b\" \\ % _ $1 ?\t\n{[<&>]} \u2028" // combining, right to left, syntax
	longest   = strings.Repeat("長", 10_000)
	longMail  = strings.Repeat("x", 64) + "@" + strings.Repeat("y", 185) + ".org"
	longHost  = strings.Repeat(strings.Repeat("z", 62)+".", 4) + "z"
	longLink  = "https://example.org/" + strings.Repeat("%20", 676)
	firstDay  = crm.DateOf(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
	lastDay   = crm.DateOf(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
	firstTime = firstDay.Instant()
	lastTime  = crm.InstantOf(time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC))
	before70  = crm.InstantOf(time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC))
)

// Variants of each kind: every member set, none set that need not be, and the ends
// of what they can be. refs are records that others may refer to.

type refs struct {
	owner   crm.Owner
	company crm.Company
	contact crm.Contact
	stage   crm.Stage
	deal    crm.Deal
}

func companyVariants(o tenant, r refs) []crm.Company {
	full := crm.Company{
		OrgID: o.ID, ID: crm.NewID(), Name: "Full", Domain: ptr("full.example"), Industry: ptr("Mining"), Size: ptr("large"),
		Website: ptr("https://full.example/"), Address: ptr("1 High Street\nLeeds"), Phone: ptr("+44 113 496 0000"),
		Description: ptr("digs"), LinkedInURL: ptr("https://linkedin.com/company/full"), OwnerID: &r.owner.ID,
		ExternalID: ptr("C-1"), CreatedAt: at(1), UpdatedAt: at(2), Version: 1,
	}
	long, odd := full, full
	long.ID, long.Name, long.Domain, long.Industry = crm.NewID(), longText, &longHost, &longText
	long.Website, long.Address, long.Description, long.LinkedInURL = &longLink, &longest, &longest, &longLink
	long.ExternalID, long.CreatedAt, long.UpdatedAt = &longText, firstTime, lastTime
	odd.ID, odd.Name, odd.Industry, odd.Phone, odd.Description = crm.NewID(), oddText, &oddText, &oddText, &oddText
	odd.Domain, odd.ExternalID, odd.Size, odd.CreatedAt, odd.UpdatedAt = ptr("münchen.example"), &oddText, ptr("startup"), before70, before70+1
	return []crm.Company{full, o.newCompany("Bare"), long, odd}
}

func contactVariants(o tenant, r refs) []crm.Contact {
	full := crm.Contact{
		OrgID: o.ID, ID: crm.NewID(), FirstName: ptr("Grace"), LastName: ptr("Hopper"), FullName: "Grace Hopper",
		Email: ptr("grace@full.example"), Phone: ptr("+1 212 555 0100"), Title: ptr("Rear admiral"),
		LinkedInURL: ptr("https://linkedin.com/in/grace"), IsPrimary: true, CompanyID: &r.company.ID, OwnerID: &r.owner.ID,
		ExternalID: ptr("P-1"), CreatedAt: at(1), UpdatedAt: at(2), Version: 1,
	}
	bare := o.newContact("")
	bare.FirstName = nil
	long, odd := full, full
	long.ID, long.IsPrimary, long.FirstName, long.LastName, long.FullName = crm.NewID(), false, &longText, &longText, longText+" "+longText
	long.Email, long.Title, long.LinkedInURL, long.ExternalID = &longMail, &longText, &longLink, &longText
	long.CreatedAt, long.UpdatedAt = firstTime, lastTime
	odd.ID, odd.IsPrimary, odd.FirstName, odd.LastName, odd.FullName = crm.NewID(), false, nil, &oddText, oddText
	odd.Email, odd.Phone, odd.Title, odd.ExternalID = ptr("ünï@bücher.example"), &oddText, &oddText, &oddText
	odd.CreatedAt, odd.UpdatedAt = before70, before70+1
	return []crm.Contact{full, bare, long, odd}
}

func stageVariants(o tenant, _ refs) []crm.Stage {
	full := crm.Stage{
		OrgID: o.ID, ID: crm.NewID(), Name: "Full", Description: ptr("all of it"), Color: ptr("#3B82F6"), OrderPosition: 7,
		DefaultProbability: 55, Outcome: crm.OutcomeWon, CreatedAt: at(1), UpdatedAt: at(2), Version: 1,
	}
	long, odd := full, full
	long.ID, long.Name, long.Description, long.OrderPosition = crm.NewID(), longText, &longest, 1_000_000
	long.DefaultProbability, long.Outcome, long.CreatedAt, long.UpdatedAt = 100, crm.OutcomeLost, firstTime, lastTime
	odd.ID, odd.Name, odd.Description, odd.CreatedAt, odd.UpdatedAt = crm.NewID(), oddText, &oddText, before70, before70+1
	return []crm.Stage{full, o.newStage("Bare"), long, odd}
}

func ownerVariants(o tenant, _ refs) []crm.Owner {
	full := crm.Owner{
		OrgID: o.ID, ID: crm.NewID(), FirstName: ptr("Alan"), LastName: ptr("Turing"), FullName: "Alan Turing",
		Email: ptr("alan@full.example"), Stage: ptr("Fellow"), AvatarURL: ptr("https://full.example/alan.png"), Role: crm.RoleManager,
		CreatedAt: at(1), UpdatedAt: at(2), Service: true, DeactivatedAt: ptr(at(3)), Version: 1,
	}
	bare := o.newOwner("")
	bare.FirstName = nil
	long, odd := full, full
	long.ID, long.FirstName, long.LastName, long.FullName = crm.NewID(), &longText, &longText, longText+" "+longText
	long.Email, long.Stage, long.AvatarURL, long.Service = &longMail, &longText, &longLink, false
	long.CreatedAt, long.UpdatedAt, long.DeactivatedAt = firstTime, lastTime, &lastTime
	odd.ID, odd.FirstName, odd.FullName, odd.Email, odd.Stage = crm.NewID(), &oddText, oddText, ptr("ünï@bücher.example"), &oddText
	odd.Service, odd.Role, odd.CreatedAt, odd.UpdatedAt, odd.DeactivatedAt = false, crm.RoleViewer, before70, before70+1, &before70
	return []crm.Owner{full, bare, long, odd}
}

func dealVariants(o tenant, r refs) []crm.Deal {
	full := crm.Deal{
		OrgID: o.ID, ID: crm.NewID(), Name: "Full", Company: ptr("Full plc"), CompanyID: &r.company.ID, PrimaryContactID: &r.contact.ID,
		ContactName: ptr("Sam Example"), ContactEmail: ptr("sam@full.example"), ContactPhone: ptr("0113 496 0001"),
		ContactIdentifier: ptr("in/sam"), ContactIdentifierType: ptr("linkedin"), Value: ptr(crm.Money(123_456)), Currency: "EUR",
		OneOffRevenue: ptr(crm.Money(1)), MonthlyMRR: ptr(crm.Money(2)), Description: ptr("a deal"), StageID: r.stage.ID,
		StageChangedAt: at(3), Probability: 42, Status: crm.StatusWon, Priority: ptr("high"), AnnualValue: ptr(crm.Money(3)),
		DealSize: ptr("L"), LeadSourceType: ptr("inbound"), LeadSourceChannel: ptr("web"), NextSteps: ptr("sign"),
		ExpectedCloseDate: ptr(crm.DateOf(time.Date(2026, 2, 28, 0, 0, 0, 0, time.UTC))), FirstBillingDate: ptr(crm.Date(20_000)),
		ClosedAt: ptr(at(4)), OwnerID: &r.owner.ID, ExternalID: ptr("D-1"), CreatedAt: at(1), UpdatedAt: at(2), Version: 1,
	}
	most, least := crm.MaxMoney, -crm.MaxMoney
	long, odd := full, full
	long.ID, long.Name, long.Company, long.ContactName, long.ContactEmail = crm.NewID(), longText, &longText, &longText, &longMail
	long.PrimaryContactID, long.ContactIdentifier, long.DealSize, long.ExternalID = nil, &longText, &longText, &longText
	long.LeadSourceType, long.LeadSourceChannel, long.Description, long.NextSteps = &longText, &longText, &longest, &longest
	long.Value, long.OneOffRevenue, long.MonthlyMRR, long.AnnualValue = &most, &most, &most, &most
	long.ExpectedCloseDate, long.FirstBillingDate, long.Probability = &lastDay, &lastDay, 100
	long.CreatedAt, long.UpdatedAt, long.StageChangedAt, long.ClosedAt = lastTime, lastTime, lastTime, &lastTime
	odd.ID, odd.Name, odd.Company, odd.ContactName, odd.ExternalID = crm.NewID(), oddText, &oddText, &oddText, &oddText
	odd.PrimaryContactID, odd.NextSteps, odd.Probability, odd.Status = nil, &oddText, 0, crm.StatusLost
	odd.Value, odd.OneOffRevenue, odd.MonthlyMRR, odd.AnnualValue = &least, ptr(crm.Money(0)), &least, ptr(crm.Money(0))
	odd.ExpectedCloseDate, odd.FirstBillingDate = &firstDay, &firstDay
	odd.CreatedAt, odd.UpdatedAt, odd.StageChangedAt, odd.ClosedAt = firstTime, before70, before70, &firstTime
	return []crm.Deal{full, o.newDeal("Bare"), long, odd}
}
