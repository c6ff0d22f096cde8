package httpapi

import (
	"net/http"
	"reflect"
	"slices"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// dealDetailOperations returns the operations on a deal's further contacts and history.
func (a *API) dealDetailOperations() []operation {
	a.schemas.record("DealContact", reflect.TypeFor[dealContact]())
	a.schemas.record("StageHistoryEntry", reflect.TypeFor[stageEntry]())
	a.schemas.patch("DealContactInput", reflect.TypeFor[rolePatch](), reflect.TypeFor[dealContact](), []string{"role"})
	const partOfDeal = "This changes the deal: If-Match takes the deal's ETag."
	const item = "/api/deals/{id}/contacts/{contactId}"
	return []operation{
		{
			method: http.MethodGet, path: "/api/deals/{id}/contacts", id: "listDealContacts", tag: "Deals",
			caching: server.Cached(cache.Frequent, crm.EntityDeal, crm.EntityContact),
			summary: "List a deal's further contacts", description: "All of them, in one page.",
			answer: a.schemas.list("DealContact"),
			run:    onID("deal", a.listDealContacts),
		},
		{
			method: http.MethodPut, path: item, id: "putDealContact", tag: "Deals",
			summary:     "Add a contact to a deal, or change its role",
			description: partOfDeal + " If-None-Match: * adds the contact and never changes its role; If-Match: * does the reverse.",
			body:        ref("DealContactInput"), written: true, answer: a.schemas.envelope("DealContact"),
			run: a.dealContactPutter(),
		},
		{
			method: http.MethodDelete, path: item, id: "deleteDealContact", tag: "Deals",
			summary: "Remove a contact from a deal", description: partOfDeal,
			answer: a.schemas.deleted(),
			run: func(c *call) error {
				deal, contact, err := dealContactIDs(c)
				if err != nil {
					return err
				}
				return answerDeleted(c, contact, a.Service.DeleteDealContact(c.Context, c.Actor, deal, contact, c.Expected))
			},
		},
		{
			method: http.MethodGet, path: "/api/deals/{id}/history", id: "listDealHistory", tag: "Deals",
			caching: server.Cached(cache.Frequent, crm.EntityDeal, crm.EntityContact, crm.EntityStage),
			summary: "List a deal's stage history", description: "All of them, oldest first, in one page.",
			answer: a.schemas.list("StageHistoryEntry"),
			run:    onID("deal", a.listDealHistory),
		},
	}
}

func dealContactIDs(c *call) (deal, contact crm.ID, err error) {
	if deal, err = c.PathID("id", "deal"); err != nil {
		return deal, contact, err
	}
	contact, err = c.PathID("contactId", "contact")
	return deal, contact, err
}

func (a *API) listDealContacts(c *call, deal crm.ID) error {
	if _, err := a.Service.Deal(c.Context, c.Actor, deal); err != nil {
		return err
	}
	rows, err := a.Service.DealContacts(c.Context, c.Actor, []crm.ID{deal})
	if err != nil {
		return err
	}
	people, err := a.contactsByID(c, idsOf(rows, func(r *crm.DealContact) *crm.ID { return &r.ContactID }))
	if err != nil {
		return err
	}
	// Without those that were deleted since the deal's contacts were read.
	there := slices.DeleteFunc(rows, func(r crm.DealContact) bool { return people[r.ContactID] == nil })
	return answerAll(c, there, nil, func(b []byte, r *crm.DealContact) []byte {
		return appendFurther(b, r.Role, people[r.ContactID])
	})
}

// rolePatch is the body that adds a contact to a deal.
type rolePatch struct {
	Role         crm.Field[string] `json:"role"`
	DecodeErrors crm.DecodeErrors  `json:"-"`
}

func (a *API) dealContactPutter() func(*call) error {
	body := newBodyReader(func(p *rolePatch) *crm.DecodeErrors { return &p.DecodeErrors }, reflect.TypeFor[dealContact]())
	return func(c *call) error {
		deal, contact, err := dealContactIDs(c)
		if err != nil {
			return err
		}
		patch, err := body.read(c.Request)
		if err != nil {
			return err
		}
		if len(patch.DecodeErrors) > 0 {
			return crm.Invalid(patch.DecodeErrors...)
		}
		part, err := a.Service.PutDealContact(c.Context, c.Actor, deal, contact, c.Expected, patch.Role.Value)
		if err != nil {
			return err
		}
		person, err := a.Service.Contact(c.Context, c.Actor, contact)
		return answerWritten(c, contact, &part, err, func(b []byte, p *crm.DealContact) []byte { return appendFurther(b, p.Role, &person) })
	}
}

// stageEntry is an entry of a deal's stage history.
type stageEntry struct {
	StageID         crm.ID       `json:"stage_id"`
	StageName       *string      `json:"stage_name" doc:"Null when the stage is deleted."`
	EnteredAt       crm.Instant  `json:"entered_at"`
	ExitedAt        *crm.Instant `json:"exited_at" doc:"Null while the deal is in the stage."`
	DurationSeconds *int64       `json:"duration_seconds" doc:"Null while the deal is in the stage."`
	UserID          *crm.ID      `json:"user_id" doc:"Who moved the deal there."`
}

func (a *API) listDealHistory(c *call, deal crm.ID) error {
	moves, err := a.Service.DealHistory(c.Context, c.Actor, deal)
	if err != nil {
		return err
	}
	stages, err := a.stagesByID(c, idsOf(moves, func(m *crm.StageHistoryEntry) *crm.ID { return &m.StageID }))
	return answerAll(c, moves, err, func(b []byte, m *crm.StageHistoryEntry) []byte { return appendStageEntry(b, m, stages[m.StageID]) })
}

func appendStageEntry(b []byte, m *crm.StageHistoryEntry, stage *crm.Stage) []byte {
	v := stageEntry{StageID: m.StageID, EnteredAt: m.EnteredAt, ExitedAt: m.ExitedAt, UserID: m.UserID}
	if stage != nil {
		v.StageName = &stage.Name
	}
	if m.ExitedAt != nil {
		v.DurationSeconds = new(int64(*m.ExitedAt-m.EnteredAt) / 1_000_000)
	}
	return appendJSON(b, &v)
}
