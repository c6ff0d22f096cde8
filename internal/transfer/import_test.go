package transfer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
	"sixty/internal/transfer"
)

// The summaries that tests expect are short: so many rows of each verdict.
func summary(created, updated, unchanged, rejected int64) transfer.Counts {
	return transfer.Counts{
		Read: created + updated + unchanged + rejected, Created: created, Updated: updated, Unchanged: unchanged, Rejected: rejected,
	}
}

var (
	companies = transfer.Options{Kind: transfer.Companies}
	contacts  = transfer.Options{Kind: transfer.Contacts}
	deals     = transfer.Options{Kind: transfer.Deals}
	owners    = transfer.Options{Kind: transfer.Owners}
)

// TestRowsInOrder: a batch ends as if its rows had been loaded one by one.
func TestRowsInOrder(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.inTurn(companies, `external_id,name,domain
1,Acme,
1,Acme,acme.example
1,ACME,
1,ACME,acme.example
2,Other,acme.example
2,Other,other.example
`, summary(2, 2, 1, 1), `domain "acme.example" is already used by another company`)

		// Keys change hands: each row finds what the rows before it left.
		w.inTurn(companies, `external_id,domain
1,third.example
2,acme.example
1,other.example
1,acme.example
`, summary(0, 3, 0, 1), `domain "acme.example" is already used by another company`)
		var got []string
		for _, c := range all(w, w.service.Companies) {
			got = append(got, fmt.Sprintf("%s %s %s %d", *c.ExternalID, c.Name, *c.Domain, c.Version))
		}
		if diff := cmp.Diff([]string{"1 ACME other.example 5", "2 Other acme.example 2"}, got); diff != "" {
			t.Errorf("companies (-want +got):\n%s", diff)
		}
	})
}

func TestRecognition(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		byName := companies
		byName.Keys = []string{"name"}
		w.expect(companies, "external_id,name,domain\n1,Acme,acme.example\n2,Twin,\n3,twin,\n", summary(3, 0, 0, 0))
		w.inTurn(byName, "name,industry\n  acme ,Steel\nTWIN,Steel\n,Steel\nNew,\nNEW,\n", summary(1, 2, 0, 2),
			"2 companies have this name", "name must not be empty")
		// Without --key the surest field that is fed is taken.
		// A row without a value of it is found by the next one that it has.
		w.expect(companies, "domain,name\nACME.example,Acme Ltd\nnowhere,X\n,Y\n,\n", summary(1, 1, 0, 1),
			`domain must be a host name such as example.com (it is "nowhere")`)
		w.expect(contacts, "email,name\nAda@x.example,Ada Lovelace\n", summary(1, 0, 0, 0))
		w.expect(contacts, "email,name\nada@X.example,Ada Lovelace\n", summary(0, 0, 1, 0))
		w.expect(owners, "full_name,role\nGrace Brewster Hopper,MANAGER\n", summary(1, 0, 0, 0))
		if o := all(w, w.service.Owners)[0]; *o.FirstName != "Grace" || *o.LastName != "Brewster Hopper" || o.Role != crm.RoleManager {
			t.Errorf("owner %+v", o)
		}
	})
}

// TestEmptyCells: they set nothing and clear nothing.
func TestEmptyCells(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.expect(deals, "external_id,name,value,currency,probability\n1,One,10.50,EUR,30\n2,Two,,,\n", summary(2, 0, 0, 0))
		w.expect(deals, "external_id,name,value,currency,probability,closed_at\n1,,,,, \n2,,,,,\n", summary(0, 0, 2, 0))
		d := all(w, w.service.Deals)
		if d[0].Value.String() != "10.50" || d[0].Currency != "EUR" || d[0].Probability != 30 || *d[0].Company != "One" {
			t.Errorf("deal %+v", d[0])
		}
		// What a deal leaves open is as if a client had made it.
		if d[1].Value != nil || d[1].Currency != "GBP" || d[1].Probability != 10 || d[1].OwnerID != nil || d[1].CompanyID != nil {
			t.Errorf("deal %+v", d[1])
		}
	})
}

