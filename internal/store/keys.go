package store

import "sixty/internal/crm"

// The list of API keys; what makes and ends one is in directory.go.

func keyTable() table[crm.APIKey, crm.APIKeyFilter] {
	return table[crm.APIKey, crm.APIKeyFilter]{
		name: "api_keys", entity: crm.EntityAPIKey, permanent: true, // those that have ended stay in the list
		columns: []column[crm.APIKey]{
			{name: "org_id", field: func(k *crm.APIKey) any { return &k.OrgID }},
			{name: "id", field: func(k *crm.APIKey) any { return &k.ID }},
			{name: "user_id", field: func(k *crm.APIKey) any { return &k.UserID }},
			{name: "name", field: func(k *crm.APIKey) any { return &k.Name }},
			{name: "role", field: func(k *crm.APIKey) any { return (*string)(&k.Role) }},
			{name: "prefix", field: func(k *crm.APIKey) any { return &k.Prefix }},
			{name: "hash", field: func(k *crm.APIKey) any { return &k.Hash }},
			{name: "created_at", field: func(k *crm.APIKey) any { return &k.CreatedAt }},
			{name: "expires_at", field: func(k *crm.APIKey) any { return &k.ExpiresAt }},
			{name: "revoked_at", field: func(k *crm.APIKey) any { return &k.RevokedAt }},
			{name: "used_at", field: func(k *crm.APIKey) any { return &k.UsedAt }},
		},
		sorts:  map[string]sortKey{"created_at": {column: "created_at", kind: keyInstant}},
		filter: func(crm.APIKeyFilter, *whereBuilder) {},
		id:     func(k *crm.APIKey) crm.ID { return k.ID },
		org:    func(k *crm.APIKey) crm.ID { return k.OrgID },
	}
}

func (r *reader) APIKeys() crm.View[crm.APIKey, crm.APIKeyFilter] {
	return view[crm.APIKey, crm.APIKeyFilter]{r, &r.store.keys}
}
