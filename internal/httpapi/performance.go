package httpapi

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// clearPatch is the body that clears the cache: all of it, if neither is sent.
type clearPatch struct {
	Tier         crm.Field[string] `json:"tier" nullable:"true" enum:"frequent,session,static" doc:"Only the responses of this tier."`
	Kind         crm.Field[string] `json:"kind" nullable:"true" enum:"owner,company,contact,deal,deal_stage,activity,task" doc:"Only the responses that are made from records of this kind."`
	DecodeErrors crm.DecodeErrors  `json:"-"`
}

// clearedKinds are the kinds of records whose responses can be cleared.
var clearedKinds = []string{
	crm.EntityOwner, crm.EntityCompany, crm.EntityContact, crm.EntityDeal, crm.EntityStage, crm.EntityActivity, crm.EntityTask,
}

// performanceStats are statistics of the server.
type performanceStats struct {
	Cache cache.Stats `json:"cache"`
}

// performanceOperations returns the operations on the response cache.
func (a *API) performanceOperations() []operation {
	a.schemas.record("PerformanceStats", reflect.TypeFor[performanceStats]())
	a.schemas.patch("CacheClearing", reflect.TypeFor[clearPatch](), nil, nil)
	cleared := &huma.Schema{
		Type: huma.TypeObject, Required: []string{"cleared"},
		Properties: map[string]*huma.Schema{"cleared": {Type: huma.TypeString, Description: "all, or what was sent."}},
	}
	return []operation{
		{
			method: http.MethodGet, path: "/api/performance/stats", id: "getPerformanceStats", scope: crm.ScopeAdmin, tag: "Performance",
			summary:     "Read statistics of the cache",
			description: "Those of the instance that responds, since it was started. For operators: admins, if there is one organisation, else the users that `sixty operator add` has named.",
			answer:      a.schemas.envelope("PerformanceStats"),
			caching:     server.Uncached("they change all the time"),
			run: func(c *call) error {
				if err := a.Accounts.RequireOperator(c.Context, c.Actor, "read what concerns the whole server"); err != nil {
					return err
				}
				return answerOne(c, &performanceStats{a.Server.Cache.Stats()}, nil, appendJSON)
			},
		},
		{
			method: http.MethodPost, path: "/api/performance/clear-cache", id: "clearCache", scope: crm.ScopeAdmin, tag: "Performance",
			summary: "Clear the cache",
			description: "Removes the organisation's responses on all instances: all of them, or those of a tier, or those made from one kind of records. " +
				"For admins. It is never necessary: cached responses are never stale.",
			body: ref("CacheClearing"), answer: a.schemas.answer("CacheClearedAnswer", cleared),
			cost: server.Expensive("all responses must be made anew"),
			run:  a.cacheClearer(),
		},
	}
}

func (a *API) cacheClearer() func(*call) error {
	body := newBodyReader(func(p *clearPatch) *crm.DecodeErrors { return &p.DecodeErrors })
	tiers := make([]string, 0, len(cache.Tiers()))
	for _, t := range cache.Tiers() {
		tiers = append(tiers, string(t))
	}
	return func(c *call) error {
		var patch clearPatch
		if c.Request.ContentLength != 0 {
			var err error
			if patch, err = body.read(c.Request); err != nil {
				return err
			}
		}
		errs := patch.DecodeErrors
		entity, cleared := crm.EntityCache, "all"
		if patch.Tier.Set && !patch.Tier.Null {
			entity, cleared = crm.EntityCache+"."+patch.Tier.Value, patch.Tier.Value
			errs = checkOneOf(errs, "tier", cleared, tiers)
		}
		if patch.Kind.Set && !patch.Kind.Null {
			if cleared != "all" {
				errs = append(errs, crm.FieldError{Field: "kind", Message: "must not be sent together with tier"})
			}
			entity, cleared = patch.Kind.Value, patch.Kind.Value
			errs = checkOneOf(errs, "kind", cleared, clearedKinds)
		}
		if err := a.Accounts.ClearCache(c.Context, c.Actor, entity, errs...); err != nil {
			return err
		}
		c.Out = append(appendString(append(c.Out, `{"data":{"cleared":`...), cleared), `},"error":null}`...)
		return nil
	}
}

// checkOneOf adds an error for a member that is none of the allowed values.
func checkOneOf(errs crm.DecodeErrors, name, value string, words []string) crm.DecodeErrors {
	if slices.Contains(words, value) {
		return errs
	}
	return append(errs, crm.FieldError{Field: name, Message: "must be one of " + strings.Join(words, ", ")})
}
