package transfer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/transfer"
)

// siblingCases are files of the same kinds, and of kinds that are near.
var siblingCases = []importCase{
	{
		file: "currency-of-row.csv", name: "of the organisation", opt: deals, want: counts(4, 0, 0, 2, 0),
		rejected: []string{`3 USD`, `5 ¥`}, silent: []string{"assumed"},
		stored: []stored{{transfer.Deals, "name,value,currency\nA,5.00,EUR\nC,1000.00,SEK\nE,7.00,GBP\nF,8.00,CAD\n"}},
	},
	{
		file: "currency-of-row.csv", name: "of the files", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.Currency = "JPY" }), want: counts(5, 0, 0, 1, 0),
		rejected: []string{`3 USD`},
		stored:   []stored{{transfer.Deals, "name,value,currency\nA,5.00,EUR\nC,1000.00,SEK\nD,5000.00,JPY\nE,7.00,GBP\nF,8.00,CAD\n"}},
	},
	{file: "windows-1252.csv", opt: deals, want: createdOnly(2), told: []string{"Windows-1252 (assumed; see --encoding)"}, stored: []stored{{transfer.Deals, "name,value\nMüller & Söhne,1.00\nGarçon – “quoted”,2.00\n"}}},
	{file: "windows-1251.csv", name: "assumed", opt: deals, want: createdOnly(2), told: []string{"Windows-1252 (assumed; see --encoding)"}},
	{
		file: "windows-1251.csv", name: "named", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.Encoding = "windows-1251" }), want: createdOnly(2), silent: []string{"assumed"},
		stored: []stored{{transfer.Deals, "name,value\nПривет,1.00\nМосква,2.00\n"}},
	},
	{file: "utf-16.csv", opt: deals, want: createdOnly(1), silent: []string{"assumed"}, stored: []stored{{transfer.Deals, "name,value\nŁódź,1.00\n"}}},
	{
		file: "same-email-in-file.csv", opt: contacts, want: counts(2, 0, 0, 1, 0), rejected: []string{`3 "a@x.example" is that of line 2`},
		stored: []stored{{transfer.Contacts, "email,first_name\na@x.example,Ann\nb@x.example,Bob\n"}},
	},
	{
		file: "same-domain-in-file.csv", opt: companies, want: counts(1, 0, 0, 1, 0), rejected: []string{`3 "acme.example" is that of line 2`},
		stored: []stored{{transfer.Companies, "name,domain\nAcme,acme.example\n"}},
	},
	{
		file: "probability-mixed.csv", opt: deals, want: counts(3, 0, 0, 1, 0), rejected: []string{`2 "0.4"`}, told: []string{"fractions in a column of percentages"},
		stored: []stored{{transfer.Deals, "name,probability\nB,40\nC,100\nD,1\n"}},
	},
	{file: "probability-percent.csv", opt: deals, want: createdOnly(3), told: []string{"percentages of 0 or 1"}, stored: []stored{{transfer.Deals, "name,probability\nA,0\nB,1\nC,0\n"}}},
	{
		file: "invisible-in-email.csv", opt: contacts, before: []loaded{{contacts, "email,first_name\na@x.example,Anna\n"}}, want: counts(1, 0, 0, 1, 0), rejected: []string{"2 U+200B"},
		stored: []stored{{transfer.Contacts, "email,first_name\na@x.example,Anna\nb@x.example,Bob\n"}},
	},
	{
		file: "closed-on-the-day.csv", opt: deals, want: createdOnly(2),
		check: func(t *testing.T, w *world) {
			if diff := cmp.Diff([]string{"5.00"}, averageDays(t, w)); diff != "" {
				t.Errorf("average days to close (-want +got):\n%s", diff)
			}
		},
	},
	{
		file: "day-first-with-iso.csv", opt: withOptions(transfer.Activities, func(o *transfer.Options) { o.DateFormats = []string{"DD/MM/YYYY"} }),
		want: counts(1, 0, 0, 2, 0), rejected: []string{`3 "2024-12-31"`, `4 "12/31/2024"`},
		stored: []stored{{transfer.Activities, "external_id,date\n1,2024-12-31T00:00:00.000000Z\n"}},
	},
	{
		file: "stage-outcome-languages.csv", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.CreateMissing = []string{"stage"} }), want: createdOnly(7),
		told:   []string{`"Perdu" (lost`, `"Ganado" (won`, `"Not won" (open`, `"Wonderland" (open`, `"Won or lost" (open`},
		stored: []stored{{transfer.Deals, "name,status\nA,lost\nB,won\nC,active\nD,active\nE,active\nF,won\nG,won\n"}},
	},
	{
		file: "deal-by-website.csv", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.CreateMissing = []string{"company"} }),
		before: []loaded{{companies, "name,domain\nAcme Gmbh,acme.example\n"}}, want: createdOnly(3), silent: []string{"company created"},
		stored: []stored{{transfer.Companies, "name\nAcme Gmbh\n"}, {transfer.Deals, "name,company_name\nA,Acme Gmbh\nB,Acme Gmbh\nC,Acme Gmbh\n"}},
	},
	{
		file: "domain-mostly-empty.csv", opt: companies, want: createdOnly(3), told: []string{"companies are recognised by domain, else name"},
		stored: []stored{{transfer.Companies, "name,domain\nAcme,acme.example\nBolt,\nCog,\n"}},
	},
	{
		file: "dates-as-people-write-them.csv", opt: withOptions(transfer.Deals, func(o *transfer.Options) {
			o.DateFormats, o.TimeZone = []string{"created_at=M/D/YYYY h:mm A", "expected_close_date=D. MMMM YYYY"}, "America/New_York"
		}),
		want: createdOnly(2),
		stored: []stored{{transfer.Deals, `name,expected_close_date,created_at
A,2026-03-14,2024-03-14T17:05:00.000000Z
B,2026-12-01,2023-12-01T05:00:00.000000Z
`}},
	},
	{
		file: "two-digit-years.csv", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.DateFormats = []string{"DD.MM.YY"} }), want: createdOnly(2),
		stored: []stored{{transfer.Deals, "name,expected_close_date\nA,2026-12-31\nB,2027-02-01\n"}},
	},
	{file: "sep-tab.csv", opt: deals, want: createdOnly(1), stored: []stored{{transfer.Deals, "name,value\nA,2.50\n"}}},
	{
		file: "deals-of-a-spreadsheet.xlsx", name: "first sheet", opt: deals, want: createdOnly(2), told: []string{`sheet "Sheet1"`},
		stored: []stored{{transfer.Deals, "name,value,expected_close_date,probability,external_id\nAlpha,1234.50,2026-12-24,40,4711\nBeta,2.50,2024-02-29,100,X-2\n"}},
	},
	{
		file: "deals-of-a-spreadsheet.xlsx", name: "named sheet", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.Sheet = "Other" }), want: createdOnly(1),
		stored: []stored{{transfer.Deals, "name\nGamma\n"}},
	},
	{
		file: "deals-of-a-spreadsheet.xlsx", name: "no such sheet", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.Sheet = "Third" }), refused: `"Third"`,
	},
	{file: "duplicate-note.csv", opt: contacts, want: createdOnly(1), told: []string{`"Note"`}, stored: []stored{{transfer.Contacts, "first_name,email\nAnn,a@x.example\n"}}},
	{file: "blank-with-no-break-space.csv", opt: deals, want: createdOnly(2), told: []string{"blank"}},
	{file: "surplus-text.csv", opt: deals, want: counts(2, 0, 0, 1, 0), rejected: []string{"3 field"}, stored: []stored{{transfer.Deals, "name,value\nA,1.00\nC,3.00\n"}}},
	{file: "money-decimal-comma.csv", opt: deals, want: createdOnly(3), told: []string{"decimal comma"}, stored: []stored{{transfer.Deals, "name,value\nA,1234.56\nB,12500.00\nC,7.50\n"}}},
	{file: "money-decimal-point.csv", opt: deals, want: createdOnly(3), told: []string{"decimal point"}, stored: []stored{{transfer.Deals, "name,value\nA,1234.56\nB,12500.00\nC,7.50\n"}}},
	{
		file: "money-decimal-point.csv", name: "contradicted", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.Decimal = "," }), want: counts(1, 0, 0, 2, 0),
		rejected: []string{`2 "1,234.56"`, `4 "7.5"`}, changing: true,
	},
	{
		file: "domains-in-other-forms.csv", opt: companies, want: counts(2, 0, 0, 1, 0), rejected: []string{`3 "köln.example" is that of line 2`},
		stored: []stored{{transfer.Companies, "name\nD1\nD3\n"}},
	},
	{
		file: "headers-as-people-write-them.csv", opt: contacts, want: createdOnly(1), silent: []string{"left out"},
		stored: []stored{{transfer.Contacts, "first_name,last_name,email,title\nAnn,Lee,a@x.example,CFO\n"}},
	},
	{
		file: "postgres-csv-contacts.csv", opt: withOptions(transfer.Contacts, func(o *transfer.Options) { o.Keys = []string{"id"} }), want: createdOnly(2),
		stored: []stored{{transfer.Contacts, `id,first_name,is_primary,created_at
00000000-0000-4000-8000-0000000000f1,Ann,false,2023-02-01T07:30:00.500000Z
00000000-0000-4000-8000-0000000000f2,Bob,false,2023-02-01T04:00:00.000000Z
`}},
	},
	{
		file: "separator-pipe.csv", opt: withOptions(transfer.Companies, func(o *transfer.Options) { o.Maps = []string{`"name, city=name"`} }), want: createdOnly(2),
		told: []string{`separator "|"`}, stored: []stored{{transfer.Companies, "name,phone\n\"Meyer, Eva\",1\n\"Schulz, Jan\",2\n"}},
	},
	{
		file: "damaged-ids.csv", opt: companies, want: counts(1, 0, 0, 2, 0), rejected: []string{`2 1.23457E+17`, `3 1.23457E+17`},
		stored: []stored{{transfer.Companies, "external_id,name\n4711,C\n"}},
	},
	{file: "too-long.csv", name: "strict", opt: companies, want: counts(0, 0, 0, 2, 0), rejected: []string{`2 description`, `3 website`}},
	{
		file: "too-long.csv", name: "lenient", opt: withOptions(transfer.Companies, func(o *transfer.Options) { o.Lenient = true }), want: createdOnly(2),
		told: []string{"description", "website"}, stored: []stored{{transfer.Companies, "name,website,description\nA,https://a.example,\nB,,y\n"}},
	},
	{
		file: "wrong-values.csv", name: "strict", opt: contacts, want: counts(1, 0, 0, 3, 0), rejected: []string{
			`2 email must be an e-mail address (it is "mailto:d@x.example")`, `3 phone has lost digits in a spreadsheet: export it as text (it is "4.91701E+11")`,
			`4 email must be an e-mail address (it is "N/A"); --null "N/A" reads it as empty`,
		},
	},
	{
		file: "wrong-values.csv", name: "lenient", opt: withOptions(transfer.Contacts, func(o *transfer.Options) { o.Lenient = true }), want: createdOnly(4),
		told: []string{
			`values of email are left out or rounded, such as: must be an e-mail address (it is "mailto:d@x.example") (2; line 2, 4)`,
			`cells of phone are texts such as N/A, - or NULL, and are taken as text (see --null) (1; line 4)`,
		},
		stored: []stored{{transfer.Contacts, "first_name,phone\nAnn,1\nBen,\nCleo,-\nDee,+49 170 1234567\n"}},
	},
	{
		file: "total-row.csv", opt: deals, want: counts(2, 0, 0, 2, 0), rejected: []string{`3 value must be between 0.00 and 999999999999.99 (it is "-5,00 €")`, `4 probability is not whole (rounded: 8) (it is "7,5%"); --lenient takes it rounded`},
		told: []string{"called like a sum of the others are imported as records: remove them if they are sums (1; line 5)", "rows with amounts: 1 EUR, 1 GBP"},
	},
	{
		file: "null-texts.csv", name: "as text", opt: deals, want: counts(2, 0, 0, 1, 0), rejected: []string{`3 value must be a number (it is "#REF!"); --null "#REF!" reads it as empty`},
		told: []string{"cells of description are texts such as N/A, - or NULL, and are taken as text (see --null) (2; line 2, 3)"},
	},
	{
		file: "null-texts.csv", name: "named", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.Null = []string{"N/A", "-", "#REF!"} }), want: createdOnly(3), silent: []string{"--null"},
		stored: []stored{{transfer.Deals, "name,value,description\nA,5.00,\nB,,\nC,6.00,text\n"}},
	},
}
