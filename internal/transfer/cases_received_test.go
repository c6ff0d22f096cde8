package transfer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/transfer"
)

// receivedCases are files of a kind that went wrong elsewhere.
var receivedCases = []importCase{
	{
		file: "currency-sign-dropped.csv", opt: deals, want: counts(2, 0, 0, 1, 0), rejected: []string{`4 EUR`},
		told:   []string{"$"},
		stored: []stored{{transfer.Deals, "name,value,currency\nA,1000.00,USD\nB,1355.90,EUR\n"}},
	},
	{file: "windows-1250.csv", name: "assumed", opt: deals, want: createdOnly(2), told: []string{"Windows-1252 (assumed; see --encoding)", `improbable text, such as "£ódŸ"`}},
	{
		file: "windows-1250.csv", name: "named", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.Encoding = "windows-1250" }),
		want: createdOnly(2), told: []string{"windows-1250"}, silent: []string{"assumed"},
		stored: []stored{{transfer.Deals, "name,value\nŁódź Śródmieście,1.00\nŽofie Nováková,2.00\n"}},
	},
	{
		file: "same-name-in-file.csv", name: "rejected",
		opt:  withOptions(transfer.Deals, func(o *transfer.Options) { o.Maps = []string{"Deal Name=name,Amount=value"} }),
		want: counts(1, 0, 0, 2, 0), rejected: []string{`3 "renewal" is that of line 2`, `4 "renewal" is that of line 2`},
		stored: []stored{{transfer.Deals, "name,value\nRenewal,100.00\n"}},
	},
	{
		file: "same-name-in-file.csv", name: "last", opt: withOptions(transfer.Deals, func(o *transfer.Options) {
			o.Maps, o.Repeats = []string{"Deal Name=name,Amount=value"}, "last"
		}),
		want: counts(1, 0, 0, 0, 2), stored: []stored{{transfer.Deals, "name,value\nrenewal,300.00\n"}},
	},
	{
		file: "probability-fraction.csv", opt: deals, want: createdOnly(2), told: []string{"0 to 1"},
		stored: []stored{{transfer.Deals, "name,stage,probability\nW,Won,100\nO,Lead,40\n"}},
	},
	{
		file: "invisible-in-company-name.csv", opt: withOptions(transfer.Contacts, func(o *transfer.Options) { o.CreateMissing = []string{"company"} }),
		want: createdOnly(7), told: []string{"company created: 1: \"Fritz Dräxl & Söhne\""},
		stored: []stored{{transfer.Companies, "name\nFritz Dräxl & Söhne\n"}},
	},
	{
		file: "negative-days-to-close.csv", opt: deals, want: createdOnly(2),
		check: func(t *testing.T, w *world) {
			if diff := cmp.Diff([]string{"null"}, averageDays(t, w)); diff != "" {
				t.Errorf("average days to close (-want +got):\n%s", diff)
			}
		},
	},
	{
		file: "format-falls-back-to-iso.csv", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.DateFormats = []string{"YYYY-DD-MM"} }),
		want: counts(2, 0, 0, 1, 0), rejected: []string{`3 "2026-12-25"`},
		stored: []stored{{transfer.Deals, "name,expected_close_date\nA,2026-04-12\nC,2026-12-31\n"}},
	},
	{
		file: "stage-outcome-unknown.csv", name: "created",
		opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.CreateMissing = []string{"stage"} }), want: createdOnly(10),
		told:   []string{`"Closed Won (Sales Pipeline)" (won`, `"closedwon" (won`, `"Closed-Lost to Competition" (lost`, `"Gewonnen" (won`, `"Verloren" (lost`, `"CLOSED LOST" (lost`},
		stored: []stored{{transfer.Deals, "name,status,probability\nA,won,100\nB,won,100\nC,lost,0\nD,won,100\nE,won,100\nF,lost,0\nG,won,100\nH,won,100\nI,won,100\nJ,lost,0\n"}},
	},
	{
		file: "stage-outcome-unknown.csv", name: "named", opt: withOptions(transfer.Deals, func(o *transfer.Options) {
			o.CreateMissing, o.StageOutcomes = []string{"stage"}, []string{"Won!=open,Verloren=open"}
		}),
		want: createdOnly(10), told: []string{`"Won!" (open)`, `"Verloren" (open)`},
		stored: []stored{{transfer.Deals, "name,status\nA,won\nB,won\nC,lost\nD,won\nE,won\nF,active\nG,active\nH,won\nI,won\nJ,lost\n"}},
	},
	{
		file: "company-by-domain.csv", opt: withOptions(transfer.Contacts, func(o *transfer.Options) { o.CreateMissing = []string{"company"} }),
		before: []loaded{{companies, "name,domain\nAcme Gmbh,acme.example\n"}}, want: createdOnly(2), silent: []string{"company created"},
		stored: []stored{{transfer.Companies, "name,domain\nAcme Gmbh,acme.example\n"}, {transfer.Contacts, "email,company\na@acme.example,Acme Gmbh\nb@acme.example,Acme Gmbh\n"}},
	},
	{
		file: "pipedrive-deals.csv", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.From, o.CreateMissing = "pipedrive", []string{"stage"} }),
		before: []loaded{kimKauf, {companies, "external_id,name\n501,Fabrik AG\n"}, {contacts, "external_id,name\n701,Zoë Ångström\n"}}, want: createdOnly(3),
		stored: []stored{{transfer.Deals, `external_id,name,value,currency,company_name,contact,owner,stage,status,probability,expected_close_date,created_at,closed_at
11,Fabrik-Umbau,12000.00,EUR,Fabrik AG,Zoë Ångström,kim@co.example,Negotiations Started,active,50,2026-12-24,2024-01-05T09:00:00.000000Z,
12,Dach,1234.56,EUR,Fabrik AG,Zoë Ångström,kim@co.example,Proposal Made,won,0,2024-05-01,2024-01-06T09:00:00.000000Z,2024-05-05T08:59:59.000000Z
13,Keller,99.00,EUR,Fabrik AG,,kim@co.example,Contact Made,lost,0,,2024-01-07T09:00:00.000000Z,2024-04-01T09:00:00.000000Z
`}},
	},
	{
		file: "hubspot-multi-ids.csv", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.From, o.CreateMissing = "hubspot", []string{"stage"} }),
		before: []loaded{
			samSeller, {companies, "external_id,name\n9001,Blåbær Gaming ApS\n9002,Harbour Lotteries Ltd\n"},
			{contacts, "external_id,email\n8001,priya@blaabaer.example\n8002,tom@harbour.example\n8003,ola@harbour.example\n"},
		},
		want: createdOnly(3), told: []string{`"Closed Won" (won`, `"Closed Lost" (lost`},
		stored: []stored{{transfer.Deals, `external_id,name,value,currency,company_name,contact,owner,stage,status,probability,created_at,closed_at
7001,Blåbær - Casino,15000.00,EUR,Blåbær Gaming ApS,priya@blaabaer.example,sam@co.example,Contract Sent,active,90,2024-03-01T08:00:00.000000Z,
7002,Harbour - Draw,2500.50,EUR,Harbour Lotteries Ltd,tom@harbour.example,sam@co.example,Closed Won,won,100,2024-03-02T08:00:00.000000Z,2024-06-30T22:59:00.000000Z
7003,Harbour - Scratch,800.00,EUR,Harbour Lotteries Ltd,,,Closed Lost,lost,0,2024-03-03T08:00:00.000000Z,2024-07-01T10:00:00.000000Z
`}},
		check: func(t *testing.T, w *world) {
			if diff := cmp.Diff([]string{"Harbour - Draw: ola@harbour.example (stakeholder)"}, furtherContacts(t, w)); diff != "" {
				t.Errorf("further contacts (-want +got):\n%s", diff)
			}
		},
	},
	{
		file: "salesforce-opportunity.csv", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.From, o.CreateMissing = "salesforce", []string{"stage"} }),
		before: []loaded{{owners, "external_id,email,full_name\n0055g00000XYZabAAH,anna@co.example,Anna Schmidt\n"}, {companies, "external_id,name\n0015g00000ABCdeAAC,Upper\n0015g00000ABcdeAAC,Lower\n"}},
		want:   counts(2, 0, 0, 0, 1),
		stored: []stored{{transfer.Deals, `external_id,name,description,value,currency,company_name,contact,owner,stage,status,probability,closed_at,expected_close_date,created_at
0065g00000AAAaaAAB,Renewal 2024,,12500.00,EUR,Upper,,anna@co.example,Closed Won,won,100,2024-02-01T00:00:00.000000Z,2024-02-01,2023-11-04T10:11:12.000000Z
0065g00000AAAaaAAC,Renewal 2024,"Line one
Line two, with ""quotes""",12500.00,EUR,,,anna@co.example,Negotiation/Review,active,90,,2026-12-24,2023-11-04T10:11:12.000000Z
`}},
	},
	{
		file: "salesforce-user.csv", opt: withOptions(transfer.Owners, func(o *transfer.Options) { o.From = "salesforce" }), want: createdOnly(1),
		stored: []stored{{transfer.Owners, "external_id,first_name,last_name,email,stage,role\n0055g00000XYZabAAH,Anna,Schmidt,anna@co.example,AE,rep\n"}},
	},
	{
		file: "key-column-mostly-empty.csv", opt: contacts,
		before: []loaded{samSeller, {companies, "external_id,name\n9001,Blåbær Gaming ApS\n9002,Harbour Lotteries Ltd\n9999,Other\n"}},
		want:   createdOnly(3), told: []string{"contacts are recognised by external_id"},
		stored: []stored{{transfer.Contacts, `external_id,first_name,last_name,email,company,owner,title
8001,Priya,Exempel,priya@blaabaer.example,Blåbær Gaming ApS,sam@co.example,CFO
8002,,,tom@harbour.example,Harbour Lotteries Ltd,,
8003,Ola,Nomail,,,,
`}},
	},
	{
		file: "key-column-mostly-empty.csv", name: "by name", opt: withOptions(transfer.Contacts, func(o *transfer.Options) { o.From, o.Maps = "none", []string{"Associated Company=company"} }),
		before: []loaded{{companies, "name\nBlåbær Gaming ApS\nHarbour Lotteries Ltd\n"}},
		want:   createdOnly(3), told: []string{"contacts are recognised by email, else name"},
		stored: []stored{{transfer.Contacts, "first_name,last_name,email\nPriya,Exempel,priya@blaabaer.example\n,,tom@harbour.example\nOla,Nomail,\n"}},
	},
	{
		file: "date-and-datetime.csv", name: "several", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.DateFormats = []string{"M/D/YYYY", "M/D/YYYY HH:mm"} }),
		want: createdOnly(1), stored: []stored{{transfer.Deals, "name,expected_close_date,created_at\nA,2026-04-12,2023-04-12T15:05:00.000000Z\n"}},
	},
	{
		file: "date-and-datetime.csv", name: "per column", opt: withOptions(transfer.Deals, func(o *transfer.Options) {
			o.DateFormats, o.TimeZone = []string{"expected_close_date=M/D/YYYY", "created_at=D/M/YYYY HH:mm"}, "Europe/Berlin"
		}),
		want: createdOnly(1), stored: []stored{{transfer.Deals, "name,expected_close_date,created_at\nA,2026-04-12,2023-12-04T14:05:00.000000Z\n"}},
	},
	{file: "date-and-datetime.csv", name: "ambiguous", opt: deals, want: counts(0, 0, 0, 1, 0), rejected: []string{`2 4/12/2026`}},
	{file: "sep-line.csv", opt: deals, want: createdOnly(1), stored: []stored{{transfer.Deals, "name,value\nA,1.50\n"}}},
	{file: "excel-workbook.xlsx", opt: contacts, refused: "sheet"},
	{
		file: "duplicate-header.csv", opt: contacts, want: createdOnly(1), told: []string{`"Phone"`},
		stored: []stored{{transfer.Contacts, "first_name,last_name,email,phone\nAnn,Lee,a@x.example,\n"}},
	},
	{
		file: "duplicate-header.csv", name: "mapped", opt: withOptions(transfer.Contacts, func(o *transfer.Options) { o.Maps = []string{"Phone=phone"} }),
		refused: `"Phone"`,
	},
	{file: "blank-row.csv", opt: deals, want: createdOnly(2), told: []string{"blank"}, stored: []stored{{transfer.Deals, "name,value,stage\nA,1.00,Lead\nB,2.00,Lead\n"}}},
	{file: "ragged.csv", opt: deals, want: createdOnly(3), stored: []stored{{transfer.Deals, "name,value,next_steps\nA,1.00,\nB,2.00,\nC,3.00,call\n"}}},
	{file: "surplus-empty.csv", opt: deals, want: createdOnly(2), stored: []stored{{transfer.Deals, "name,value\nA,1.00\nB,2.00\n"}}},
	{
		file: "money-words.csv", name: "as it is", opt: deals, want: counts(20, 0, 0, 17, 0),
		rejected: []string{
			`3 unambiguous`, `4 must be between`, `9 must be between`, `14 unambiguous`, `15 unambiguous`, `16 "0,125"`, `17 "$1.2K"`, `18 "1,234.5678"`, `19 kr`,
			`20 must be between`, `21 must be between`, `31 must be between`, `32 "0.005"`, `35 "#N/A"`, `36 "NULL"`, `37 "-"`, `38 "N/A"`,
		},
		stored: []stored{{transfer.Deals, moneyWords}},
	},
	{
		file: "money-words.csv", name: "with null", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.Null = []string{"NULL", "N/A", "#N/A", "-"} }), want: counts(24, 0, 0, 13, 0),
		rejected: []string{
			`3 unambiguous`, `4 must be between`, `9 must be between`, `14 unambiguous`, `15 unambiguous`, `16 "0,125"`, `17 "$1.2K"`, `18 "1,234.5678"`, `19 kr`,
			`20 must be between`, `21 must be between`, `31 must be between`, `32 "0.005"`,
		},
		stored: []stored{{transfer.Deals, moneyWords + "AH,,GBP\nAI,,GBP\nAJ,,GBP\nAK,,GBP\n"}},
	},
	{
		file: "idn-domains.csv", opt: companies, want: createdOnly(5),
		check: func(t *testing.T, w *world) {
			for _, domain := range column(t, w.export(transfer.Companies, transfer.CSV), "domain") {
				if domain == "" {
					t.Error("a company has no domain")
				}
			}
		},
	},
	{
		file: "camelcase.csv", opt: contacts, want: createdOnly(1), silent: []string{"left out"},
		stored: []stored{{transfer.Contacts, "first_name,last_name,email,linkedin_url,external_id\nA,B,c@x.example,https://linkedin.example/a,7\n"}},
	},
	{
		file: "postgres-csv-companies.csv", name: "strict", opt: withOptions(transfer.Companies, func(o *transfer.Options) { o.Keys = []string{"id"} }),
		want: counts(0, 0, 0, 3, 0), rejected: []string{`2 no owner`, `3 domain must be a host name`, `4 0044-03-15 00:00:00+00 BC`},
	},
	{
		file: "postgres-csv-companies.csv", name: "lenient", opt: withOptions(transfer.Companies, func(o *transfer.Options) { o.Keys, o.Lenient = []string{"id"}, true }),
		want: createdOnly(3), told: []string{"owner", "domain", "size", "created_at"},
		stored: []stored{{transfer.Companies, `id,name,domain,size,updated_at
00000000-0000-4000-8000-0000000000c1,Acme,acme.example,small,2023-02-02T00:00:00.123456Z
00000000-0000-4000-8000-0000000000c2,Acme2,,,2023-02-02T00:00:00.000000Z
00000000-0000-4000-8000-0000000000c3,India,उदाहरण.भारत,,2023-02-02T00:00:00.000000Z
`}},
	},
	{
		file: "postgres-csv-deals.csv", name: "strict", opt: withOptions(transfer.Deals, func(o *transfer.Options) { o.Keys = []string{"id"} }), want: counts(0, 0, 0, 5, 0),
		rejected: []string{`2 NaN`, `3 stage`, `4 stage`, `5 stage`, `6 stage`},
	},
	{
		file: "separator-tie.csv", name: "recognised", opt: withOptions(transfer.Companies, func(o *transfer.Options) { o.Maps = []string{`"Name, Vorname=name"`} }), want: createdOnly(2),
		told: []string{`separator ";"`, `"Ort"`}, stored: []stored{{transfer.Companies, "name\n\"Meyer, Eva\"\n\"Schulz, Jan\"\n"}},
	},
	{
		file: "separator-tie.csv", name: "named", opt: withOptions(transfer.Companies, func(o *transfer.Options) { o.Separator = "," }), want: createdOnly(2),
		told: []string{`separator ","`}, stored: []stored{{transfer.Companies, "name\nMeyer\nSchulz\n"}},
	},
}

// moneyWords is what stands for the amounts of that file.
const moneyWords = `name,value,currency
A,1234.56,GBP
D,1000.00,GBP
E,1.12,GBP
F,512.77,GBP
G,1355.90,EUR
I,1234.56,BRL
J,1234.50,CHF
K,12.50,EUR
L,1234.56,GBP
U,100.00,GBP
V,1234567.00,GBP
W,1234567.00,GBP
X,1000.00,USD
Y,1000.50,GBP
Z,1000.00,GBP
AA,1000.00,GBP
AB,1000.00,GBP
AC,1000.00,GBP
AF,100000.00,GBP
AG,150000.00,GBP
`
