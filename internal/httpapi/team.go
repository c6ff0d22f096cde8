package httpapi

import (
	"context"
	"net/http"
	"reflect"
	"strconv"

	"sixty/internal/accounts"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// memberView is a person as admins see them.
type memberView struct {
	crm.Owner
	Service       bool         `json:"service" doc:"It is the user of an API key, which is in no list of people."`
	DeactivatedAt *crm.Instant `json:"deactivated_at" doc:"null: they may sign in, and act."`
	SignedInAt    *crm.Instant `json:"signed_in_at" doc:"Last; null: never."`
}

// handOverPatch is the body that names whom records go to.
type (
	handOverPatch struct {
		To     crm.Field[crm.ID] `json:"to"`
		Unread crm.DecodeErrors  `json:"-"`
	}
	handOverView struct {
		To crm.ID `json:"to" doc:"Who gets it all; must be active."`
	}
)

// teamOperations let admins see people and change what they may do. Who is new is
// invited (invitations.go).
func (a *API) teamOperations() []operation {
	const tag, kept = "People", "when somebody signed in is no change that the cache hears of"
	a.schemas.thing("Member", reflect.TypeFor[memberView]())
	a.schemas.patch("MemberInput", reflect.TypeFor[crm.OwnerPatch](), reflect.TypeFor[crm.Owner](), nil)
	a.schemas.patch("HandOver", reflect.TypeFor[handOverPatch](), reflect.TypeFor[handOverView](), []string{"to"})
	a.schemas.thing("HandedOver", reflect.TypeFor[accounts.TransferredRecords]())
	pager := newPager(a, "users", crm.Owners.Sorts, nil, a.accounts.Members)
	switched := func(path, id, summary, description string, change func(context.Context, crm.Actor, crm.ID) (accounts.Member, error)) operation {
		return operation{
			method: http.MethodPost, path: "/api/users/{id}/" + path, id: id, tag: tag, summary: summary, description: description + " For admins.",
			answer: a.schemas.envelope("Member"),
			run:    func(c *call) error { return a.answerMember(c, change) },
		}
	}
	return []operation{
		{
			method: http.MethodGet, path: "/api/users", id: "listUsers", tag: tag, caching: server.Uncached(kept),
			summary: "List the people", description: "Deactivated ones included. For admins.",
			query: pager.query.document(), answer: a.schemas.list("Member"),
			problems: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity},
			run: func(c *call) error {
				args, scope, err := pager.read(c, nil)
				if err != nil {
					return err
				}
				return pager.answer(c, args, scope, func([]accounts.Member) (appender[accounts.Member], error) { return appendMember, nil })
			},
		},
		{
			method: http.MethodGet, path: "/api/users/{id}", id: "readUser", tag: tag, caching: server.Uncached(kept),
			summary: "Read a person", description: "For admins.",
			answer: a.schemas.envelope("Member"), problems: []int{http.StatusForbidden},
			run: func(c *call) error { return a.answerMember(c, a.accounts.Member) },
		},
		{
			method: http.MethodPatch, path: "/api/users/{id}", id: "patchUser", tag: tag,
			summary: "Change a person",
			description: "Changes the members that are sent and no others; an explicit null clears one (RFC 7396). Whoever gets another role is signed out " +
				"everywhere, and their keys may do no more than that. Nobody changes their own role, and the last active admin stays one. For admins.",
			body: ref("MemberInput"), answer: a.schemas.envelope("Member"), run: a.changeMember(),
		},
		switched("deactivate", "deactivateUser", "End what a person may do",
			"Ends their sessions; their keys are refused, and their records stay theirs. Nobody deactivates themselves, nor the last active admin.",
			a.accounts.DeactivateOwner),
		switched("reactivate", "reactivateUser", "Give a person back what they might do",
			"They sign in again; keys that were not revoked are good again.", a.accounts.ReactivateOwner),
		{
			method: http.MethodPost, path: "/api/users/{id}/hand-over", id: "handOver", tag: tag,
			cost: server.Expensive("it may change everything that there is"), longRunning: true,
			summary: "Give everything that a person owns to another",
			description: "Companies, contacts, deals and activities, and the tasks that are assigned to them: all of it or, if that fails, nothing. " +
				"The answer says how many. Who did what in the past stays. More than " + strconv.Itoa(accounts.MaxTransferredRecords) +
				" records are a conflict: the command line has no such bound. For admins.",
			body: ref("HandOver"), answer: a.schemas.envelope("HandedOver"), run: a.handOver(),
		},
	}
}

// answerMember answers a person, who may be changed before.
func (a *API) answerMember(c *call, get func(context.Context, crm.Actor, crm.ID) (accounts.Member, error)) error {
	id, err := c.PathID("id", "user")
	if err != nil {
		return err
	}
	m, err := get(c.Context, c.Actor, id)
	if err != nil {
		return err
	}
	c.Version = m.Version
	answerOne(c, &m, appendMember)
	return nil
}

func (a *API) changeMember() func(*call) error {
	body := newBodyReader(crm.Owners.DecodeErrors, reflect.TypeFor[memberView]())
	return func(c *call) error {
		p, err := body.read(c.Request)
		if err != nil {
			return err
		}
		return a.answerMember(c, func(ctx context.Context, by crm.Actor, id crm.ID) (accounts.Member, error) {
			return a.accounts.UpdateMember(ctx, by, id, c.Expected, p)
		})
	}
}

func (a *API) handOver() func(*call) error {
	body := newBodyReader(func(p *handOverPatch) *crm.DecodeErrors { return &p.Unread })
	return func(c *call) error {
		id, err := c.PathID("id", "user")
		if err != nil {
			return err
		}
		p, err := body.read(c.Request)
		if err != nil {
			return err
		}
		if len(p.Unread) == 0 && p.To.Value == (crm.ID{}) {
			p.Unread = append(p.Unread, crm.FieldError{Field: "to", Message: "must be there"})
		}
		if len(p.Unread) > 0 {
			return crm.Invalid(p.Unread...)
		}
		n, err := a.accounts.TransferOwnership(c.Context, c.Actor, id, p.To.Value)
		if err != nil {
			return err
		}
		answerOne(c, &n, appendJSON)
		return nil
	}
}

func appendMember(b []byte, m *accounts.Member) []byte {
	return appendJSON(b, &memberView{m.Owner, m.Service, m.DeactivatedAt, m.SignedInAt})
}