func TestReferences(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.expect(companies, "external_id,name\nA-1,Acme\nT-1,Twin\nT-2,TWIN\n", summary(3, 0, 0, 0))
		w.expect(owners, "email,name\nada@x.example,Ada Lovelace\n", summary(1, 0, 0, 0))
		acme := all(w, w.service.Companies)[0]
		row := "external_id,name,company,company_id,owner,stage,contact\n"
		w.expect(deals, row+
			"1,D,acme,,ADA@x.example,qualified,\n"+
			"2,D,A-1,,Ada  Lovelace,Won,\n"+
			"3,D,"+acme.ID.String()+",,,,\n"+
			"4,D,The label,A-1,,,\n"+
			"5,D,Twin,,,,\n"+
			"6,D,Unknown,,Unknown,Nowhere,Unknown\n"+
			"7,D,"+strings.Repeat("x", 256)+",,,,\n",
			summary(4, 0, 0, 3),
			`2 companies are called "twin": name the one by its id, external_id or domain`,
			`no company called "Unknown"; no owner called "Unknown"; no contact called "Unknown"; no stage called "Nowhere" (use --create-missing company,owner,stage,contact)`,
			"company must be at most 255 characters long (it is \""+strings.Repeat("x", 40)+"…\")")
		for _, d := range all(w, w.service.Deals) {
			if d.CompanyID == nil || *d.CompanyID != acme.ID {
				t.Errorf("deal %s is not Acme's", *d.ExternalID)
			}
			if label := map[string]string{"1": "acme", "2": "A-1", "3": acme.ID.String(), "4": "The label"}[*d.ExternalID]; *d.Company != label {
				t.Errorf("deal %s bears the label %q", *d.ExternalID, *d.Company)
			}
		}
	})
}

// TestCreateMissing: references are made once however they are spelled, and only
// for rows that are taken.
func TestCreateMissing(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		// What companies do not refer to is nothing to them.
		opt := companies
		opt.CreateMissing = []string{"company", "owner", "stage"}
		w.expect(opt, "name\nOld Ltd\n", summary(1, 0, 0, 0))
		opt = deals
		opt.CreateMissing = []string{"company", "owner", "stage"}
		opt.StageOutcomes = []string{"Abgelehnt=lost", `"Erledigt, endlich=won"`}
		w.expect(opt, `external_id,name,value,company,owner,stage
1,D,1,New Ltd,Ada Lovelace,Closed  Won
2,D,1,NEW LTD,ada lovelace,closed won
3,D,1,New Ltd,bob@x.example,abgelehnt
4,D,1,New Ltd,Ada Lovelace,"Erledigt, endlich"
5,D,1,New Ltd,Ada Lovelace,Prospecting
6,D,minus,Unwanted,Unwanted,Unwanted
7,D,1,New Ltd,Ada Lovelace,lost
`, summary(6, 0, 0, 1), `value must be a number (it is "minus")`)
		var got []string
		for _, c := range all(w, w.service.Companies) {
			got = append(got, "company "+c.Name)
		}
		for _, o := range all(w, w.service.Owners) {
			got = append(got, fmt.Sprintf("owner %s %s %t", o.FullName, o.Role, o.Email == nil))
		}
		for _, s := range all(w, w.service.Stages) {
			if s.OrderPosition > 6 {
				got = append(got, fmt.Sprintf("stage %s %d %s %d%%", s.Name, s.OrderPosition, s.Outcome, s.DefaultProbability))
			}
		}
		want := []string{
			"company New Ltd", "company Old Ltd", "owner Ada Lovelace rep true", "owner  rep false",
			"stage abgelehnt 8 lost 0%", "stage Closed Won 7 won 100%", "stage Erledigt, endlich 9 won 100%", "stage Prospecting 10 open 0%",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("made (-want +got):\n%s", diff)
		}
	})
}

