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

// memberView is a user as admins see it.
type memberView struct {
	crm.Owner
	Service       bool         `json:"service" doc:"It is the service user of an API key, which is in no list of users."`
	DeactivatedAt *crm.Instant `json:"deactivated_at" doc:"null: the user is active."`
	SignedInAt    *crm.Instant `json:"signed_in_at" doc:"The last sign-in; null: never."`
}

// transferPatch is the body that names the new owner of records.
type transferPatch struct {
	To           crm.Field[crm.ID] `json:"to" doc:"The new owner, who must be active."`
	DecodeErrors crm.DecodeErrors  `json:"-"`
}

// teamOperations returns the operations by which admins manage users. New users are
// invited (invitations.go).
func (a *API) teamOperations() []operation {
	const tag, uncached = "People", "signed_in_at is not in the change log"
	a.schemas.record("Member", reflect.TypeFor[memberView]())
	a.schemas.patch("MemberInput", reflect.TypeFor[crm.OwnerPatch](), reflect.TypeFor[crm.Owner](), nil, limitsOf(crm.Owners))
	a.schemas.patch("Transfer", reflect.TypeFor[transferPatch](), nil, []string{"to"})
	a.schemas.record("TransferredRecords", reflect.TypeFor[accounts.TransferredRecords]())
	pager := newPager(a, "users", crm.Owners.Sorts, nil, a.Accounts.Members)
	switched := func(path, id, summary, description string, change func(context.Context, crm.Actor, crm.ID) (accounts.Member, error)) operation {
		return operation{
			method: http.MethodPost, path: "/api/users/{id}/" + path, id: id, scope: crm.ScopeAdmin, tag: tag, summary: summary, description: description + " For admins.",
			answer: a.schemas.envelope("Member"), written: true,
			run: func(c *call) error { return a.changeMember(c, change) },
		}
	}
	return []operation{
		{
			method: http.MethodGet, path: "/api/users", id: "listUsers", scope: crm.ScopeAdmin, tag: tag, caching: server.Uncached(uncached),
			summary: "List the users", description: "Deactivated ones included. For admins.",
			query:   pager.query.document(),
			listing: true, answer: a.schemas.list("Member"),
			problems: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity},
			run:      pager.run(with(appendMember)),
		},
		{
			method: http.MethodGet, path: "/api/users/{id}", id: "getUser", scope: crm.ScopeAdmin, tag: tag, caching: server.Uncached(uncached),
			summary: "Read a user", description: "For admins.",
			answer: a.schemas.envelope("Member"), problems: []int{http.StatusForbidden},
			run: onID("user", func(c *call, id crm.ID) error {
				m, err := a.Accounts.Member(c.Context, c.Actor, id)
				c.Version = m.Version
				return answerOne(c, &m, err, appendMember)
			}),
		},
		{
			method: http.MethodPatch, path: "/api/users/{id}", id: "updateUser", scope: crm.ScopeAdmin, tag: tag,
			summary: "Change a user",
			description: "Changes the members that are sent and no others; an explicit null clears one (RFC 7396). A change of role signs the user out " +
				"everywhere and limits their keys; it, and another e-mail address of an admin, " + needsProof + " An API key changes role and email only with all scopes of the user's role. " +
				"Admins cannot change their own role, and the last active admin stays one. For admins.",
			body: ref("MemberInput"), written: true, answer: a.schemas.envelope("Member"), run: a.patchMember(),
		},
		switched("deactivate", "deactivateUser", "Deactivate a user",
			"Ends their sessions; their keys are rejected, and they still own their records. Admins cannot deactivate themselves, nor the last active admin.",
			a.Accounts.DeactivateOwner),
		switched("reactivate", "reactivateUser", "Reactivate a user",
			"They may sign in again; keys that were not revoked are valid again. For an admin it "+needsProof, a.Accounts.ReactivateOwner),
		{
			method: http.MethodPost, path: "/api/users/{id}/hand-over", id: "transferOwnership", scope: crm.ScopeAdmin, tag: tag,
			cost: server.Expensive("it may change every record"), longRunning: true,
			summary: "Transfer all records of a user to another",
			description: "Companies, contacts, deals and activities that they own, and the tasks that are assigned to them: all or nothing. " +
				"The response has their numbers. History stays as it is. More than " + strconv.Itoa(accounts.MaxTransferredRecords) +
				" records are a conflict: the command line has no such limit. For admins.",
			body: ref("Transfer"), answer: a.schemas.envelope("TransferredRecords"), run: a.transferRecords(),
		},
	}
}

// changeMember changes a user and responds with it.
func (a *API) changeMember(c *call, change func(context.Context, crm.Actor, crm.ID) (accounts.Member, error)) error {
	return onID("user", func(c *call, id crm.ID) error {
		m, err := change(a.withProof(c), c.Actor, id)
		c.Version = m.Version
		return answerWritten(c, id, &m, err, appendMember)
	})(c)
}

func (a *API) patchMember() func(*call) error {
	return withBody(newRecordReader(crm.Owners, reflect.TypeFor[memberView]()), func(c *call, p crm.OwnerPatch) error {
		return a.changeMember(c, func(ctx context.Context, by crm.Actor, id crm.ID) (accounts.Member, error) {
			return a.Accounts.UpdateMember(ctx, by, id, c.Expected, p)
		})
	})
}

func (a *API) transferRecords() func(*call) error {
	body := newBodyReader(func(p *transferPatch) *crm.DecodeErrors { return &p.DecodeErrors })
	return onID("user", func(c *call, id crm.ID) error {
		p, err := body.read(c.Request)
		if err != nil {
			return err
		}
		if len(p.DecodeErrors) == 0 && p.To.Value == (crm.ID{}) {
			p.DecodeErrors = append(p.DecodeErrors, crm.FieldError{Field: "to", Message: "must be there"})
		}
		if len(p.DecodeErrors) > 0 {
			return crm.Invalid(p.DecodeErrors...)
		}
		n, err := a.Accounts.TransferOwnership(c.Context, c.Actor, id, p.To.Value)
		return answerOne(c, &n, err, appendJSON)
	})
}

func appendMember(b []byte, m *accounts.Member) []byte {
	return appendJSON(b, &memberView{m.Owner, m.Service, m.DeactivatedAt, m.SignedInAt})
}
