package transfer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"sixty/internal/crm"
	"sixty/internal/transfer/preset"
)

// setting is an option as clients name it.
type setting struct {
	name  string
	list  bool // a text is a list by commas, as on the command line
	pairs bool // a text is a list of pairs, as CSV
	set   func(o *Options, values []string) error
}

// settings are all of them.
var settings = []setting{
	{"kind", false, false, func(o *Options, v []string) error { o.Kind = Kind(v[0]); return one(v) }},
	{"from", false, false, func(o *Options, v []string) error { o.From = v[0]; return one(v) }},
	{"preset", false, false, setPreset},
	{"map", false, true, func(o *Options, v []string) error { o.Maps = v; return nil }},
	{"key", true, false, func(o *Options, v []string) error { o.Keys = v; return nil }},
	{"create_missing", true, false, func(o *Options, v []string) error { o.CreateMissing = v; return nil }},
	{"stage_outcome", false, true, func(o *Options, v []string) error { o.StageOutcomes = v; return nil }},
	{"encoding", false, false, func(o *Options, v []string) error { o.Encoding = v[0]; return one(v) }},
	{"separator", false, false, func(o *Options, v []string) error { o.Separator = v[0]; return one(v) }},
	{"sheet", false, false, func(o *Options, v []string) error { o.Sheet = v[0]; return one(v) }},
	{"date_format", false, false, func(o *Options, v []string) error { o.DateFormats = v; return nil }},
	{"time_zone", false, false, func(o *Options, v []string) error { o.TimeZone = v[0]; return one(v) }},
	{"decimal", false, false, func(o *Options, v []string) error { o.Decimal = v[0]; return one(v) }},
	{"null", true, false, func(o *Options, v []string) error { o.Null = v; return nil }},
	{"currency", false, false, func(o *Options, v []string) error { o.Currency = v[0]; return one(v) }},
	{"repeats", false, false, func(o *Options, v []string) error { o.Repeats = v[0]; return one(v) }},
	{"lenient", false, false, func(o *Options, v []string) (err error) { o.Lenient, err = truth(v); return err }},
	{"dry_run", false, false, func(o *Options, v []string) (err error) { o.DryRun, err = truth(v); return err }},
}

// SettingNames are the names of all options.
func SettingNames() []string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.name
	}
	return names
}

func one(values []string) error {
	if len(values) > 1 {
		return fmt.Errorf("must be one text, not %d", len(values))
	}
	return nil
}

func truth(values []string) (bool, error) {
	switch values[0] {
	case "true":
		return true, one(values)
	case "false":
		return false, one(values)
	}
	return false, fmt.Errorf("must be true or false, not %q", values[0])
}

// setPreset takes the name of a system, or a layout of the caller's own as YAML.
func setPreset(o *Options, v []string) error {
	if slices.Contains(append(preset.Names(), noPreset), v[0]) {
		o.From = v[0]
		return one(v)
	}
	if !strings.Contains(v[0], "\n") {
		return fmt.Errorf("must be one of %s or none, or a layout in YAML, not %q", strings.Join(preset.Names(), ", "), v[0])
	}
	var err error
	o.Preset, err = preset.Load(strings.NewReader(v[0]))
	if err != nil {
		return fmt.Errorf("must be a layout: %w", err)
	}
	return one(v)
}

// kinds are the kinds that can be imported.
var kinds = []Kind{Companies, Contacts, Deals, Activities, Tasks, Stages, Owners, AnyKind}

// Settings are options by their names, as clients send them.
type Settings map[string][]string

// Options returns the options. The error names the members that are wrong.
func (s Settings) Options() (o Options, err error) {
	var r crm.Rules
	for _, name := range slices.Sorted(maps.Keys(s)) {
		i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
		if i < 0 {
			r.Add(name, "is no option; there are %s", strings.Join(SettingNames(), ", "))
			continue
		}
		v := slices.Clone(s[name])
		if settings[i].list && len(v) == 1 {
			v = strings.Split(v[0], ",")
			for n := range v {
				v[n] = strings.TrimSpace(v[n])
			}
		}
		if v = slices.DeleteFunc(v, func(text string) bool { return text == "" }); len(v) == 0 {
			continue
		}
		if err := settings[i].set(&o, v); err != nil {
			r.Add(name, "%s", err)
		}
	}
	if !slices.Contains(kinds, o.Kind) {
		names := make([]string, len(kinds))
		for i, k := range kinds {
			names[i] = string(k)
		}
		r.Add("kind", "must be one of %s, not %q", strings.Join(names, ", "), o.Kind)
	}
	return o, r.Err()
}

// SettingsOfQuery returns what the parameters of a query say. Those of other names are passed over.
func SettingsOfQuery(query url.Values) Settings {
	values := Settings{}
	for _, s := range settings {
		if v := query[s.name]; len(v) > 0 {
			values[s.name] = v
		}
	}
	return values
}

// SettingsOfJSON returns what a JSON object says: a text, number, true or false for each option, a list
// of these, or an object of pairs.
func SettingsOfJSON(text []byte) (Settings, error) {
	var members map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&members); err != nil || members == nil || d.More() {
		return nil, crm.Invalid(crm.FieldError{Field: "options", Message: "must be a JSON object"})
	}
	values := Settings{}
	var r crm.Rules
	for _, name := range slices.Sorted(maps.Keys(members)) {
		quoted := slices.ContainsFunc(settings, func(s setting) bool { return s.name == name && s.pairs })
		v, ok := textsOf(members[name], quoted)
		if !ok {
			r.Add(name, "must be a text, a list of texts, or an object of texts")
			continue
		}
		values[name] = v
	}
	return values, r.Err()
}

// textsOf returns what a member says as texts. Those of an object are its pairs, which are quoted as in CSV
// where that is asked for.
func textsOf(member any, quoted bool) (texts []string, ok bool) {
	switch m := member.(type) {
	case nil:
		return nil, true
	case string:
		return []string{m}, true
	case json.Number:
		return []string{m.String()}, true
	case bool:
		return []string{fmt.Sprint(m)}, true
	case []any:
		for _, item := range m {
			text, ok := textsOf(item, false)
			if !ok || len(text) != 1 {
				return nil, false
			}
			texts = append(texts, text[0])
		}
		return texts, true
	case map[string]any:
		for _, name := range slices.SortedFunc(maps.Keys(m), cmp.Compare[string]) {
			value, ok := m[name].(string)
			if !ok {
				return nil, false
			}
			pair := name + "=" + value
			if quoted && strings.ContainsAny(pair, "\",\r\n") {
				pair = `"` + strings.ReplaceAll(pair, `"`, `""`) + `"`
			}
			texts = append(texts, pair)
		}
		return texts, true
	}
	return nil, false
}
