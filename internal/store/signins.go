package store

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// What is remembered of sign-ins: the networks that they came from, and since when device
// cookies are valid.

var (
	// signInHistory returns one row for any person, existing or not.
	signInHistory = &Statement{"sign_in.history", `SELECT
(SELECT devices_since FROM sign_ins WHERE org_id = $1 AND user_id = $2),
EXISTS (SELECT 1 FROM sign_in_networks WHERE org_id = $1 AND user_id = $2 AND network = $3 AND at > $4)`}
	devicesSince  = &Statement{"sign_in.devices_since", `SELECT devices_since FROM sign_ins WHERE org_id = $1 AND user_id = $2`}
	revokeDevices = &Statement{"sign_in.revoke_devices", `UPDATE sign_ins SET devices_since = $3 WHERE org_id = $1 AND user_id = $2`}
	putNetwork    = &Statement{"sign_in_network.put", `INSERT INTO sign_in_networks (org_id, user_id, network, at) VALUES ($1, $2, $3, $4)
ON CONFLICT (org_id, user_id, network) DO UPDATE SET at = excluded.at`}
	boundNetworks = &Statement{"sign_in_network.bound", `DELETE FROM sign_in_networks WHERE org_id = $1 AND user_id = $2 AND network NOT IN
(SELECT network FROM sign_in_networks WHERE org_id = $1 AND user_id = $2 ORDER BY at DESC, network LIMIT $3)`}
	oldNetworks   = oldUnindexed("sign_in_network.old", "sign_in_networks", "at")
	pruneNetworks = &Statement{"sign_in_network.prune", `DELETE FROM sign_in_networks WHERE org_id = $1 AND (user_id, network) IN
(SELECT user_id, network FROM sign_in_networks WHERE org_id = $1 AND at < $2 ORDER BY at LIMIT $3)`}
)

// SignInHistory implements accounts.Store.
func (s *Store) SignInHistory(ctx context.Context, org, user crm.ID, network string, since crm.Instant) (accounts.SignInHistory, error) {
	type history struct {
		since *crm.Instant
		known bool
	}
	rows, err := collect(ctx, s, s.service(), signInHistory, func(h *history) []any { return []any{&h.since, &h.known} }, org, user, network, since)
	if err != nil || len(rows) == 0 {
		return accounts.SignInHistory{}, err
	}
	out := accounts.SignInHistory{KnownNetwork: rows[0].known}
	if rows[0].since != nil {
		out.DevicesSince = *rows[0].since
	}
	return out, nil
}

// DevicesSince implements accounts.Tx.
func (t *tx) DevicesSince(ctx context.Context, user crm.ID) (crm.Instant, error) {
	rows, err := collect(ctx, t.store, t.db, devicesSince, func(at **crm.Instant) []any { return []any{at} }, t.by.Org, user)
	if err != nil || len(rows) == 0 || rows[0] == nil {
		return 0, err
	}
	return *rows[0], nil
}

// RevokeDevices implements accounts.Tx. A person without a sign-in has no device cookies.
func (t *tx) RevokeDevices(ctx context.Context, user crm.ID) error {
	_, err := t.exec(ctx, revokeDevices, t.by.Org, user, t.at)
	return err
}

// PutSignInNetwork implements accounts.Tx.
func (t *tx) PutSignInNetwork(ctx context.Context, user crm.ID, network string, keep int) error {
	if _, err := t.exec(ctx, putNetwork, t.by.Org, user, network, t.at); err != nil {
		return err
	}
	_, err := t.exec(ctx, boundNetworks, t.by.Org, user, int64(keep))
	return err
}

// PruneSignInNetworks removes networks that were last signed in from before an instant.
func (s *Store) PruneSignInNetworks(ctx context.Context, before crm.Instant, limit int) (int64, error) {
	return s.pruneRows(ctx, oldNetworks, pruneNetworks, before, limit)
}
