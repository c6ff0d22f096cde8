package load

import "strings"

// IsHit tells whether a Cache-Status field (RFC 9211) says that the answer was kept.
func IsHit(field string) bool { return parameter(field, "hit") != nil }

// Tier gives the detail of a Cache-Status field, which is the tier; "" without one.
func Tier(field string) string {
	if v := parameter(field, "detail"); v != nil {
		return strings.Trim(*v, `"`)
	}
	return ""
}

// parameter finds a parameter in the field's last member, whose cache is the nearest
// to us; nil if it has none of the name.
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