// TestStages: a deal enters its stage when it is closed or made, and its history
// tells of every move.
func TestStages(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.inTurn(deals, `external_id,name,stage,created_at,closed_at,status
1,Old and won,Won,2017-01-02,2017-03-04,
2,Won without a date,Won,2017-01-02,,
3,Open,Lead,2017-01-02,,
4,Won in an open stage,Lead,2017-01-02,2017-03-04,won
5,Moved twice,Lead,2017-01-02,,
5,,Qualified,,,
5,,Lost,,2017-05-06T07:08:09+02:00,
6,Active,Lead,2017-01-02,2017-03-04,
`, summary(5, 2, 0, 1), `closed_at must not be given: an active deal has none (it is "2017-03-04")`)
		w.expect(deals, "external_id,stage,closed_at\n3,Won,2017-03-04\n1,Won,2017-03-04\n", summary(0, 1, 1, 0))
		// The clock of the second run stands between the deal's making and its move.
		now := all(w, w.service.Deals)
		at := map[string]string{}
		for _, d := range now {
			at[*d.ExternalID] = d.StageChangedAt.String()
		}
		got := map[string]string{}
		for _, d := range now {
			moves, err := w.service.DealHistory(t.Context(), w.by, d.ID)
			if err != nil {
				t.Fatal(err)
			}
			var history []string
			for _, m := range moves {
				stage, err := w.service.Stage(t.Context(), w.by, m.StageID)
				if err != nil {
					t.Fatal(err)
				}
				until := ""
				if m.ExitedAt != nil {
					until = m.ExitedAt.String()
				}
				history = append(history, fmt.Sprintf("%s %s-%s", stage.Name, m.EnteredAt, until))
			}
			closed := ""
			if d.ClosedAt != nil {
				closed = d.ClosedAt.String()
			}
			got[*d.ExternalID] = d.Status + " " + closed + ": " + strings.Join(history, ", ")
		}
		const jan, mar = "2017-01-02T00:00:00.000000Z", "2017-03-04T00:00:00.000000Z"
		want := map[string]string{
			"1": "won " + mar + ": Won " + mar + "-",
			"2": "won " + jan + ": Won " + jan + "-",
			"3": "won " + mar + ": Lead " + jan + "-" + mar + ", Won " + mar + "-",
			"4": "won " + mar + ": Lead " + jan + "-",
			"5": "lost 2017-05-06T05:08:09.000000Z: Lead " + jan + "-" + at["5"] + ", Qualified " + at["5"] + "-" + at["5"] + ", Lost " + at["5"] + "-",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("histories (-want +got):\n%s", diff)
		}
	})
}

// TestPrimaryContacts: a company has at most one, and it is the last that was named,
// whether it was stored, or is in the same file.
func TestPrimaryContacts(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		opt := contacts
		opt.CreateMissing = []string{"company"}
		primary := func(want ...string) {
			t.Helper()
			var got []string
			for _, c := range all(w, w.service.Contacts) {
				if c.IsPrimary {
					got = append(got, c.FullName)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("primary contacts (-want +got):\n%s", diff)
			}
		}
		head := "email,first_name,company,is_primary\n"
		w.expect(opt, head+"a@x.example,A,One,yes\nb@x.example,B,One,no\nc@x.example,C,One,1\nd@x.example,D,Two,true\n", summary(4, 0, 0, 0))
		primary("C", "D")
		// C releases it to A although its own row comes later and says nothing of it.
		w.expect(opt, head+"a@x.example,,,yes\nc@x.example,,,\nd@x.example,,One,\n", summary(0, 2, 1, 0))
		primary("D")
		w.expect(opt, head+"e@x.example,E,Two,yes\nf@x.example,F,,yes\n", summary(2, 0, 0, 0))
		primary("D", "E")
	})
}

