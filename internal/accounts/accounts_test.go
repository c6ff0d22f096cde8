package accounts_test

import (
	"slices"
	"testing"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/crm/crmtest"
)

func TestDeclarations(t *testing.T) {
	t.Parallel()
	t.Run("APIKey", crmtest.Declared(accounts.APIKeys))
	t.Run("AuditEntry", crmtest.Declared(accounts.AuditTrail))
	if keys, people := accounts.APIKeys.Enum("role"), crm.Owners.Enum("role"); !slices.Equal(keys, people) {
		t.Errorf("the roles of keys are %v, those of people %v", keys, people)
	}
}

func TestRequireAdmin(t *testing.T) {
	t.Parallel()
	for role, want := range map[crm.Role]crm.Code{
		crm.RoleViewer: crm.CodeForbidden, crm.RoleRep: crm.CodeForbidden, crm.RoleManager: crm.CodeForbidden, crm.RoleAdmin: "",
	} {
		by := crm.Actor{Org: crm.NewID(), User: crm.NewID(), Role: role}
		if err := accounts.RequireAdmin(by, "manage people"); crm.CodeOf(err) != want {
			t.Errorf("%s: %v, want code %q", role, err, want)
		}
	}
}
