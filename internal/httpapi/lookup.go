package httpapi

import (
	"context"
	"slices"

	"sixty/internal/crm"
)

// idsOf returns the ids that rows refer to, without duplicates.
func idsOf[T any](rows []T, at func(*T) *crm.ID) []crm.ID {
	ids := make([]crm.ID, 0, len(rows))
	seen := make(map[crm.ID]struct{}, len(rows))
	for i := range rows {
		id := at(&rows[i])
		if id == nil {
			continue
		}
		if _, twice := seen[*id]; !twice {
			seen[*id] = struct{}{}
			ids = append(ids, *id)
		}
	}
	return ids
}

// lookUp reads the records with these ids, in as few queries as possible, and returns
// them by id.
func lookUp[T any](c *call, ids []crm.ID, read func(context.Context, crm.Actor, []crm.ID) ([]T, error), id func(*T) crm.ID) (map[crm.ID]*T, error) {
	found := make(map[crm.ID]*T, len(ids))
	for some := range slices.Chunk(ids, crm.MaxLimit) {
		rows, err := read(c.Context, c.Actor, some)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			found[id(&rows[i])] = &rows[i]
		}
	}
	return found, nil
}

// at returns the record that a reference points to; nil if there is none.
func at[T any](found map[crm.ID]*T, id *crm.ID) *T {
	if id == nil {
		return nil
	}
	return found[*id]
}

func (a *API) companiesByID(c *call, ids []crm.ID) (map[crm.ID]*crm.Company, error) {
	return lookUp(c, ids, a.Service.CompaniesByID, func(r *crm.Company) crm.ID { return r.ID })
}

func (a *API) contactsByID(c *call, ids []crm.ID) (map[crm.ID]*crm.Contact, error) {
	return lookUp(c, ids, a.Service.ContactsByID, func(r *crm.Contact) crm.ID { return r.ID })
}

func (a *API) stagesByID(c *call, ids []crm.ID) (map[crm.ID]*crm.Stage, error) {
	return lookUp(c, ids, a.Service.StagesByID, func(r *crm.Stage) crm.ID { return r.ID })
}
