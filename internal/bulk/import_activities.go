package bulk

import "sixty/internal/crm"

// activityImport is the import of activities.
type activityImport struct {
	plainImport[crm.Activity]
	*importTx
}

func newActivityImport(b *importTx) importKind[crm.Activity, crm.ActivityPatch] {
	return &activityImport{importTx: b}
}

func (k *activityImport) nouns() (string, string)              { return "activity", "activities" }
func (k *activityImport) table() crm.Table[crm.Activity]       { return k.tx.Activities() }
func (k *activityImport) id(a *crm.Activity) crm.ID            { return a.ID }
func (k *activityImport) created(a *crm.Activity) *crm.Instant { return &a.CreatedAt }
func (k *activityImport) updated(a *crm.Activity) *crm.Instant { return &a.UpdatedAt }
func (k *activityImport) unique() []crm.Key                    { return []crm.Key{crm.KeyExternalID} }

func (k *activityImport) newRecord(id crm.ID) crm.Activity {
	return crm.NewActivity(k.by, id, k.now)
}

func (k *activityImport) key(a *crm.Activity, _ crm.Key) string { return text(a.ExternalID) }

func (k *activityImport) decodeErrors(p *crm.ActivityPatch) crm.DecodeErrors { return p.DecodeErrors }

func (k *activityImport) members(p *crm.ActivityPatch, a *crm.Activity, r *crm.Rules) { p.Apply(a, r) }

func (k *activityImport) row(row *ImportRow[crm.ActivityPatch], a *crm.Activity, isNew bool, r *crm.Rules) {
	p := row.Patch
	k.refs.companies.into(row.Company, &p.CompanyID, r)
	k.refs.owners.into(row.Owner, &p.OwnerID, r)
	k.refs.contacts.into(row.Contact, &p.ContactID, r)
	k.refs.deals.into(row.Deal, &p.DealID, r)
	if isNew && !p.Date.Set && row.CreatedAt.Set {
		a.Date = row.CreatedAt.Value // the best guess of when it was
	}
	p.Apply(a, r)
}
