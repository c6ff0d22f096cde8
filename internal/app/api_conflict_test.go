package app_test

import (
	"net/http"
	"strings"
	"testing"
)

// A conflict names the record that has the value to those who may see it, and to no others.
func TestConflictsNameTheRecord(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		o := newOffice(c)
		word, company := hidden, o.rorys["company"]
		o.admin.change("/api/companies/"+company, object{"external_id": "same"})
		o.admin.change("/api/contacts/"+o.rorys["contact"], object{"external_id": "same"})
		for _, x := range []struct {
			path, own, taken string
			record           object
			member, value    string
		}{
			{"/api/companies", o.ritas["company"], company, object{"name": "New"}, "domain", word + ".example"},
			{"/api/companies", o.ritas["company"], company, object{"name": "New"}, "external_id", "same"},
			{"/api/contacts", o.ritas["contact"], o.rorys["contact"], object{"first_name": "New"}, "email", word + "@" + word + ".example"},
			{"/api/contacts", o.ritas["contact"], o.rorys["contact"], object{"first_name": "New"}, "external_id", "same"},
			{"/api/deals", o.ritas["deal"], o.rorys["deal"], object{"name": "New"}, "external_id", word},
		} {
			same := object{x.member: x.value}
			for _, u := range []user{o.admin, o.rita} {
				for _, answer := range []object{
					u.ask(http.StatusConflict, "POST", x.path, with(x.record, same)), u.ask(http.StatusConflict, "PATCH", x.path+"/"+x.own, same),
				} {
					text, _ := answer["error"].(string)
					if answer["code"] != "conflict."+x.member || strings.Contains(text, x.taken) != (u == o.admin) {
						t.Errorf("%s, %s: %v", x.path, x.member, answer)
					}
				}
			}
			// Its own value is none of another.
			o.rory.change(x.path+"/"+x.taken, same)
		}
		if answer := o.admin.ask(http.StatusConflict, "PATCH", "/api/users/"+o.ritaID, object{"email": "rory@office.example"}); !strings.Contains(answer["error"].(string), o.roryID) {
			t.Errorf("a user's address: %v", answer)
		}
	})
}
