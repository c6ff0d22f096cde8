package store

import (
	"sixty/internal/accounts"
	"sixty/internal/crm"
)

// The list of API keys; what makes and ends one is in directory.go.

func keyTable() table[accounts.APIKey, accounts.APIKeyFilter] {
	return table[accounts.APIKey, accounts.APIKeyFilter]{
		name: "api_keys", entity: crm.EntityAPIKey, permanent: true, // those that have ended stay in the list
		columns: columnsOf(accounts.APIKeys, nil),
		sorts:   map[string]sortKey{"created_at": {column: "created_at", kind: keyInstant}},
		id:      func(k *accounts.APIKey) crm.ID { return k.ID },
		org:     func(k *accounts.APIKey) crm.ID { return k.OrgID },
	}
}

func (r *reader) APIKeys() crm.View[accounts.APIKey, accounts.APIKeyFilter] {
	return view[accounts.APIKey, accounts.APIKeyFilter]{r, &r.store.keys}
}
