package accounts_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// announcing is a store that keeps what is announced, and of which organisation.
type announcing struct {
	accounts.Store
	announcements
	by crm.Actor
}

// announcements is what its transactions are.
type announcements struct {
	accounts.Tx
	entities []string
	audited  []string // the targets that the audit trail tells of
}

func (s *announcing) Write(_ context.Context, by crm.Actor, _ crm.Instant, fn func(accounts.Tx) error) error {
	s.by = by
	return fn(&s.announcements)
}

func (s *announcements) LogBulkChange(_ context.Context, entity string) error {
	s.entities = append(s.entities, entity)
	return nil
}

func (s *announcements) PutAudit(_ context.Context, e accounts.AuditEntry) error {
	s.audited = append(s.audited, e.Target)
	return nil
}

func TestClearCache(t *testing.T) {
	t.Parallel()
	by := crm.Actor{Org: crm.NewID(), User: crm.NewID()}
	for role, want := range map[crm.Role]crm.Code{
		crm.RoleAdmin: "", crm.RoleManager: crm.CodeForbidden, crm.RoleRep: crm.CodeForbidden, crm.RoleViewer: crm.CodeForbidden,
	} {
		by.Role = role
		s := new(announcing)
		err := accounts.NewService(s, time.Now, "GBP").ClearCache(t.Context(), by, []string{crm.EntityCache + ".static"})
		if crm.CodeOf(err) != want {
			t.Errorf("%s: %v, want code %q", role, err, want)
		}
		var announced []string
		if want == "" {
			announced = []string{"cache.static"}
			if s.by != by {
				t.Errorf("announced by %v, want %v", s.by, by)
			}
		}
		if !slices.Equal(s.entities, announced) {
			t.Errorf("%s: announced %v, want %v", role, s.entities, announced)
		}
		if !slices.Equal(s.audited, announced) {
			t.Errorf("%s: audited %v, want %v", role, s.audited, announced)
		}
	}
}
