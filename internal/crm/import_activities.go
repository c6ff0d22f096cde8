package crm

// activityImport is the import of activities.
type activityImport struct {
	quietKind[Activity]
	*importTx
}

func newActivityImport(b *importTx) importKind[Activity, ActivityPatch] {
	return &activityImport{importTx: b}
}

func (k *activityImport) nouns() (string, string)      { return "activity", "activities" }
func (k *activityImport) table() Table[Activity]       { return k.tx.Activities() }
func (k *activityImport) id(a *Activity) ID            { return a.ID }
func (k *activityImport) created(a *Activity) *Instant { return &a.CreatedAt }
func (k *activityImport) updated(a *Activity) *Instant { return &a.UpdatedAt }
func (k *activityImport) unique() []Key                { return []Key{KeyExternalID} }

func (k *activityImport) blank(id ID) Activity {
	a := newActivity(k.by, k.now)
	a.ID = id
	return a
}

func (k *activityImport) key(a *Activity, _ Key) string { return text(a.ExternalID) }

func (k *activityImport) unread(p *ActivityPatch) DecodeErrors { return p.DecodeErrors }

func (k *activityImport) members(p *ActivityPatch, a *Activity, r *Rules) { p.Apply(a, r) }

func (k *activityImport) row(row *ImportRow[ActivityPatch], a *Activity, isNew bool, r *Rules) {
	p := row.Patch
	k.refs.companies.into(row.Company, &p.CompanyID, r)
	k.refs.owners.into(row.Owner, &p.OwnerID, r)
	k.refs.contacts.into(row.Contact, &p.ContactID, r)
	k.refs.deals.into(row.Deal, &p.DealID, r)
	if isNew && !p.Date.Set && row.CreatedAt.Set {
		a.Date = row.CreatedAt.Value // it is entered when it was done, as far as one can tell
	}
	p.Apply(a, r)
}