func TestRejectedFile(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		opt := deals
		opt.Errors = write(t, "what was here before")
		input := file(t, "external_id;name;value;note\n"+
			"1;\"Good; one\";15;\n2;\"Bad \"\"one\"\"\";1.500;\"two\nlines\"\n3;short\n;;;\n4;long;1;;5\n5;broken \"quote\";1;\n6;Good;2;\n")
		got, _ := w.load(opt, input)
		if got != summary(3, 0, 0, 3) {
			t.Errorf("%+v", got)
		}
		const want = "external_id;name;value;note;reason\r\n" +
			"2;\"Bad \"\"one\"\"\";1.500;\"two\nlines\";\"" + `value must be unambiguous: may be 1.500 or 1500, and no other cell shows what its decimal sign is (see --decimal) (it is ""1.500"")` + "\"\r\n" +
			"4;long;1;;\"the record has 5 fields, the header has 4; surplus is \"\"5\"\"\";5\r\n" +
			"5;\"broken \"\"quote\"\";1;\";;;the record has a quote inside a field that is not quoted\r\n"
		if diff := cmp.Diff(want, read(t, opt.Errors)); diff != "" {
			t.Errorf("rejected rows (-want +got):\n%s", diff)
		}

		// Corrected, it is a file to import, and its reasons are replaced.
		corrected := file(t, "external_id;name;value;note;reason\n2;Bad;1500;;x\n3;short;nothing;;y\n")
		opt.Errors = write(t, "")
		if got, _ := w.load(opt, corrected); got != summary(1, 0, 0, 1) {
			t.Errorf("%+v", got)
		}
		const again = "external_id;name;value;note;reason\r\n3;short;nothing;;\"value must be a number (it is \"\"nothing\"\")\"\r\n"
		if diff := cmp.Diff(again, read(t, opt.Errors)); diff != "" {
			t.Errorf("rejected rows, again (-want +got):\n%s", diff)
		}
	})
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		text := "external_id;name;created_at\n1;Zürich; \n2;Łódź;2017-02-03\n"
		utf16 := "\xff\xfe"
		for _, r := range text { // all of them are of the basic plane
			utf16 += string([]byte{byte(r), byte(r >> 8)})
		}
		w.expect(companies, utf16, summary(2, 0, 0, 0))
		w.expect(companies, "\xef\xbb\xbf"+text, summary(0, 0, 2, 0))
		w.expect(companies, "external_id\tname\n1\tZ\xfcrich\n", summary(0, 0, 1, 0))
	})
}

// TestSeveralFiles: they are one run, with one mapping for each header.
func TestSeveralFiles(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		var notices []string
		opt := companies
		opt.Notice = func(message string) { notices = append(notices, message) }
		var done []transfer.Progress
		opt.Progress = func(p transfer.Progress) { done = append(done, p) }
		got, _ := w.load(opt, file(t, "External ID,Name,x\n1,One,\n"), file(t, "name,external-id,y\nTwo,2,\nOne,1,\n"))
		if got != summary(2, 0, 0, 1) {
			t.Errorf("%+v", got)
		}
		text := strings.Join(notices, "\n")
		for _, want := range []string{
			`columns that are left out: "x"`, `columns that are left out: "y"`, "companies are recognised by external_id, else name",
			"rows repeat the key of another one (--key names another key, --repeats last loads the last of them) (1; line 3)",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no notice %q in\n%s", want, text)
			}
		}
		last := done[len(done)-1]
		if len(done) != 2 || last.Done != last.Total || last.Read != 3 {
			t.Errorf("progress %+v", done)
		}
	})
}

