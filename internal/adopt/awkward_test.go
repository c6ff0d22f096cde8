package adopt_test

import "sixty/internal/adopt"

// What is said of testdata/awkward.sql, by the ends of the ids; what becomes of it is
// in testdata/awkward.json.
var awkwardProblems = []string{
	"profiles a2: avatar_url must be a web address (http or https)",
	"profiles a4 REJECTED: first_name must be there when there is neither a last_name nor an email",
	`profiles a3: email "ada@example.com" is taken by another owner`,
	"deal_stages e2: color must be a colour such as #3B82F6",
	"deal_stages e5 REJECTED: name must not be empty",
	`companies c3: created_at must be a point in time such as 2026-01-31T09:30:00Z (it is "infinity"); name was cut after 255 characters; domain must be a host name such as example.com; website must be a web address (http or https)`,
	"companies c4 REJECTED: name must not be empty",
	`companies c2: description was cut after 10000 characters; owner_id refers to no owner that exists: 00000000-0000-4000-8000-0000000000a4; size must be one of startup, small, medium, large, enterprise; domain "acme.com" is taken by another company`,
	"contacts b3: company_id refers to no company that exists: 00000000-0000-4000-8000-0000000000cf; owner_id refers to no owner that exists: 00000000-0000-4000-8000-0000000000af; phone must be at most 50 characters long",
	`contacts b4 REJECTED: is_primary must be true or false (it is "maybe"); email must be an e-mail address; first_name must be there when there is neither a last_name nor an email`,
	"contacts b5: is_primary needs a company_id; email must be an e-mail address",
	`contacts b2: is_primary is another contact of the company already; email "grace@acme.com" is taken by another contact`,
	"deals -6 REJECTED: id must be a UUID",
	`deals D2: value was rounded to 100.00 (it is "£99.995"); annual_value was rounded to 12.35 (it is "12.3456"); status active contradicts the stage SIGNED, which is won`,
	"deals d3: value must be between 0.00 and 999999999999.99; priority must be one of low, medium, high",
	`deals d4: value must be a number (it is "a lot"); company_id refers to no company that exists: 00000000-0000-4000-8000-0000000000cf; probability must be between 0 and 100; status must be one of active, won, lost; closed_at contradicts the status active`,
	"deals d5: stage_id refers to no stage that exists: 00000000-0000-4000-8000-0000000000ef",
	"deals d7 REJECTED: name must not be empty",
	"deal_contacts d1 b2 REJECTED: the row before has the same id",
	"deal_contacts -6 REJECTED: deal_id must be a UUID; contact_id must not be null",
	`deal_contacts d1 b2: role "friend" is none; taken as stakeholder`,
	"deal_contacts d3 b4 REJECTED: contact_id refers to no contact that exists",
	`activities f1: amount was rounded to 1.01 (it is "1.005")`,
	`activities f2: quantity was rounded to 2 (it is "1.5"); deal_id must be a UUID (it is "deal-6"); owner_id refers to no owner that exists: 00000000-0000-4000-8000-0000000000af; type must be one of outbound, meeting, proposal, sale, call, email, note`,
	`tasks 92: due_date must be a point in time such as 2026-01-31T09:30:00Z (it is "soon")`,
	"tasks 93: task_type must be one of call, email, meeting, follow_up, proposal, demo, general; completed_at contradicts the status cancelled",
	"tasks 94 REJECTED: title must not be empty",
}

var awkwardCounts = map[string]adopt.Table{
	"activities":    {Name: "activities", Read: 2, Created: 2, Warnings: 2},
	"companies":     {Name: "companies", Read: 4, Created: 3, Rejected: 1, Warnings: 2},
	"contacts":      {Name: "contacts", Read: 5, Created: 4, Rejected: 1, Warnings: 3},
	"deal_contacts": {Name: "deal_contacts", Read: 6, Created: 3, Rejected: 3, Warnings: 1},
	"deal_stages":   {Name: "deal_stages", Read: 5, Created: 4, Rejected: 1, Warnings: 1},
	"deals":         {Name: "deals", Read: 7, Created: 5, Rejected: 2, Warnings: 4},
	"profiles":      {Name: "profiles", Read: 4, Created: 3, Rejected: 1, Warnings: 2},
	"tasks":         {Name: "tasks", Read: 4, Created: 3, Rejected: 1, Warnings: 2},
}
