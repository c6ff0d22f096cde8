package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sixty/internal/crm"
)

// object is a JSON object.
type object = map[string]any

// user is a client with an API key.
type user struct {
	*client
	org crm.ID
	key string
}

// newUser returns a user of a role in a new organisation.
func newUser(c *client, organisation string, role crm.Role) user {
	c.t.Helper()
	org := c.organisation(organisation)
	return user{c, org.ID, c.key(org.ID, role)}
}

// as returns another user of the same organisation.
func (u user) as(role crm.Role) user {
	u.t.Helper()
	return user{u.client, u.org, u.client.key(u.org, role)}
}

// in returns the user for a subtest, whose failures are its own.
func (u user) in(tb testing.TB) user {
	tb.Helper()
	c := *u.client
	c.t, u.client = tb, &c
	return u
}

// ask sends a request that must have the status, and returns the response.
func (u user) ask(want int, method, path string, body any) object {
	u.t.Helper()
	status, _, answer := u.do(method, path, u.key, body)
	if status != want {
		u.t.Fatalf("%s %s: %d, want %d\n%v", method, path, status, want, answer)
	}
	return answer
}

// record is ask for a response whose data is one record.
func (u user) record(want int, method, path string, body any) object {
	u.t.Helper()
	answer := u.ask(want, method, path, body)
	data, ok := answer["data"].(object)
	if e, there := answer["error"]; !ok || !there || e != nil {
		u.t.Fatalf("%s %s: the answer is no envelope of a record: %v", method, path, answer)
	}
	return data
}

func (u user) get(path string) object { u.t.Helper(); return u.record(http.StatusOK, "GET", path, nil) }

func (u user) make(path string, body object) object {
	u.t.Helper()
	return u.record(http.StatusCreated, "POST", path, body)
}

func (u user) change(path string, body object) object {
	u.t.Helper()
	return u.record(http.StatusOK, "PATCH", path, body)
}

// list returns the rows of a page and the whole response.
func (u user) list(path string) (rows []object, answer object) {
	u.t.Helper()
	answer = u.ask(http.StatusOK, "GET", path, nil)
	data, ok := answer["data"].([]any)
	if !ok || answer["error"] != nil || answer["count"] != float64(len(data)) {
		u.t.Fatalf("GET %s: the answer is no envelope of a list: %v", path, answer)
	}
	for _, row := range data {
		rows = append(rows, row.(object))
	}
	return rows, answer
}

// total returns the number of records in a list.
func (u user) total(path string) int {
	u.t.Helper()
	_, answer := u.list(path + "?count=exact&limit=1")
	return int(answer["meta"].(object)["totalCount"].(float64))
}

// expect compares some members of a record.
func expect(tb testing.TB, record, want object) {
	tb.Helper()
	for name, w := range want {
		got, there := record[name]
		if n, isInt := w.(int); isInt {
			w = float64(n)
		}
		if !there || fmt.Sprint(got) != fmt.Sprint(w) {
			tb.Errorf("%s = %v (there: %v), want %v", name, got, there, w)
		}
	}
}

// at follows names into nested objects.
func at(record object, names ...string) any {
	var v any = record
	for _, name := range names {
		o, ok := v.(object)
		if !ok {
			return nil
		}
		v = o[name]
	}
	return v
}

func id(record object) string { return record["id"].(string) }

// mapped returns one member of every row, as text.
func mapped(rows []object, name string) string {
	var all []string
	for _, row := range rows {
		all = append(all, fmt.Sprint(row[name]))
	}
	return strings.Join(all, " ")
}

// invalid returns the JSON pointers and parameters of a problem's errors.
func invalid(answer object) string {
	list, _ := answer["errors"].([]any)
	var all []string
	for _, e := range list {
		for _, where := range []string{"pointer", "parameter"} {
			if s, ok := e.(object)[where].(string); ok {
				all = append(all, s)
			}
		}
	}
	return strings.Join(all, " ")
}
