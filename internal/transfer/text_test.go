package transfer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestText: an import takes texts, addresses and domains in the form that every write does, and
// refers to records by any way to write them.
func TestText(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, w *world) {
		w.expect(companies, "name,domain\n"+
			"D1,उदाहरण.भारत\nD2,உதாரணம்.இந்தியா\nD3,ตัวอย่าง.ไทย\nD4,paral·lel.example\nD5,köln.example\nD6,ac\u00adme.example\n",
			summary(5, 0, 0, 1), `domain must not contain the invisible character U+00AD (it is "ac\u00adme.example")`)
		w.inTurn(companies, "domain,industry\nxn--kln-sna.example,Mining\nKO\u0308LN.example\u200b,Mining\n", summary(0, 1, 1, 0))

		opt := contacts
		opt.CreateMissing = []string{"company"}
		w.inTurn(opt, "email,company\nc@acme.example,Dräxl & Söhne\nd@acme.example,\"Dräxl  & Söhne \"\ne@acme.example,DRÄXL & SÖHNE\n"+
			"f@acme.example,Dra\u0308xl & So\u0308hne\ng@acme.example,Dräxl & Söhne\u200b\ni@acme.example,\u200eDräxl & Söhne\n"+
			"I@ACME.example\ufeff,Dräxl & Söhne\n", summary(6, 0, 1, 0))
		var got []string
		for _, c := range all(w, w.service.Companies) {
			got = append(got, c.Name)
		}
		if diff := cmp.Diff([]string{"D1", "D2", "D3", "D4", "D5", "Dräxl & Söhne"}, got); diff != "" {
			t.Errorf("companies (-want +got):\n%s", diff)
		}
		w.expect(owners, "email,name\njo@bücher.example,Jo\n", summary(1, 0, 0, 0))
		w.expect(deals, "name,value,owner\nShip,1,JO@XN--BCHER-KVA.example\n", summary(1, 0, 0, 0))
	})
}
