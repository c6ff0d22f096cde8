package transfer_test

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/transfer"
)

// TestAwkwardFiles: what cannot be read is rejected row by row, with its line and a
// reason; all else is read as it is meant, whatever stands around it.
func TestAwkwardFiles(t *testing.T) {
	t.Parallel()
	const head = "external_id,name,description\n"
	for _, c := range []struct {
		name, content string
		want          []string // external_id, name and description of what is in
		reasons       []string // of the others, with their lines
	}{
		{"Quotes", head + `1,"The ""A"" Team","a, b"` + "\n" + `2,Open"quote,x` + "\n" + `3,"Closed"twice,x` + "\n4,Four,\n",
			[]string{`1|The "A" Team|a, b`, "4|Four|"},
			[]string{"3: the record has a quote", "4: the record has text behind"}},
		{"QuoteNeverClosed", head + "1,One,\n2,\"Two,x\n3,Three,\n", []string{"1|One|"}, []string{"3: the record"}},
		{"Semicolons", "external_id;name;description\n1;One;a,b\n2;\"T;wo\";\n", []string{"1|One|a,b", "2|T;wo|"}, nil},
		{"Tabs", "external_id\tname\tdescription\n1\tOne\ta,b;c\n", []string{"1|One|a,b;c"}, nil},
		{"Pipes", "external_id|name|description\n1|One|a,b\n", []string{"1|One|a,b"}, nil},
		{"CRLF", "external_id,name,description\r\n1,One,\"x\r\ny\"\r\n2,Two,\r\n", []string{"1|One|x\r\ny", "2|Two|"}, nil},
		{"CR", "external_id,name,description\r1,One,\"x\ry\"\r2,Two,", []string{"1|One|x\ry", "2|Two|"}, nil},
		{"Mixed", head + "1,One,\"x\ny\"\r\n2,Two,\r3,Three,\n\n\n4,Four,", []string{"1|One|x\ny", "2|Two|", "3|Three|", "4|Four|"}, nil},
		{"Ragged", head + "1\n2,Two\n3,Three,x,y\n4,Four,\n", []string{"2|Two|", "4|Four|"},
			[]string{"2: name must not be empty", "4: the record has 4 fields, the header has 3; surplus is \"y\""}},
		{"NUL", head + "1,O\x00ne,\n2,Two,\"\x00\"\n3,Three,\n", []string{"3|Three|"},
			[]string{"2: the record holds a NUL", "3: the record holds a NUL"}},
		{"Formulas", head + "1,'=1+1,\"'+44\"\n2,''=1,'tis\n3,=2,'\n", []string{"1|=1+1|+44", "2|'=1|'tis", "3|=2|'"}, nil},
		{"HeaderOnly", head, []string{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sqlite")
			got, told := []string{}, []string{}
			opt := companies
			opt.Rejected = func(r transfer.Rejection) { told = append(told, fmt.Sprintf("%d: %s", r.Line, r.Reason)) }
			if _, err := transfer.Import(t.Context(), w.bulk, w.by, opt, file(t, c.content)); err != nil {
				t.Fatal(err)
			}
			for _, c := range all(w, w.service.Companies) {
				description := ""
				if c.Description != nil {
					description = *c.Description
				}
				got = append(got, *c.ExternalID+"|"+c.Name+"|"+description)
			}
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("companies (-want +got):\n%s", diff)
			}
			if len(told) != len(c.reasons) {
				t.Fatalf("rejected: %q, want %q", told, c.reasons)
			}
			for i, want := range c.reasons {
				if !strings.HasPrefix(told[i], want) {
					t.Errorf("rejected: %q, want %q", told[i], want)
				}
			}
		})
	}
}

// endless is a file with one line of so many bytes among ordinary ones.
func endless(size int64) transfer.Source {
	return transfer.Source{Name: "long.csv", Size: -1, Once: true, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(
			strings.NewReader("external_id,name,description\n1,One,\n2,Two,\""),
			io.LimitReader(repeated('x'), size),
			strings.NewReader("\"\n3,Three,\n"),
		)), nil
	}}
}

// repeated is a source of one byte, over and over.
type repeated byte

func (r repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

// TestLongLine is not parallel to others, because it counts what the whole program
// allocates: a line of 100 MB passes, and costs less than half of that altogether.
func TestLongLine(t *testing.T) {
	w := newWorld(t, "sqlite")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, reasons := w.load(companies, endless(100<<20))
	runtime.ReadMemStats(&after)
	if s != summary(2, 0, 0, 1) || len(reasons) != 1 || !strings.Contains(reasons[0], "longer than") {
		t.Errorf("%+v, %q", s, reasons)
	}
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 48<<20 {
		t.Errorf("%d bytes were allocated", spent)
	}
}

// A record that cannot be read is rejected for that, and not for what would be missing if
// it were empty.
func TestUnreadableRecordsByName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.expect(transfer.Options{Kind: transfer.Companies, Keys: []string{"name"}}, "name,domain\nLong,l.example,x\n\"N\x00L\",n.example\n,e.example\n",
		transfer.Counts{Read: 3, Rejected: 3},
		`the record has 3 fields, the header has 2; surplus is "x"`, "the record holds a NUL byte", "name must not be empty")
}
