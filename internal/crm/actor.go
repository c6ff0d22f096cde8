package crm

import "slices"

// Role says what a person or a key may do in its organisation.
type Role string

// The roles, from the one that may least.
const (
	RoleViewer  Role = "viewer"  // reads everything
	RoleRep     Role = "rep"     // reads everything, or what they own, and writes what they own
	RoleManager Role = "manager" // writes everything
	RoleAdmin   Role = "admin"   // also manages people and keys
)

// roles lists every role, from the one that may least.
var roles = []Role{RoleViewer, RoleRep, RoleManager, RoleAdmin}

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	for _, r := range roles {
		if s == string(r) {
			return r, nil
		}
	}
	return "", Invalid(FieldError{"role", "must be one of viewer, rep, manager, admin"})
}

// LeastPrivileged gives the one of two roles that may less. What is no role may nothing.
func (r Role) LeastPrivileged(other Role) Role {
	if slices.Index(roles, r) < slices.Index(roles, other) {
		return r
	}
	return other
}

// Actor is on whose behalf a use case runs.
type Actor struct {
	Org  ID
	User ID
	Role Role
	// SeesAll says of a rep that they see what others own, which is for the organisation
	// to say. All other roles see it anyhow.
	SeesAll bool
}

// OwnerScope gives whose things alone the actor sees: companies, contacts, deals and
// activities that this person owns, and tasks that are assigned to them or made by them.
// What is nobody's they do not see. Nil: the actor sees everything.
func (a Actor) OwnerScope() *ID {
	if a.Role != RoleRep || a.SeesAll {
		return nil
	}
	return &a.User
}

// Operator is the actor of the command line: an admin of the organisation who is
// nobody in it.
func Operator(org ID) Actor { return Actor{Org: org, Role: RoleAdmin} }

// IsOwned tells whether the things of a kind have owners, by whom it goes who sees them.
func IsOwned(entity string) bool {
	switch entity {
	case EntityCompany, EntityContact, EntityDeal, EntityActivity, EntityTask:
		return true
	}
	return false
}

// userID is the person behind the actor; nil for the operator.
func (a Actor) UserID() *ID {
	if a.User == (ID{}) {
		return nil
	}
	return &a.User
}

// writesAll tells whether the actor may write what others own.
func (a Actor) WritesAll() bool { return a.Role == RoleManager || a.Role == RoleAdmin }

// checkWrite refuses an actor who may not write a thing of these owners: those
// before and after the change. A rep writes only what they own and cannot hand it
// to somebody else.
func (a Actor) checkWrite(owners ...*ID) error {
	if a.WritesAll() {
		return nil
	}
	if a.Role != RoleRep {
		return Forbidden("A viewer may read, not write.")
	}
	for _, o := range owners {
		if o == nil || *o != a.User {
			return Forbidden("A rep may write only what they own themselves.")
		}
	}
	return nil
}

// checkWriteTask refuses an actor who may not write a task that is as before and
// becomes as after. A rep writes tasks that are assigned to them or made by them,
// and cannot say that somebody else made one.
func (a Actor) checkWriteTask(before, after Task) error {
	if a.WritesAll() {
		return nil
	}
	if a.Role != RoleRep {
		return Forbidden("A viewer may read, not write.")
	}
	mine := func(id *ID) bool { return id != nil && *id == a.User }
	for _, t := range []Task{before, after} {
		if !mine(t.AssignedTo) && !mine(t.CreatedBy) {
			return Forbidden("A rep may write only tasks that are assigned to them or made by them.")
		}
	}
	if Differ(before.CreatedBy, after.CreatedBy) {
		return Forbidden("A rep may not change who made a task.")
	}
	return nil
}

// CheckReference refuses an actor who may not change reference data.
func (a Actor) CheckReference() error {
	if a.WritesAll() {
		return nil
	}
	return Forbidden("Only managers and admins may change deal stages.")
}
