package httpapi

import (
	"encoding/json"

	"sixty/internal/crm"
)

// The examples of the API document are written by the functions that write responses,
// so that they cannot differ from them.

func (res *resource[T, F, P]) exampleOne() any {
	var c call
	_ = answerOne(&c, &res.example, nil, res.write)
	return json.RawMessage(c.Out)
}

func (res *resource[T, F, P]) exampleList() any {
	b := appendRows([]byte(`{"data":`), []T{res.example}, res.write)
	return json.RawMessage(appendListTail(b, listTail{count: 1, limit: defaultLimit}))
}

// exampleBody returns the members of the example that clients can write.
func (res *resource[T, F, P]) exampleBody() any {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(res.write(nil, &res.example), &all); err != nil {
		panic(err) // at the start, so that every test finds it
	}
	for name, value := range all {
		if _, writable := res.body.members[name]; !writable || string(value) == "null" || name == "completed_at" {
			delete(all, name)
		}
	}
	return all
}

// exampleID returns an id that looks like a new one.
func exampleID(n byte) crm.ID {
	return crm.ID{0x01, 0x9a, 0x3c, 0x5e, 0x70, 0x00, 0x70, 0, 0x80, 15: n}
}

const (
	exampleCreated crm.Instant = 1767258000_000000
	exampleUpdated crm.Instant = 1769851800_123456
)

func exampleCompany() crm.Company {
	return crm.Company{
		ID: exampleID(1), Name: "Acme Corporation", Domain: new("acme.example"), Industry: new("manufacturing"), Size: new("medium"),
		Website: new("https://acme.example"), OwnerID: new(exampleID(9)), CreatedAt: exampleCreated, UpdatedAt: exampleUpdated,
	}
}

func exampleContact() crm.Contact {
	return crm.Contact{
		ID: exampleID(2), FirstName: new("Ada"), LastName: new("King"), FullName: "Ada King", Email: new("ada@acme.example"),
		Title: new("Head of Purchasing"), IsPrimary: true, CompanyID: new(exampleID(1)), OwnerID: new(exampleID(9)),
		CreatedAt: exampleCreated, UpdatedAt: exampleUpdated,
	}
}

func exampleStage() crm.Stage {
	return crm.Stage{
		ID: exampleID(4), Name: "Proposal", Color: new("#8B5CF6"), OrderPosition: 3, DefaultProbability: 50,
		Outcome: crm.OutcomeOpen, CreatedAt: exampleCreated, UpdatedAt: exampleCreated,
	}
}

func exampleDeal() crm.Deal {
	day, _ := crm.ParseDate("2026-03-31")
	return crm.Deal{
		ID: exampleID(3), Name: "Acme – 200 licences", Company: new("Acme Corporation"), CompanyID: new(exampleID(1)),
		PrimaryContactID: new(exampleID(2)), ContactName: new("Ada King"), ContactEmail: new("ada@acme.example"),
		Value: new(crm.Money(1250000)), Currency: "GBP", MonthlyMRR: new(crm.Money(104150)), StageID: exampleID(4),
		StageChangedAt: exampleUpdated, Probability: 50, Status: crm.StatusActive, Priority: new("high"),
		ExpectedCloseDate: &day, OwnerID: new(exampleID(9)), CreatedAt: exampleCreated, UpdatedAt: exampleUpdated,
	}
}

func exampleActivity() crm.Activity {
	return crm.Activity{
		ID: exampleID(5), Type: "meeting", Status: crm.ActivityCompleted, Priority: new("high"), Description: new("Went through the offer"),
		Quantity: new(1), Date: exampleUpdated, ContactID: new(exampleID(2)), CompanyID: new(exampleID(1)), DealID: new(exampleID(3)),
		OwnerID: new(exampleID(9)), CreatedAt: exampleUpdated, UpdatedAt: exampleUpdated,
	}
}

func exampleTask() crm.Task {
	return crm.Task{
		ID: exampleID(6), Title: "Send the contract for signature", DueDate: new(exampleUpdated + 7*24*3600*1e6), Priority: "high",
		Status: crm.TaskPending, TaskType: "follow_up", AssignedTo: new(exampleID(9)), CreatedBy: new(exampleID(9)),
		DealID: new(exampleID(3)), CompanyID: new(exampleID(1)), ContactID: new(exampleID(2)), CreatedAt: exampleUpdated, UpdatedAt: exampleUpdated,
	}
}
