package accounts

import (
	"context"

	"sixty/internal/crm"
)

// AboutPerson returns what a person's password must not be made of: their name and e-mail
// address, and the name of their organisation.
func (s *Service) AboutPerson(ctx context.Context, org, user crm.ID) ([]string, error) {
	o, err := crm.GetOne(ctx, s.store.Owners(), org, user, "user")
	if err != nil {
		return nil, err
	}
	about := []string{o.FullName}
	if o.Email != nil {
		about = append(about, *o.Email)
	}
	all, err := s.store.Organisations(ctx)
	for _, other := range all {
		if other.ID == org {
			about = append(about, other.Name)
		}
	}
	return about, err
}
