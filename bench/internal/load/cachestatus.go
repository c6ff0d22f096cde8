package load

import "strings"

// IsHit reports whether a Cache-Status field (RFC 9211) indicates a hit.
func IsHit(field string) bool { return parameter(field, "hit") != nil }

// Tier returns the detail of a Cache-Status field, which is the tier; "" without one.
func Tier(field string) string {
	if v := parameter(field, "detail"); v != nil {
		return strings.Trim(*v, `"`)
	}
	return ""
}

// parameter returns a parameter of the field's last member, which is the nearest cache; nil if
// it is missing.
func parameter(field, name string) *string {
	parts := strings.Split(field[strings.LastIndexByte(field, ',')+1:], ";")
	for _, p := range parts[1:] {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if key == name {
			return &value
		}
	}
	return nil
}
