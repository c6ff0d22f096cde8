package crm_test

import (
	"testing"

	"sixty/internal/crm"
	"sixty/internal/crm/crmtest"
)

// TestDeclarations: every member of an entity's struct and patch is declared under its
// JSON name, and what is declared fits together.
func TestDeclarations(t *testing.T) {
	t.Parallel()
	t.Run("Company", crmtest.Declared(crm.Companies))
	t.Run("Contact", crmtest.Declared(crm.Contacts))
	t.Run("Deal", crmtest.Declared(crm.Deals))
	t.Run("Stage", crmtest.Declared(crm.Stages))
	t.Run("Owner", crmtest.Declared(crm.Owners))
	t.Run("Activity", crmtest.Declared(crm.Activities))
	t.Run("Task", crmtest.Declared(crm.Tasks))
	t.Run("Organisation", crmtest.Declared(crm.Organisations))
}
