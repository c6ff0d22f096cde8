package crm

import "testing"

func TestFindOrganisation(t *testing.T) {
	t.Parallel()
	ids := []ID{NewID(), NewID(), NewID(), NewID(), NewID()}
	all := []Organisation{
		{ID: ids[0], Name: "Acme\u200b"}, {ID: ids[1], Name: "Acme"}, // of which the first one is of an older release
		{ID: ids[2], Name: "Twin\u200b"}, {ID: ids[3], Name: "\u2060Twin"},
		{ID: ids[4], Name: ids[1].String()},
	}
	for text, want := range map[string]ID{
		"ACME": ids[1], "acme\u200b": ids[1], ids[0].String(): ids[0], ids[1].String(): ids[1], ids[4].String(): ids[4],
		"twin": {}, "": {}, "other": {},
	} {
		if got, ok := FindOrganisation(all, text); got.ID != want || ok != (want != ID{}) {
			t.Errorf("%q means %v, want %v", text, got, want)
		}
	}
	if got, ok := FindOrganisation(all[:1], "acme"); !ok || got.ID != ids[0] {
		t.Errorf("the only one is not found: %v", got)
	}
}
