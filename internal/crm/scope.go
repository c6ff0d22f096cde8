package crm

import (
	"slices"
	"strings"
)

// Scopes are what a credential may be used for, whatever its actor's role allows besides.
type Scopes uint8

// The scopes. An operation needs one of them.
const (
	ScopeRead   Scopes = 1 << iota // read records
	ScopeWrite                     // create, change and delete records
	ScopeImport                    // import files
	ScopeExport                    // export files
	ScopeAdmin                     // manage people, keys and settings

	AllScopes = ScopeRead | ScopeWrite | ScopeImport | ScopeExport | ScopeAdmin
)

// scopeNames are the names of the scopes, by their bit.
var scopeNames = [...]string{"read", "write", "import", "export", "admin"}

// ScopeNames returns the names of all scopes.
func ScopeNames() []string { return slices.Clone(scopeNames[:]) }

// ParseScope returns the scope with a name; 0 if there is none.
func ParseScope(name string) Scopes {
	if bit := slices.Index(scopeNames[:], name); bit >= 0 {
		return 1 << bit
	}
	return 0
}

// ParseScopes returns the scopes of names that are separated by commas. Unknown names are
// ignored: they allow nothing that this program does.
func ParseScopes(names string) (all Scopes) {
	for name := range strings.SplitSeq(names, ",") {
		all |= ParseScope(name)
	}
	return all
}

// Has reports whether every one of the needed scopes is there, and any is needed.
func (s Scopes) Has(needed Scopes) bool { return needed != 0 && s&needed == needed }

// Names returns the names of the scopes.
func (s Scopes) Names() []string {
	names := make([]string, 0, len(scopeNames))
	for bit, name := range scopeNames {
		if s&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// String returns the names, separated by commas.
func (s Scopes) String() string { return strings.Join(s.Names(), ",") }

// Scopes returns the scopes that a key with the role can have: what the role does not allow
// needs none.
func (r Role) Scopes() Scopes {
	switch r {
	case RoleAdmin:
		return AllScopes
	case RoleManager, RoleRep:
		return AllScopes &^ ScopeAdmin
	default:
		return ScopeRead | ScopeExport
	}
}
