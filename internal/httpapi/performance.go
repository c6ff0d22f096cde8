package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// clearPatch is the body that clears caches: of everything, when neither is sent.
type clearPatch struct {
	Tier   crm.Field[string] `json:"tier"`
	Kind   crm.Field[string] `json:"kind"`
	Unread crm.DecodeErrors  `json:"-"`
}

// clearView describes it.
type clearView struct {
	Tier *string `json:"tier" enum:"frequent,session,static" doc:"Only the answers of this tier."`
	Kind *string `json:"kind" enum:"owner,company,contact,deal,deal_stage,activity,task" doc:"Only the answers that are made from things of this kind."`
}

// clearedKinds are the kinds whose answers can be cleared.
var clearedKinds = []string{
	crm.EntityOwner, crm.EntityCompany, crm.EntityContact, crm.EntityDeal, crm.EntityStage, crm.EntityActivity, crm.EntityTask,
}

// performanceStats is what the server tells of its own work.
type performanceStats struct {
	Cache cache.Stats `json:"cache"`
}

// performanceOperations give what is told of the server's own work, and what can be
// done about it.
func (a *API) performanceOperations() []operation {
	a.schemas.thing("PerformanceStats", reflect.TypeFor[performanceStats]())
	a.schemas.patch("CacheClearing", reflect.TypeFor[clearPatch](), reflect.TypeFor[clearView](), nil)
	cleared := &huma.Schema{
		Type: huma.TypeObject, Required: []string{"cleared"},
		Properties: map[string]*huma.Schema{"cleared": {Type: huma.TypeString, Description: "all, or what was sent."}},
	}
	return []operation{
		{
			method: http.MethodGet, path: "/api/performance/stats", id: "getPerformanceStats", tag: "Performance",
			summary: "Read how the cache fares", description: "The figures of the instance that answers, since it was started.",
			answer:  a.schemas.envelope("PerformanceStats"),
			caching: server.Uncached("figures of the moment"),
			run: func(c *call) error {
				text, err := json.Marshal(performanceStats{a.cache.Stats()})
				if err != nil {
					return err
				}
				c.Out = append(append(append(c.Out, `{"data":`...), text...), `,"error":null}`...)
				return nil
			},
		},
		{
			method: http.MethodPost, path: "/api/performance/clear-cache", id: "clearCache", tag: "Performance",
			summary: "Have cached answers forgotten",
			description: "Those of the organisation, on all instances: all of them, or those of a tier, or those made from a kind of thing. " +
				"For admins. Answers are never stale; this is for whoever doubts it.",
			body: ref("CacheClearing"), answer: a.schemas.answered("CacheCleared", cleared),
			cost: server.Expensive("everybody's answers must be made anew"),
			run:  a.cacheClearer(),
		},
	}
}

func (a *API) cacheClearer() func(*call) error {
	body := newBodyReader(func(p *clearPatch) *crm.DecodeErrors { return &p.Unread }, reflect.TypeFor[clearView]())
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
		flaws := patch.Unread
		entity, told := crm.EntityCache, "all"
		if patch.Tier.Set && !patch.Tier.Null {
			entity, told = crm.EntityCache+"."+patch.Tier.Value, patch.Tier.Value
			flaws = oneOfWords(flaws, "tier", told, tiers)
		}
		if patch.Kind.Set && !patch.Kind.Null {
			if told != "all" {
				flaws = append(flaws, crm.FieldError{Field: "kind", Message: "must not be sent together with tier"})
			}
			entity, told = patch.Kind.Value, patch.Kind.Value
			flaws = oneOfWords(flaws, "kind", told, clearedKinds)
		}
		if err := a.accounts.ClearCache(c.Context, c.Actor, entity, flaws...); err != nil {
			return err
		}
		c.Out = append(appendString(append(c.Out, `{"data":{"cleared":`...), told), `},"error":null}`...)
		return nil
	}
}

// oneOfWords adds a flaw for a member that is none of the words.
func oneOfWords(flaws crm.DecodeErrors, name, value string, words []string) crm.DecodeErrors {
	if slices.Contains(words, value) {
		return flaws
	}
	return append(flaws, crm.FieldError{Field: name, Message: "must be one of " + strings.Join(words, ", ")})
}
