package httpapi

import (
	"encoding/json"

	"sixty/internal/crm"
)

// The examples of the API document are written by the functions that write answers,
// so that they cannot differ from them.

func (res *resource[T, F, P]) exampleOne() any {
	var c call
	answerOne(&c, &res.example, res.write)
	return json.RawMessage(c.Out)
}

func (res *resource[T, F, P]) exampleList() any {
	b := appendRows([]byte(`{"data":`), []T{res.example}, res.write)
	return json.RawMessage(appendListTail(b, listTail{count: 1, limit: defaultLimit}))
}

func some[T any](v T) *T { return &v }

// exampleID gives one of a few ids that look as new ones do.
func exampleID(n byte) crm.ID {
	return crm.ID{0x01, 0x9a, 0x3c, 0x5e, 0x70, 0x00, 0x70, 0, 0x80, 15: n}
}

const (
	exampleCreated crm.Instant = 1767258000_000000
	exampleUpdated crm.Instant = 1769851800_123456
)

func exampleCompany() crm.Company {
	return crm.Company{
		ID: exampleID(1), Name: "Acme Corporation", Domain: some("acme.example"), Industry: some("manufacturing"), Size: some("medium"),
		Website: some("https://acme.example"), OwnerID: some(exampleID(9)), CreatedAt: exampleCreated, UpdatedAt: exampleUpdated,
	}
}

func exampleContact() crm.Contact {
	return crm.Contact{
		ID: exampleID(2), FirstName: some("Ada"), LastName: some("King"), FullName: "Ada King", Email: some("ada@acme.example"),
		Title: some("Head of Purchasing"), IsPrimary: true, CompanyID: some(exampleID(1)), OwnerID: some(exampleID(9)),
		CreatedAt: exampleCreated, UpdatedAt: exampleUpdated,
	}
}

func exampleStage() crm.Stage {
	return crm.Stage{
		ID: exampleID(4), Name: "Proposal", Color: some("#8B5CF6"), OrderPosition: 3, DefaultProbability: 50,
		Outcome: crm.OutcomeOpen, CreatedAt: exampleCreated, UpdatedAt: exampleCreated,
	}
}

func exampleDeal() crm.Deal {
	day, _ := crm.ParseDate("2026-03-31")
	return crm.Deal{
		ID: exampleID(3), Name: "Acme – 200 licences", Company: some("Acme Corporation"), CompanyID: some(exampleID(1)),
		PrimaryContactID: some(exampleID(2)), ContactName: some("Ada King"), ContactEmail: some("ada@acme.example"),
		Value: some(crm.Money(1250000)), Currency: "GBP", MonthlyMRR: some(crm.Money(104150)), StageID: exampleID(4),
		StageChangedAt: exampleUpdated, Probability: 50, Status: crm.StatusActive, Priority: some("high"),
		ExpectedCloseDate: &day, OwnerID: some(exampleID(9)), CreatedAt: exampleCreated, UpdatedAt: exampleUpdated,
	}
}

func exampleActivity() crm.Activity {
	return crm.Activity{
		ID: exampleID(5), Type: "meeting", Status: crm.ActivityCompleted, Priority: some("high"), Description: some("Went through the offer"),
		Quantity: some(1), Date: exampleUpdated, ContactID: some(exampleID(2)), CompanyID: some(exampleID(1)), DealID: some(exampleID(3)),
		OwnerID: some(exampleID(9)), CreatedAt: exampleUpdated, UpdatedAt: exampleUpdated,
	}
}

func exampleTask() crm.Task {
	return crm.Task{
		ID: exampleID(6), Title: "Send the contract for signature", DueDate: some(exampleUpdated + 7*24*3600*1e6), Priority: "high",
		Status: crm.TaskPending, TaskType: "follow_up", AssignedTo: some(exampleID(9)), CreatedBy: some(exampleID(9)),
		DealID: some(exampleID(3)), CompanyID: some(exampleID(1)), ContactID: some(exampleID(2)), CreatedAt: exampleUpdated, UpdatedAt: exampleUpdated,
	}
}
