package crm

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/currency"
)

// The most characters of a text member.
const (
	MaxNameLength = 255
	maxShort      = 255
	maxPhone      = 50
	maxEmail      = 254 // RFC 5321, 4.5.3.1.3
	maxDomain     = 253 // RFC 1035, 2.3.4
	maxURL        = 2048
	MaxTextLength = 10_000
)

var colorPattern = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)

// Rules collects what is wrong with the members of a patch while it is applied, so that
// one answer names all of it.
type Rules struct{ Bad []FieldError }

// Add notes a validation error, unless there is one about the member already: of a member
// that could not be read, what follows from its absence is noise.
func (r *Rules) Add(field, format string, args ...any) {
	if slices.ContainsFunc(r.Bad, func(b FieldError) bool { return b.Field == field }) {
		return
	}
	r.Bad = append(r.Bad, FieldError{field, fmt.Sprintf(format, args...)})
}

// Err returns everything that was found, nil for nothing.
func (r *Rules) Err() error {
	if len(r.Bad) == 0 {
		return nil
	}
	return Invalid(r.Bad...)
}

// A TextRule normalises and checks a text. All text that is stored passes one.
type TextRule struct {
	Max int // characters
	// Format and Pattern describe to clients what the rule accepts (JSON Schema).
	Format, Pattern string

	clean func(s string) string                     // after Text, and before the checks; may be nil
	check func(s string) (normal, violation string) // after everything else; may be nil
}

// Check returns the text as it is stored, and what is wrong with it, if anything. A text that
// shows nothing becomes "".
func (r *TextRule) Check(s string) (normal, violation string) {
	if s = Text(s); r.clean != nil {
		s = r.clean(s)
	}
	switch {
	case utf8.RuneCountInString(s) > r.Max:
		return s, tooLong(r.Max)
	case strings.ContainsRune(s, 0):
		return s, "must not contain a NUL character"
	case !utf8.ValidString(s):
		return s, "must be valid UTF-8"
	case r.check != nil:
		return r.check(s)
	}
	return s, ""
}

func tooLong(most int) string { return fmt.Sprintf("must be at most %d characters long", most) }

var (
	nameRule  = TextRule{Max: MaxNameLength, clean: cleanSpace} // inner space is kept to single blanks
	shortRule = TextRule{Max: maxShort}
	// Where an organisation is meant by name or id, one must not pass for another.
	organisationNameRule = TextRule{Max: MaxNameLength, clean: cleanSpace, check: func(s string) (string, string) {
		if _, err := ParseID(NameKey(s)); err == nil {
			return s, "must not be a UUID: ids of organisations are"
		}
		return s, ""
	}}
	phoneRule = TextRule{Max: maxPhone}
	longRule  = TextRule{Max: MaxTextLength}

	emailRule = TextRule{Max: maxEmail, Format: "idn-email", check: NormalEmail}
	// A deal's own texts need not be addresses.
	emailTextRule       = TextRule{Max: maxEmail, check: emailText}
	identifierEmailRule = TextRule{Max: maxShort, check: emailText}

	domainRule = TextRule{Max: maxDomain, Format: "idn-hostname", check: NormalDomain}
	// Clients show it as a link, so only the web's schemes are accepted.
	urlRule = TextRule{Max: maxURL, Format: "uri", Pattern: "^https?://", check: func(s string) (string, string) {
		u, err := url.Parse(s)
		if err != nil || strings.ContainsAny(s, " \t\r\n") {
			return s, "must be a web address"
		}
		if u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" && !strings.Contains(u.Scheme, ".") {
			return s, "must be a web address (http or https)"
		}
		return s, ""
	}}
	colorRule = TextRule{Max: 7, Pattern: colorPattern.String(), check: func(s string) (string, string) {
		if !colorPattern.MatchString(s) {
			return s, "must be a colour such as #3B82F6"
		}
		return s, ""
	}}
	currencyRule = TextRule{Max: 3, Pattern: "^[A-Z]{3}$", check: func(s string) (string, string) {
		u, err := currency.ParseISO(strings.ToUpper(s))
		if err != nil {
			return s, "must be an ISO 4217 currency such as GBP"
		}
		return u.String(), ""
	}}
)

// oneOf returns a rule that accepts only these values.
func oneOf(values []string) TextRule {
	return TextRule{Max: maxShort, check: func(s string) (string, string) {
		if !slices.Contains(values, s) {
			return s, "must be one of " + strings.Join(values, ", ")
		}
		return s, ""
	}}
}

// ValidCurrency normalises the code of a currency of ISO 4217.
func ValidCurrency(code string) (string, bool) {
	s, violation := currencyRule.Check(code)
	return s, violation == ""
}

// CheckShortText returns what is wrong with a text that is to be a name or a label; "" if
// nothing is.
func CheckShortText(s string) string {
	_, violation := shortRule.Check(s)
	return violation
}

// text applies a member that may be cleared; a text that shows nothing clears.
func (r *Rules) text(field string, f Field[string], dst **string, rule *TextRule) {
	if !f.Set {
		return
	}
	s, violation := rule.Check(f.Value)
	switch {
	case f.Null, s == "":
		*dst = nil
	case violation != "":
		r.Add(field, "%s", violation)
	default:
		*dst = &s
	}
}

// need applies a member that may not be empty.
func (r *Rules) need(field string, f Field[string], dst *string, rule *TextRule) {
	var p *string
	if *dst != "" {
		p = dst
	}
	before := len(r.Bad)
	r.text(field, f, &p, rule)
	switch {
	case len(r.Bad) > before:
	case p == nil:
		r.Add(field, "must not be empty")
	default:
		*dst = *p
	}
}

// Name applies a record's name, which it must have.
func (r *Rules) Name(f Field[string], dst *string) { r.need("name", f, dst, &nameRule) }

// value applies a member of any other kind that may be cleared.
func value[T any](f Field[T], dst **T) {
	if f.Set {
		*dst = nil
		if !f.Null {
			v := f.Value
			*dst = &v
		}
	}
}

// amount applies an amount, which may not be negative.
func (r *Rules) amount(field string, f Field[Money], dst **Money) {
	if f.Set && !f.Null && (f.Value < 0 || f.Value > MaxMoney) {
		r.Add(field, "must be between 0.00 and %s", MaxMoney)
		return
	}
	value(f, dst)
}

// number applies a whole number that may not be cleared.
func (r *Rules) number(field string, f Field[int], dst *int, least, most int) {
	switch {
	case !f.Set:
	case f.Null:
		r.Add(field, "must not be null")
	case f.Value < least || f.Value > most:
		r.Add(field, "must be between %d and %d", least, most)
	default:
		*dst = f.Value
	}
}

// optionalNumber applies a whole number that may be cleared.
func (r *Rules) optionalNumber(field string, f Field[int], dst **int, least, most int) {
	if f.Set && !f.Null && (f.Value < least || f.Value > most) {
		r.Add(field, "must be between %d and %d", least, most)
		return
	}
	value(f, dst)
}

// without rejects an instant that a record does not have, unless it is sent back as it was.
func (r *Rules) without(field string, f Field[Moment], was *Instant, why string) {
	if f.Set && !f.Null && (was == nil || Instant(f.Value) != *was) {
		r.Add(field, "must not be given: %s", why)
	}
}

// instant applies a point in time that may not be cleared.
func (r *Rules) instant(field string, f Field[Moment], dst *Instant) {
	switch {
	case !f.Set:
	case f.Null:
		r.Add(field, "must not be null")
	default:
		*dst = Instant(f.Value)
	}
}
