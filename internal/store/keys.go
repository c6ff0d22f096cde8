package store

import "sixty/internal/crm"

// The list of API keys; what makes and ends one is in directory.go.

func keyTable() table[crm.APIKey, crm.APIKeyFilter] {
	return table[crm.APIKey, crm.APIKeyFilter]{
		name: "api_keys", entity: crm.EntityAPIKey, permanent: true, // those that have ended stay in the list
		columns: columnsOf(crm.APIKeys, nil),
		sorts:   map[string]sortKey{"created_at": {column: "created_at", kind: keyInstant}},
		id:      func(k *crm.APIKey) crm.ID { return k.ID },
		org:     func(k *crm.APIKey) crm.ID { return k.OrgID },
	}
}

func (r *reader) APIKeys() crm.View[crm.APIKey, crm.APIKeyFilter] {
	return view[crm.APIKey, crm.APIKeyFilter]{r, &r.store.keys}
}
