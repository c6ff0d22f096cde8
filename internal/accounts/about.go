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
	home, err := s.store.Organisation(ctx, org)
	if err != nil {
		return nil, err
	}
	return append(about, home.Name), nil
}
