package crm

import "slices"

// Role says what a person or a key may do in its organisation.
type Role string

// The roles, in ascending order.
const (
	RoleViewer  Role = "viewer"  // reads everything
	RoleRep     Role = "rep"     // reads everything, or what they own, and writes what they own
	RoleManager Role = "manager" // writes everything
	RoleAdmin   Role = "admin"   // also manages people and keys
)

// roles lists every role in ascending order.
var roles = []Role{RoleViewer, RoleRep, RoleManager, RoleAdmin}

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	if r := Role(s); slices.Contains(roles, r) {
		return r, nil
	}
	return "", Invalid(FieldError{"role", "must be one of viewer, rep, manager, admin"})
}

// LeastPrivileged returns the lower of two roles. An unknown one is lower than all.
func (r Role) LeastPrivileged(other Role) Role {
	if slices.Index(roles, r) < slices.Index(roles, other) {
		return r
	}
	return other
}

// Actor is who a use case runs for.
type Actor struct {
	Org  ID
	User ID
	Role Role
	// SeesAll is true for a rep who sees records owned by others, which the organisation
	// decides. All other roles see them anyway.
	SeesAll bool
	// Scopes are what the credential of a request may be used for; none for an actor that
	// comes from no request.
	Scopes Scopes
	// Key is the API key that the actor is authenticated by, and KeyCreatedBy the person who
	// created it for another: the user. Both are zero if there is none.
	Key, KeyCreatedBy ID
}

// OwnerScope returns the owner that the actor is confined to: companies, contacts,
// deals and activities that this person owns, and tasks that are assigned to them or were
// created by them. Records owned by others, or by no one, are hidden. Nil: the actor sees
// everything.
func (a Actor) OwnerScope() *ID {
	if a.Role != RoleRep || a.SeesAll {
		return nil
	}
	return &a.User
}

// Operator is the actor of the command line: an admin of the organisation without a user.
func Operator(org ID) Actor { return Actor{Org: org, Role: RoleAdmin} }

// IsOwned reports whether the records of a type have owners, which decide who sees them.
func IsOwned(entity string) bool {
	switch entity {
	case EntityCompany, EntityContact, EntityDeal, EntityActivity, EntityTask:
		return true
	}
	return false
}

// isShared reports whether everyone in an organisation may read the records of a type.
func isShared(entity string) bool {
	return entity == EntityOrganisation || entity == EntityOwner || entity == EntityStage
}

// UserID returns the person that the actor is; nil for the operator.
func (a Actor) UserID() *ID { return known(a.User) }

// KeyID returns the API key that the actor is authenticated by; nil for none.
func (a Actor) KeyID() *ID { return known(a.Key) }

// KeyCreatorID returns the person who created the key for the actor's user; nil for none.
func (a Actor) KeyCreatorID() *ID { return known(a.KeyCreatedBy) }

func known(id ID) *ID {
	if id == (ID{}) {
		return nil
	}
	return &id
}

// WritesAll reports whether the actor may write records owned by others.
func (a Actor) WritesAll() bool { return a.Role == RoleManager || a.Role == RoleAdmin }

// checkWrite rejects an actor who may not write a record of these owners: those before and
// after the change. A rep writes only what they own and cannot give it to another person.
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

// checkPrimary rejects an actor who may not make a contact its company's primary one instead of
// others, at most one. To a rep who sees only their own records, a company without a primary contact
// looks like one whose primary contact is hidden, so both are rejected, in the same words.
func (a Actor) checkPrimary(others []Contact) error {
	if a.OwnerScope() != nil && len(others) == 0 {
		others = []Contact{{}}
	}
	for _, c := range others {
		if a.checkWrite(c.OwnerID) != nil {
			return Forbidden("A rep may make a contact primary only instead of one of their own, or in a company that has none and whose contacts they all see.")
		}
	}
	return nil
}

// checkWriteTask rejects an actor who may not change a task from before to after. A rep writes
// tasks that are assigned to them or were created by them, and cannot change who created one.
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

// CheckReference rejects an actor who may not change reference data.
func (a Actor) CheckReference() error {
	if a.WritesAll() {
		return nil
	}
	return Forbidden("Only managers and admins may change deal stages.")
}
