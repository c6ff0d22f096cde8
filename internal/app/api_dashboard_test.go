package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sixty/internal/crm"
)

// The dashboard's body, byte for byte.
func TestDashboard(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		org := c.organisation("Numbers")
		rep := c.person(org.ID, "Rita Rep", "rita@numbers.example", crm.RoleRep)
		u := user{c, org.ID, c.keyOf(org.ID, rep.ID, crm.RoleRep)}
		const path = "/api/dashboard"
		const nothing = `{"data":{"totals":[],"by_month":[],"by_stage":[],"by_owner":[],"activities":[]},"error":null}`
		if got := u.text(path); got != nothing {
			t.Errorf("of an empty organisation: %s", got)
		}
		stages, _ := u.list("/api/stages")
		deal := func(stage int, body object) {
			body["name"], body["stage_id"] = "Deal", id(stages[stage])
			u.make("/api/deals", body)
		}
		deal(0, object{"value": 0.05, "probability": 50}) // weighted, 2.5 pence: 3
		deal(0, object{"value": 0.05, "probability": 50})
		deal(2, object{"value": 1000, "probability": 33, "currency": "EUR"})
		deal(2, object{"probability": 33})
		deal(4, object{"value": 100.01, "closed_at": "2017-06-30T23:59:59.999999Z"})
		deal(4, object{"value": 0, "closed_at": "2017-07-01T00:00:00Z"})
		deal(5, object{"value": 70, "closed_at": "2017-07-31T12:00:00+02:00"})
		u.make("/api/activities", object{"type": "call", "date": "2017-07-01T00:00:00Z", "amount": 12.5})
		u.make("/api/activities", object{"type": "call", "date": "2017-06-30T00:00:00Z"})

		want := strings.NewReplacer("RITA", `"owner_id":"`+rep.ID.String()+`","full_name":"Rita Rep"`,
			"LEAD", stageText(stages[0]), "PROPOSAL", stageText(stages[2]), "WON", stageText(stages[4]), "LOST", stageText(stages[5]),
			"\n", "", "\t", "").Replace(`{"data":{"totals":[
			{"currency":"EUR","won_value":0.00,"won_count":0,"lost_value":0.00,"lost_count":0,"open_value":1000.00,"open_count":1,
			"weighted_value":330.00,"win_rate":null,"average_won_value":null,"average_days_to_close":null},
			{"currency":"GBP","won_value":100.01,"won_count":2,"lost_value":70.00,"lost_count":1,"open_value":0.10,"open_count":3,
			"weighted_value":0.06,"win_rate":0.6667,"average_won_value":50.01,"average_days_to_close":null}],
			"by_month":[
			{"month":"2017-06","currency":"GBP","won_value":100.01,"won_count":1,"lost_count":0},
			{"month":"2017-07","currency":"GBP","won_value":0.00,"won_count":1,"lost_count":1}],
			"by_stage":[
			{LEAD,"currency":"GBP","count":2,"value":0.10,"weighted_value":0.06},
			{PROPOSAL,"currency":"EUR","count":1,"value":1000.00,"weighted_value":330.00},
			{PROPOSAL,"currency":"GBP","count":1,"value":0.00,"weighted_value":0.00},
			{WON,"currency":"GBP","count":2,"value":100.01,"weighted_value":100.01},
			{LOST,"currency":"GBP","count":1,"value":70.00,"weighted_value":0.00}],
			"by_owner":[
			{RITA,"currency":"EUR","won_value":0.00,"won_count":0,"lost_count":0,"open_value":1000.00,"open_count":1,"win_rate":null},
			{RITA,"currency":"GBP","won_value":100.01,"won_count":2,"lost_count":1,"open_value":0.10,"open_count":3,"win_rate":0.6667}],
			"activities":[{"type":"call","count":2,"amount":12.50}]},"error":null}`)
		got := u.text(path)
		// The deals are created when the test runs, and closed before that, so that none has taken time.
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if again := u.text(path + "?from=&to="); again != got {
			t.Errorf("asked again, it differs:\n%s\n%s", got, again)
		}

		// Both ends of the range are included; open deals do not depend on it.
		ranged := u.get(path + "?from=2017-07-01&to=2017-07-31&owner_id=" + rep.ID.String())
		gbp := ranged["totals"].([]any)[1].(object)
		expect(t, gbp, object{"won_count": 1, "lost_count": 1, "open_count": 3, "win_rate": 0.5})
		expect(t, ranged["activities"].([]any)[0].(object), object{"type": "call", "count": 1, "amount": 12.5})

		theirs := newUser(c, "Theirs", crm.RoleAdmin)
		if got := u.text(path + "?ownerId=" + theirs.ours()["owner"]); got != nothing {
			t.Errorf("of another organisation's owner: %s", got)
		}
		for query, status := range map[string]int{
			"from=yesterday": http.StatusBadRequest, "to=2017-02-29": http.StatusBadRequest, "from=2017-07-01T00:00:00Z": http.StatusBadRequest,
			"ownerId=1": http.StatusBadRequest, "from=2017-07-02&to=2017-07-01": http.StatusUnprocessableEntity,
		} {
			answer := u.ask(status, "GET", path+"?"+query, nil)
			if invalid(answer) == "" {
				t.Errorf("%s: nothing is complained of: %v", query, answer)
			}
		}
	})
}

// text returns the body of a response.
func (u user) text(path string) string {
	u.t.Helper()
	status, _, body := u.raw("GET", path, u.key, nil)
	if status != http.StatusOK {
		u.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	return string(body)
}

// stageText returns the JSON of a stage in the dashboard.
func stageText(s object) string {
	return fmt.Sprintf(`"stage_id":%q,"name":%q,"color":%q,"order_position":%v`, s["id"], s["name"], s["color"], s["order_position"])
}
