package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sixty/internal/accounts"
	"sixty/internal/cells"
	"sixty/internal/crm"
)

// ExportRequest is an export as it is asked for over the API.
type ExportRequest struct {
	ExportOptions
	Gzip bool
}

// exportMembers are the members of a request.
var exportMembers = []string{"type", "filters", "format", "columns", "gzip", "ownerId"}

// allKinds asks for all kinds that can be imported again.
const allKinds = "all"

// ParseExport reads a request: a JSON object. The actor must be allowed to export what it names.
// CodeInvalid names all that is wrong.
func ParseExport(by crm.Actor, text json.RawMessage) (ExportRequest, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return ExportRequest{}, &crm.Error{Code: crm.CodeInvalid, Message: "An export must be an object with the members " + strings.Join(exportMembers, ", ") + "."}
	}
	p := exportParser{members: members}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(exportMembers, name) {
			p.bad.Add(name, "is unknown; there are %s", strings.Join(exportMembers, ", "))
		}
	}
	r := ExportRequest{Gzip: p.flag("gzip")}
	r.Kinds, r.Format, r.Columns, r.Filters = p.kinds(), p.format(), p.columns(), p.filters()
	if owner := p.text("ownerId"); owner != "" {
		name := "ownerId"
		if slices.Contains(r.Kinds, Tasks) {
			name = "assignedTo"
		}
		r.Filters = append(r.Filters, name+"="+owner)
	}
	if len(p.bad.Bad) == 0 {
		p.check(&r)
	}
	if err := p.bad.Err(); err != nil {
		return ExportRequest{}, err
	}
	if slices.Contains(r.Kinds, Audit) {
		return r, accounts.RequireAdmin(by, "read the audit trail")
	}
	return r, nil
}

// exportParser reads the members of a request, and collects what is wrong with them.
type exportParser struct {
	members map[string]json.RawMessage
	bad     crm.Rules
}

// member returns a member; nil if it is not there, or null.
func (p *exportParser) member(name string) json.RawMessage {
	if text := p.members[name]; !bytes.Equal(text, []byte("null")) {
		return text
	}
	return nil
}

func (p *exportParser) text(name string) (s string) {
	if m := p.member(name); m != nil && json.Unmarshal(m, &s) != nil {
		p.bad.Add(name, "must be a string, not %s", shown(m))
	}
	return strings.TrimSpace(s)
}

func (p *exportParser) flag(name string) (b bool) {
	if m := p.member(name); m != nil && json.Unmarshal(m, &b) != nil {
		p.bad.Add(name, "must be true or false, not %s", shown(m))
	}
	return b
}

// texts returns a member that is an array of strings, or one.
func (p *exportParser) texts(name string) []string {
	m := p.member(name)
	if m == nil {
		return nil
	}
	var one string
	if json.Unmarshal(m, &one) == nil {
		if one = strings.TrimSpace(one); one == "" {
			return nil
		}
		return strings.Split(one, ",")
	}
	var several []string
	if json.Unmarshal(m, &several) != nil {
		p.bad.Add(name, "must be a string or an array of strings, not %s", shown(m))
	}
	return several
}

func (p *exportParser) kinds() []Kind {
	switch name := p.text("type"); {
	case p.member("type") == nil:
		p.bad.Add("type", "must be given: one of %s, or all, into a workbook (xlsx)", listed(ExportKinds(), ", "))
	case name == allKinds:
		return ExportKinds()[:len(ExportKinds())-1]
	case slices.Contains(ExportKinds(), Kind(name)):
		return []Kind{Kind(name)}
	case name != "" || json.Unmarshal(p.member("type"), new(string)) == nil:
		p.bad.Add("type", "must be one of %s, or all, not %s", listed(ExportKinds(), ", "), cells.Quoted(name))
	}
	return nil
}

func (p *exportParser) format() Format {
	name := p.text("format")
	if name == "" {
		return CSV
	}
	if !slices.Contains(Formats(), Format(name)) {
		p.bad.Add("format", "must be one of %s, not %s", listed(Formats(), ", "), cells.Quoted(name))
	}
	return Format(name)
}

func (p *exportParser) columns() []string { return p.texts("columns") }

// filters returns the filters as "name=value", by name. A value is a string, a number, true or
// false, or an array of them; null stands for records without one.
func (p *exportParser) filters() (filters []string) {
	m := p.member("filters")
	if m == nil {
		return nil
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(m, &given) != nil {
		p.bad.Add("filters", "must be an object of filters by name, not %s", shown(m))
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		value, ok := filterText(given[name])
		switch {
		case !ok:
			p.bad.Add("filters/"+name, "must be a string, a number, true or false, or an array of them, not %s", shown(given[name]))
		case strings.TrimSpace(value) != "": // as in a query, an empty value is none
			filters = append(filters, name+"="+value)
		}
	}
	return filters
}

// filterText returns the value of a filter as it is in a query.
func filterText(text json.RawMessage) (string, bool) {
	var value any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return "", false
	}
	several, ok := value.([]any)
	if !ok {
		return plainText(value)
	}
	parts := make([]string, len(several))
	for i, v := range several {
		part, ok := plainText(v)
		if !ok {
			return "", false
		}
		parts[i] = part
	}
	return strings.Join(parts, ","), true
}

func plainText(value any) (string, bool) {
	switch v := value.(type) {
	case nil:
		return crm.NullWord, true
	case string:
		return v, true
	case bool, json.Number:
		return fmt.Sprint(v), true
	}
	return "", false
}

// check checks what the members are together.
func (p *exportParser) check(r *ExportRequest) {
	switch {
	case len(r.Kinds) > 1 && r.Format != XLSX:
		p.bad.Add("format", "must be xlsx for all types, not %s: export them one at a time", r.Format)
		return
	case len(r.Kinds) > 1 && len(r.Columns) > 0:
		p.bad.Add("columns", "must not be given for all types")
		return
	}
	var wrong *UsageError
	_, err := r.tables()
	switch {
	case err == nil:
		return
	case errors.As(err, &wrong) && len(wrong.Fields) > 0:
		under := "filters/"
		if strings.HasPrefix(wrong.Message, "--columns") {
			under = "columns/"
		}
		for _, f := range wrong.Fields {
			p.bad.Add(under+f.Field, "%s", f.Message)
		}
	default:
		p.bad.Add("type", "must be types that can be exported: %s", err.Error())
	}
}

// shown returns a value for a message, cut if it is long.
func shown(text json.RawMessage) string { return cells.Quoted(string(text)) }
