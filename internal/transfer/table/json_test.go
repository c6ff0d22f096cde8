package table_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/transfer/csvio"
	"sixty/internal/transfer/table"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", csvio.DefaultMaxRecord)
	for _, tt := range []struct {
		name, in string
		header   []string
		want     []row
		notes    []table.Note
	}{
		{
			name: "values", in: `[{"s":" a\tbü\u00e4😀\ud83d\ude00 ","n":1.50,"e":1E400,"big":12345678901234567890,"t":true,"f":false,"z":null}]`,
			header: []string{"s", "n", "e", "big", "t", "f", "z"},
			want:   []row{{1, []string{" a\tbüä😀😀 ", "1.50", "1E400", "12345678901234567890", "true", "false", ""}, ""}},
		},
		{
			name: "union of members", in: `[{"b":1},{"a":2,"b":3},{"c":4}]`, header: []string{"b", "a", "c"},
			want: []row{{1, []string{"1", "", ""}, ""}, {2, []string{"3", "2", ""}, ""}, {3, []string{"", "", "4"}, ""}},
		},
		{
			name: "objects within", in: `[{"id":1,"owner":{"email":"a@x.example","deep":{"x":[1]}}},{"id":2,"owner":null},{"id":3,"owner":{}}]`,
			header: []string{"id", "owner.email", "owner.deep", "owner"},
			want: []row{
				{1, []string{"1", "a@x.example", `{"x":[1]}`, ""}, ""}, {2, []string{"2", "", "", ""}, ""}, {3, []string{"3", "", "", ""}, ""},
			},
		},
		{
			name: "lists", in: `[{"a":[1,"x",true,null],"b":[],"c":["x;y","z"],"d":[{"x":1}],"e":[[1]]}]`, header: []string{"a", "b", "c", "d", "e"},
			want: []row{{1, []string{"1;x;true", "", `["x;y","z"]`, `[{"x":1}]`, `[[1]]`}, ""}},
		},
		{
			name: "blank objects", in: `[{"a":1},{},{"a":null},{"a":" "},{"a":2}]`, header: []string{"a"},
			want:  []row{{1, []string{"1"}, ""}, {5, []string{"2"}, ""}},
			notes: []table.Note{{Text: csvio.NoteBlank, Count: 3, First: []int{2, 3, 4}}},
		},
		{
			name: "a member twice", in: `[{"a":1,"a":2},{"o.a":1,"o":{"a":2}},{"a":3}]`, header: []string{"a", "o.a"},
			want: []row{{1, nil, `has the member "a" twice`}, {2, nil, `has the member "o.a" twice`}, {3, []string{"3", ""}, ""}},
		},
		{
			name: "what text cannot hold", in: `[{"a":"x\u0000"},{"a":"\ud83d"},{"a":"\ufffd�"},{"a":"\\ufffd\ude00"},{"a":"M` + "\xfc" + `ller ä ö"}]`, header: []string{"a"},
			want: []row{
				{1, nil, `holds in "a" a NUL character`}, {2, nil, `holds in "a" half a character: "\"\\ud83d\""`}, {3, []string{"\ufffd\ufffd"}, ""},
				{4, nil, `holds in "a" half a character: "\"\\\\ufffd\\ude00\""`}, {5, nil, "is not valid UTF-8: " + csvio.Quote(`{"a":"M`+"\xfc"+`ller ä ö"}`)},
			},
			notes: []table.Note{{
				Text: "rows with improbable text, such as \"\ufffd\ufffd\": probably the file has another encoding than UTF-8, " +
					"or had been read in a wrong one before; name it by --encoding", Count: 1, First: []int{3},
			}},
		},
		{
			name: "a long object", in: `[{"a":1},{"a":"` + long + `"},{"a":2}]`, header: []string{"a"},
			want: []row{{1, []string{"1"}, ""}, {2, nil, "is longer than 1048576 bytes"}, {3, []string{"2"}, ""}},
		},
		{
			name: "brackets in text", in: `[{"a":"]}\"[{\\"},{"a":"\\\""}]`, header: []string{"a"},
			want: []row{{1, []string{`]}"[{\`}, ""}, {2, []string{`\"`}, ""}},
		},
		{
			name: "an answer", in: `{"error":null,"count":12,"meta":{"x":[{"data":[]}]},"data":[{"a":1}],"pagination":{"hasMore":false}} ` + "\n",
			header: []string{"a"}, want: []row{{1, []string{"1"}, ""}},
		},
		{
			name: "a page of an answer", in: `{"data":[{"a":1}],"pagination":{"hasMore": true,"limit":1}}`,
			header: []string{"a"}, want: []row{{1, []string{"1"}, ""}},
			notes: []table.Note{{Text: "the file is one page of a list (hasMore): those that follow are not in it"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := mustRead(t, file(t, "a.json", []byte(tt.in)), table.Options{Format: table.JSON})
			if diff := cmp.Diff(tt.header, got.header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, got.rows); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.notes, got.facts.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

// A broken line is a broken record, and the file goes on.
func TestNDJSON(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", csvio.DefaultMaxRecord)
	in := "\n{\"a\":1}\r\n\n{\"a\":\n[1]\n{\"a\":2} {\"a\":3}\n{\"a\":\"" + long + "\"}\nnull\n  {\"b\":4}  "
	got := mustRead(t, file(t, "a.ndjson", []byte(in)), table.Options{})
	want := []row{
		{2, []string{"1", ""}, ""},
		{4, nil, "is broken JSON at byte 5: unexpected end of JSON input"},
		{5, nil, `is no object: "[1]"`},
		{6, nil, "is broken JSON at byte 9: invalid character '{' after top-level value"},
		{7, nil, "is longer than 1048576 bytes"},
		{8, nil, `is no object: "null"`},
		{9, []string{"", "4"}, ""},
	}
	if diff := cmp.Diff(want, got.rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestJSON_Broken(t *testing.T) {
	t.Parallel()
	var wide strings.Builder
	for i := range csvio.MaxColumns + 1 {
		fmt.Fprintf(&wide, "{\"m%d\":1},", i)
	}
	for _, tt := range []struct{ in, want string }{
		{`[{"a":1}`, "line 1, behind 1 objects: the file ends within the list"},
		{"[{\"a\":1},\n{\"a\":", "line 2, behind 2 objects: the file ends within the list"},
		{`[{"a":1} {"a":2}]`, `'{' stands where a comma or the end of the list is expected`},
		{`[{"a":1},]`, `']' stands where a value is expected`},
		{`[,{"a":1}]`, `',' stands where a value is expected`},
		{`[{"a":1}] x`, `'x' stands behind the end`},
		{`[{"a" 1}]`, `object 1 is broken JSON at byte`},
		{`[{"a":1,"b"}]`, `object 1 is broken JSON at byte`},
		{`[1]`, `object 1 is no object: "1"`},
		{`{"a":1}`, `one object without a list "data"`},
		{`{"data":{"a":1}}`, `"data" is no list: it begins with '{'`},
		{`{"data":[{"a":1}],x}`, `'x' stands where a member's name is expected`},
		{`{"data"[]}`, `'[' stands where the colon behind "\"data\"" is expected`},
		{`"x"`, `'"' stands where a list of objects is expected`},
		{`[{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}]`, `object 1 is broken JSON at byte 10005: invalid character`},
		{"[" + strings.TrimSuffix(wide.String(), ",") + "]", "the objects have more than 1000 different members"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			t.Parallel()
			if _, err := read(t, file(t, "a.json", []byte(tt.in)), table.Options{Format: table.JSON}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
