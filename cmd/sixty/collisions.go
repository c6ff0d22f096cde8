package main

import (
	"context"
	"fmt"
	"io"

	"sixty/internal/app"
	"sixty/internal/crm"
)

// maxCollisions bounds how many are printed.
const maxCollisions = 100

// printCollisions prints which records would share an address or a domain with another, if they
// were stored as the rules have it.
func printCollisions(ctx context.Context, core *app.Core, w io.Writer) error {
	found, err := core.Store.AddressCollisions(ctx, crm.AddressCollision{}, maxCollisions+1)
	if err != nil {
		return err
	}
	for i, c := range found {
		line := fmt.Sprintf("%s %s: its %s is that of %s, but for how it is written; change or delete one of them", c.Entity, c.ID, c.Member, c.Other)
		if i == maxCollisions {
			line = "and more"
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}