// TestUsage: mistakes are told before anything is imported.
func TestUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	good := "external_id,name,product,company\n1,One,P,\n"
	cases := []struct {
		name    string
		change  func(*transfer.Options)
		content string
		want    string
	}{
		{"Kind", func(o *transfer.Options) { o.Kind = "things" }, good, `"things" cannot be imported`},
		{"UnknownColumn", func(o *transfer.Options) { o.Maps = []string{"prodct=name"} }, good, `no column "prodct"; there are "external_id", "name", "product", "company"`},
		{"UnknownField", func(o *transfer.Options) { o.Maps = []string{"product=title"} }, good, `no field "title"; there are annual_value, `},
		{"TwoColumns", func(o *transfer.Options) { o.Maps = []string{"product=name,name=name"} }, good, `name is mapped from two columns, "product" and "name"`},
		{"HalfAPair", func(o *transfer.Options) { o.Maps = []string{"product"} }, good, `"product" must have something on either side`},
		{"BrokenQuotes", func(o *transfer.Options) { o.Maps = []string{`"a, b"=name`} }, good, `in quotes as a whole`},
		{"Key", func(o *transfer.Options) { o.Keys = []string{"domain"} }, good, `deals are recognised by id or external_id or name`},
		{"KeyNotMapped", func(o *transfer.Options) { o.Keys = []string{"external_id"} }, "name\nOne\n", `no column is mapped to external_id, by which deals are recognised; mapped are name`},
		{"NothingMapped", func(*transfer.Options) {}, "a,b\n1,2\n", `no column is mapped to a field`},
		{"CreateMissing", func(o *transfer.Options) { o.CreateMissing = []string{"deal"} }, good, `company, contact, owner, stage can be created, not "deal"`},
		{"StageOutcome", func(o *transfer.Options) { o.StageOutcomes = []string{"Done=perhaps"} }, good, `"Done" must be open, won or lost`},
		{"DateFormat", func(o *transfer.Options) { o.DateFormats = []string{"MM/YYYY"} }, good, `must have a year (YYYY or YY), a month (MMMM, MMM, MM or M) and a day`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			opt := deals
			c.change(&opt)
			_, err := transfer.Import(t.Context(), w.bulk, w.by, opt, file(t, good), file(t, c.content))
			var wrong *transfer.UsageError
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want a usage error with %q", err, c.want)
			}
			if rows := all(w, w.service.Deals); len(rows) > 0 {
				t.Errorf("%d deals were made nevertheless", len(rows))
			}
		})
	}
	t.Run("NoKeyMapped", func(t *testing.T) {
		t.Parallel()
		_, err := transfer.Import(t.Context(), w.bulk, w.by, deals, file(t, "value\n1\n"))
		if err == nil || !strings.Contains(err.Error(), "no column is mapped to external_id or name, by which deals are recognised; mapped are value") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("ErrorsIsInput", func(t *testing.T) {
		t.Parallel()
		opt := deals
		opt.Errors = write(t, good)
		_, err := transfer.Import(t.Context(), w.bulk, w.by, opt, source(t, opt.Errors))
		if err == nil || !strings.Contains(err.Error(), "is also a file to import") || read(t, opt.Errors) != good {
			t.Errorf("error %v; the file holds %q", err, read(t, opt.Errors))
		}
	})
}

// TestAnAdminStays: a file cannot leave an organisation without one, whatever its order.
func TestAnAdminStays(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		const reason = "role must stay admin: this is the last active admin (it is %q)"
		w.expect(owners, "email,name,role\nada@x.example,Ada A,admin\nbob@x.example,Bob B,rep\n", summary(2, 0, 0, 0))
		w.inTurn(owners, "email,role\nada@x.example,rep\nbob@x.example,admin\nada@x.example,rep\nbob@x.example,viewer\n",
			summary(0, 2, 0, 2), fmt.Sprintf(reason, "rep"), fmt.Sprintf(reason, "viewer"))
		roles := map[string]crm.Role{}
		for _, o := range all(w, w.service.Owners) {
			roles[o.FullName] = o.Role
		}
		if diff := cmp.Diff(map[string]crm.Role{"Ada A": crm.RoleRep, "Bob B": crm.RoleAdmin}, roles); diff != "" {
			t.Errorf("roles (-want +got):\n%s", diff)
		}
	})
}

// TestClosedAtIfClosed: one date for both deals that are closed and deals that are open is
// closed_at of the former.
func TestClosedAtIfClosed(t *testing.T) {
	t.Parallel()
	const rows = `external_id,name,stage,status,closed_at_if_closed,closed_at
1,Won,Won,,2017-05-06,
2,Open,Lead,,2017-05-06,
3,Lost in an open stage,Lead,lost,2017-05-06,
4,Says it by itself,Won,,2017-05-06,2017-01-02
`
	eachEngine(t, func(t *testing.T, w *world) {
		w.expect(deals, rows, summary(4, 0, 0, 0))
		w.expect(deals, rows, summary(0, 0, 4, 0))
		got := map[string]string{}
		for _, d := range all(w, w.service.Deals) {
			got[*d.ExternalID] = d.Status
			if d.ClosedAt != nil {
				got[*d.ExternalID] += " " + d.ClosedAt.String()[:len("2017-05-06")]
			}
		}
		want := map[string]string{"1": "won 2017-05-06", "2": "active", "3": "lost 2017-05-06", "4": "won 2017-01-02"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("closed (-want +got):\n%s", diff)
		}
	})
}
