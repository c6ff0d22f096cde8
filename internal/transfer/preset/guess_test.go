package preset_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/transfer/preset"
)

func guess(header []string, file string) string {
	p, table := preset.Guess(header, file)
	if p == nil {
		return ""
	}
	return p.Name + " " + table.Kind
}

// TestGuess: headers of exports are recognised, and those of other files are not.
func TestGuess(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ header, want string }{
		{"Record ID,Deal Name,Deal Stage,Close Date,Deal owner,Amount,Amount in company currency,Currency,Pipeline,Create Date,Deal probability,Associated Company,Associated Company IDs", "hubspot deals"},
		{"record id,DEAL NAME,Deal Stage", "hubspot deals"},
		{"Datensatz-ID,Deal-Name,Deal-Phase,Abschlussdatum,Betrag,Betrag in Firmenwährung", "hubspot deals"},
		{"Datensatz-ID,Deal Name,Deal-Phase,Abschlussdatum,Betrag,Betrag in Firmenwährung", "hubspot deals"},
		{"Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Lead Status,Create Date,Associated Company,Associated Company IDs,Job Title", "hubspot contacts"},
		{"Record ID,First Name,Last Name,Email,Company name,Phone Number", "hubspot contacts"},
		{"Record ID,Company name,Company owner,Create Date,Phone Number", "hubspot companies"},
		{"Record ID,Body preview,Associated Contact,Associated Company,Activity date,Associated Contact IDs,Associated Company IDs", "hubspot activities"},
		{"Deal - ID,Deal - Title,Deal - Creator,Deal - Owner,Deal - Value,Deal - Status,Deal - Won time", "pipedrive deals"},
		{"Deal - ID,Deal - Titel,Deal - Organisation,Deal - Wert,Deal - Status,Deal - Verlustgrund,Deal - Besitzer,Deal - Deal erstellt,Deal - Phase", "pipedrive deals"},
		{"ID,Title,Creator,Owner,Value,Currency of Value,Organization,Contact person,Stage,Status,Deal created,Won time", "pipedrive deals"},
		{"ID,Name,Label,Address,Owner,People,Open deals,Closed deals", "pipedrive companies"},
		{"ID,Name,Organization,Email - Work,Phone - Work,Owner,Open deals,Closed deals", "pipedrive contacts"},
		{"ID,Done,Subject,Type,Due date,Due time,Deal,Contact person,Organization,Assigned to user", "pipedrive activities"},
		{"Id,IsDeleted,AccountId,RecordTypeId,Name,Description,StageName,Amount,Probability,CloseDate,IsClosed,IsWon,CurrencyIsoCode,OwnerId", "salesforce deals"},
		{"Id,Username,LastName,FirstName,Email,Title,IsActive", "salesforce owners"},
		{"Opportunity Name,Type,Lead Source,Amount,Expected Revenue,Close Date,Next Step,Stage,Probability (%),Fiscal Period,Age,Created Date,Opportunity Owner,Owner Role,Account Name", "salesforce deals"},
		{"Account Owner,Account Name,Type,Rating,Billing State/Province,Last Activity", "salesforce companies"},
		{"Salutation,First Name,Last Name,Title,Account Name,Mailing Street,Mailing City,Phone,Mobile,Email,Contact Owner", "salesforce contacts"},
		{"Record Id,Deal Owner.id,Deal Owner,Amount,Deal Name,Closing Date,Account Name.id,Account Name,Stage,Created Time,Modified Time", "zoho deals"},
		{"Record Id,Contact Owner.id,Contact Owner,First Name,Last Name,Account Name.id,Account Name,Email,Title,Phone,Mailing City,Created Time,Modified Time", "zoho contacts"},
		{"Record Id,Account Owner,Account Name,Phone,Website,Billing City,Created Time", "zoho companies"},
		{"(Do Not Modify) Opportunity,(Do Not Modify) Row Checksum,(Do Not Modify) Modified On,Topic,Potential Customer,Est. Revenue", "dynamics deals"},
		{"(Nicht ändern) Firma,(Nicht ändern) Zeilenprüfsumme,(Nicht ändern) Geändert am,Firmenname,Telefon 1,Ort,Land", "dynamics companies"},
		{"opportunityid,name,estimatedvalue,estimatedclosedate,statecode,_ownerid_value", "dynamics deals"},
		{"Id,Name,Amount / Amount,Amount / Currency,Close date,Stage,Point of Contact Id,Company Id", "twenty deals"},
		{"id,name,amount.amountMicros,amount.currencyCode,closeDate,stage,pointOfContactId,companyId", "twenty deals"},
		{"id,first_name,last_name,email,phone,title,linkedin_url,is_primary,company_id,company,owner_id,owner,external_id,created_at,updated_at", "sixty contacts"},

		{"name,value,stage", ""},
		{"name,value,", ""},
		{"id,name", ""},
		{"ID,Name,Email", ""},
		{"Name,Phone,Phone,Email", ""},
		{"FirstName,LastName,Email,LinkedInUrl,ExternalId", ""},
		{"email,company", ""},
		{"name,value,currency", ""},
		{"Deal Name,Amount", ""},
		{"Deal Name,Amount,Stage,Close Date", ""},
		{"name,status,expected_close_date,created_at", ""},
		{"external_id,name,stage,value,closed_at", ""},
		{"name,domain", ""},
		{"name,value,next_steps", ""},
		{"Name, Vorname;Ort", ""},
		{"opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value", ""},
		{"account,sector,year_established,revenue,employees,office_location,subsidiary_of", ""},
		{"sales_agent,manager,regional_office", ""},
		{"id,name,domain,industry,size,website,address,phone,description,linkedin_url,owner_id,created_at,updated_at", ""},
		{"id,name,company,company_id,primary_contact_id,value,currency,one_off_revenue,monthly_mrr,annual_value,stage_id,owner_id,expected_close_date,probability,status,priority,closed_at,stage_changed_at,created_at,updated_at", ""},
		{"First Name,Last Name,Email,Phone,Company", ""},
		{"", ""},
	} {
		if got := guess(strings.Split(test.header, ","), "export.csv"); got != test.want {
			t.Errorf("%s: guessed %q, want %q", test.header, got, test.want)
		}
	}
	if got := guess(nil, "deals.csv"); got != "" {
		t.Errorf("no header: guessed %q", got)
	}
}

