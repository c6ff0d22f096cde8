package csvio_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/transfer/csvio"
)

// noted reads in to its end and returns the reader.
func noted(tb testing.TB, in string, opts csvio.Options) *csvio.Reader {
	tb.Helper()
	reader, err := csvio.Open(strings.NewReader(in), opts)
	if err != nil {
		tb.Fatal(err)
	}
	for err == nil {
		_, err = reader.Read()
	}
	return reader
}

func TestNotes(t *testing.T) {
	t.Parallel()
	const (
		blank = csvio.NoteBlank
		short = csvio.NoteShort
	)
	for _, tt := range []struct {
		name, in string
		opts     csvio.Options
		want     []csvio.Note
	}{
		{name: "nothing", in: "a,b\n1,2\n\n1,2,,\n"},
		{
			name: "blank and short rows", in: "a,b\n,\n1\n, ,\n2\n,\n,\n,\n,\n",
			want: []csvio.Note{{blank, 6, []int{2, 4, 6, 7, 8}}, {short, 2, []int{3, 5}}},
		},
		{
			name: "an assumed encoding", in: "name;n\nM\xfcller;1\nMeier;2\nSchr\xf6der;3\n",
			want: []csvio.Note{{
				"rows with characters beyond ASCII: their encoding is assumed to be Windows-1252; name another by --encoding", 2, []int{2, 4},
			}},
		},
		{name: "a named encoding", in: "name;n\nM\xfcller;1\n", opts: csvio.Options{Encoding: csvio.Windows1252}},
		{
			name: "a wrong encoding that is named", in: "name;n\n\xa3\xf3d\x9f;1\n", opts: csvio.Options{Encoding: csvio.Windows1252},
			want: []csvio.Note{{
				`rows with improbable text, such as "£ódŸ": probably the file has another encoding than Windows-1252, ` +
					"or had been read in a wrong one before; name it by --encoding", 1, []int{2},
			}},
		},
		{
			name: "UTF-8 that was read twice", in: "name,n\nMüller,1\nMÃ¼ller,2\n",
			want: []csvio.Note{{
				`rows with improbable text, such as "MÃ¼ller": probably the file has another encoding than UTF-8, ` +
					"or had been read in a wrong one before; name it by --encoding", 1, []int{3},
			}},
		},
		{
			name: "a doubtful separator", in: "Name, Vorname;Ort\nMeyer, Eva;Bonn\n",
			want: []csvio.Note{{
				Text: `the separator is taken to be ";", but "," would also do: name it by --separator if that is wrong`,
			}},
		},
		{
			name: "a separator that hardly fits", in: "a,b\n1,2,3\n1\n1\n1,2\n",
			want: []csvio.Note{
				{Text: `the separator is taken to be ",", by which 1 of the first 4 rows have as many fields as the header: name it by --separator if that is wrong`},
				{short, 2, []int{3, 4}},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, noted(t, tt.in, tt.opts).Notes()); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotes_Windows1250(t *testing.T) {
	t.Parallel()
	const in = "name;value\n\xa3\xf3d\x9f \x8cr\xf3dmie\x9ccie;1\n\x8eofie Nov\xe1kov\xe1;2\n"
	reader := noted(t, in, csvio.Options{})
	if notes := reader.Notes(); !reader.Assumed() || len(notes) != 2 || notes[0].Count != 2 || notes[1].Count != 1 {
		t.Errorf("%v, %+v", reader.Assumed(), notes)
	}
	encoding, err := csvio.ParseEncoding("windows-1250")
	if err != nil {
		t.Fatal(err)
	}
	reader = noted(t, in, csvio.Options{Encoding: encoding})
	if notes := reader.Notes(); reader.Assumed() || len(notes) > 0 {
		t.Errorf("named: %v, %+v", reader.Assumed(), notes)
	}
}

// Text that people write is not called improbable.
func TestNotes_Probable(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"Größe, Straße, Äußerst, MENÜ“, „CAFÉ“", "Blåbær Gaming ApS", "Zoë Ångström", "Søren Ødegård", "Łódź Śródmieście Żółć",
		"São João, IRMÃ…, CORAÇÃO, AVÓ", "¿Qué tal? ¡Hola! Nº 5, 2ª planta", "5 m², 20 m³, 10°C, n°5", "£5m, £m, 5 £, ¥500, €uro", "«texte» l’été – œuvre Œuvre",
		"col·lega paral·lel", "Ştefan Ţepeş, İstanbul, ığdır", "Москва, Ñandú, Ñuñoa", "北京字节科技, 東京", "© 2026 Acme® & Söhne™", "½ Tag, 1¼",
		"École ÉCOLE À L'ÉTÂGE", "Dvořák, Žofie Nováková, Šárka", "Ðorđe, Þór, Ægir", "ΑΘΗΝΑ Αθήνα", "naïve café — “quoted”…", "Ÿ L’Haÿ-les-Roses",
	} {
		reader := noted(t, "name\n\""+text+"\"\n", csvio.Options{Separator: '|'})
		if notes := reader.Notes(); len(notes) > 0 {
			t.Errorf("%s: %+v", text, notes)
		}
	}
	for _, text := range []string{
		"£ódŸ", "£ukasz", "Pawe³ek", "Za¿ó³æ", "MÃ¼ller", "SÃ£o", "Ã–sterreich", "donâ€™t", "5 â‚¬", "Å‚ódź", "Ð¼Ð¾", "Â£5", "M�ller", "caf\u0082",
	} {
		reader := noted(t, "name\n\""+text+"\"\n", csvio.Options{Separator: '|'})
		if notes := reader.Notes(); len(notes) != 1 {
			t.Errorf("%s: %+v", text, notes)
		}
	}
}
