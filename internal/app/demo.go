package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/crm"
	"sixty/internal/demo"
)

const (
	demoOrganisation = "Demo"
	demoKeyName      = "Demo"
	demoKeyFile      = "demo-api-key"
)

// DemoAccess holds the credentials of the demo organisation.
type DemoAccess struct {
	Organisation crm.Organisation
	Admin        crm.Owner
	// Password is the admin's. It is known when it is created with the data, and stored as
	// a hash alone; "" if it was created earlier.
	Password string
	Key      string // an admin's
	KeyFile  string // the file with the key
}

// Demo returns access to the demo organisation, which it creates in a database without
// organisations. The database has only the hash of its key, so the key itself is stored in
// the data folder, in a private file. If that file is missing or does not match the
// database, the old key is revoked and a new one created.
func (c *Core) Demo(ctx context.Context, dataDir string) (DemoAccess, error) {
	org, err := c.demoOrganisation(ctx)
	if err != nil {
		return DemoAccess{}, err
	}
	by := crm.Operator(org.ID)
	password := ""
	admin, err := c.Accounts.OwnerByEmail(ctx, by, demo.AdminEmail)
	if crm.CodeOf(err) == crm.CodeNotFound {
		// An organisation without users is new, or its seeding was interrupted.
		if err = c.fillDemo(ctx, by); err == nil {
			admin, err = c.Accounts.OwnerByEmail(ctx, by, demo.AdminEmail)
		}
		if err == nil {
			password = auth.RandomPassword()
			err = c.Passwords.Set(ctx, by, admin.ID, password)
		}
	}
	if err != nil {
		return DemoAccess{}, err
	}
	d := DemoAccess{Organisation: org, Admin: admin, Password: password, KeyFile: filepath.Join(dataDir, demoKeyFile)}
	d.Key, err = c.demoKey(ctx, by, d)
	return d, err
}

// demoOrganisation returns the demo organisation.
func (c *Core) demoOrganisation(ctx context.Context) (crm.Organisation, error) {
	orgs, err := c.Accounts.Organisations(ctx)
	if err != nil {
		return crm.Organisation{}, err
	}
	names := make([]string, len(orgs))
	for i, o := range orgs {
		if o.Name == demoOrganisation {
			return o, nil
		}
		names[i] = fmt.Sprintf("%q", o.Name)
	}
	if len(orgs) > 0 {
		return crm.Organisation{}, fmt.Errorf("the demonstration needs a database of its own (another --data-dir, say): this one holds %s", strings.Join(names, ", "))
	}
	return c.Accounts.CreateOrganisation(ctx, demoOrganisation)
}

// fillDemo adds the demo data, unless the organisation has other data.
func (c *Core) fillDemo(ctx context.Context, by crm.Actor) error {
	anybody, err := c.Service.Owners(ctx, by, crm.List[crm.OwnerFilter]{Sort: crm.Owners.Sorts.Default, Limit: 1})
	if err != nil {
		return err
	}
	if len(anybody.Rows) > 0 {
		return fmt.Errorf("the organisation %q is not the demonstration's: it has people, but not %s", demoOrganisation, demo.AdminEmail)
	}
	_, err = demo.Fill(ctx, c.Store.Bulk(), by, demo.Demonstration(c.Clock()))
	return err
}

// demoKey returns a valid key.
func (c *Core) demoKey(ctx context.Context, by crm.Actor, d DemoAccess) (string, error) {
	text, err := os.ReadFile(d.KeyFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	key := strings.TrimSpace(string(text))
	actor, err := c.Keys.Authenticate(ctx, key)
	if err == nil && actor.Org == by.Org {
		return key, nil
	}
	if err != nil && crm.CodeOf(err) != crm.CodeUnauthenticated {
		return "", err
	}
	if err := c.revokeDemoKeys(ctx, by); err != nil {
		return "", err
	}
	p := accounts.APIKeyPatch{Name: crm.Of(demoKeyName), Role: crm.Of(string(crm.RoleAdmin)), UserID: crm.Of(d.Admin.ID)}
	if days := d.Organisation.KeyMaxDays; days != nil {
		p.ExpiresAt = crm.Of(crm.InstantOf(c.Clock().UTC().AddDate(0, 0, *days)))
	}
	key, _, err = c.Keys.Issue(ctx, by, p)
	if err != nil {
		return "", err
	}
	return key, writePrivate(d.KeyFile, key+"\n")
}

// revokeDemoKeys revokes the keys whose secret is lost.
func (c *Core) revokeDemoKeys(ctx context.Context, by crm.Actor) error {
	keys, err := c.Keys.List(ctx, by)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Name == demoKeyName && k.RevokedAt == nil {
			if err := c.Keys.Revoke(ctx, by, k.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// writePrivate writes a file that only its owner can read, atomically.
func writePrivate(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