// TestTableOfKind: the kind that is asked for decides, if its columns are there.
func TestTableOfKind(t *testing.T) {
	t.Parallel()
	p, _ := preset.Named("hubspot")
	header := []string{"Record ID", "Deal Name", "Deal Stage"}
	if table := p.Table("deals", header, "x"); table == nil || table.Kind != "deals" || p.Place(table) < 0 || table != p.Recognise(header, "x") {
		t.Errorf("%+v", table)
	}
	if table := p.Table("contacts", header, "x"); table != nil {
		t.Errorf("a file of deals is one of %s", table.Kind)
	}
	other, _ := preset.Named("zoho")
	if other.Recognise(header, "deals.csv") != nil || other.Place(&p.Tables[0]) != -1 {
		t.Error("a file of HubSpot is one of Zoho")
	}
}

// fixtures are folders of exports in the layout of each system.
const fixtures = "../testdata/presets"

// TestFixtures: each file of a folder is recognised, all its columns are known, and what its
// enumerated cells mean is what the fields take.
func TestFixtures(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(fixtures + "/*/*.csv")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(text), "\ufeff"))).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		header := rows[0]
		system := filepath.Base(filepath.Dir(path))
		p, table := preset.Guess(header, path)
		if p == nil || p.Name != system {
			t.Errorf("%s: guessed %q", path, guess(header, path))
			continue
		}
		b := table.Bind(header, none)
		for _, name := range b.Unread {
			used := func(c preset.Condition) bool { return slices.Contains(c.Columns, name) }
			if !slices.ContainsFunc(table.Left, func(left string) bool { return preset.PlainName(left) == preset.PlainName(name) }) && !slices.ContainsFunc(table.Skip, used) {
				t.Errorf("%s: the column %q is not known", path, name)
			}
		}
		for i := range b.Feeds {
			feed := &b.Feeds[i]
			enum := preset.Enum(table.Kind, feed.Field)
			for _, record := range rows[1:] {
				if cell := feed.Cell(record); enum != nil && cell != "" && !slices.Contains(enum, cell) && !b.Skips(record) {
					t.Errorf("%s: %s is %q", path, feed.Field, cell)
				}
			}
		}
	}
}

// TestNoTwoSystems: no file of one system is recognised as one of another.
func TestNoTwoSystems(t *testing.T) {
	t.Parallel()
	got := map[string]int{}
	for _, name := range preset.Names() {
		p, _ := preset.Named(name)
		for i := range p.Tables {
			table := &p.Tables[i]
			var header []string
			for _, c := range table.Columns {
				if !slices.Contains(header, c.Name) {
					header = append(header, c.Name)
				}
			}
			header = append(header, table.Left...)
			for _, spellings := range table.Header {
				if !slices.ContainsFunc(spellings, func(s string) bool { return slices.Contains(header, s) }) {
					header = append(header, spellings[0])
				}
			}
			if want := name + " " + table.Kind; guess(header, "x.csv") != want {
				t.Errorf("a file with all columns of %s is guessed %q", want, guess(header, "x.csv"))
			}
			got[name]++
		}
	}
	if diff := cmp.Diff(7, len(got)); diff != "" {
		t.Error(diff)
	}
}
