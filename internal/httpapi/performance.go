package httpapi

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/server"
)

// clearPatch is the body that clears the cache: all of it, if nothing is sent.
type clearPatch struct {
	Tier         crm.Field[string] `json:"tier" nullable:"true" enum:"all,frequent,session,static" doc:"Only the responses of this tier; all by default."`
	Kind         crm.Field[string] `json:"kind" nullable:"true" enum:"owner,company,contact,deal,deal_stage,activity,task" doc:"Only the responses that are made from records of this kind."`
	Pattern      crm.Field[string] `json:"pattern" nullable:"true" doc:"Only the responses of the operations, and those made from the kinds of records, whose names contain this, in any case; and the other responses that are made from these records."`
	DecodeErrors crm.DecodeErrors  `json:"-"`
}

// allTiers is what a client sends for all tiers.
const allTiers = "all"

// clearedKinds are the kinds of records whose responses can be cleared.
var clearedKinds = []string{
	crm.EntityOwner, crm.EntityCompany, crm.EntityContact, crm.EntityDeal, crm.EntityStage, crm.EntityActivity, crm.EntityTask,
}

// performanceOperations returns the operations on the instance's statistics and its cache.
func (a *API) performanceOperations() []operation {
	a.schemas.record("PerformanceStats", reflect.TypeFor[performanceStats]())
	a.schemas.record("PerformanceAnalysis", reflect.TypeFor[performanceAnalysis]())
	a.schemas.record("StoredAnalysis", reflect.TypeFor[storedAnalysis]())
	a.schemas.patch("CacheClearing", reflect.TypeFor[clearPatch](), nil, nil)
	cleared := &huma.Schema{
		Type: huma.TypeObject, Required: []string{"cleared"},
		Properties: map[string]*huma.Schema{"cleared": {Type: huma.TypeString, Description: "all, or the tier, or the kinds."}},
	}
	const ofInstance = "Those of the instance that responds, since it was started. For operators: admins, if there is one organisation, else the users that `sixty operator add` has named."
	return []operation{
		{
			method: http.MethodGet, path: "/api/performance/stats", id: "getPerformanceStats", scope: crm.ScopeAdmin, tag: "Performance",
			summary:     "Read statistics of the server",
			description: "A bare object, not an envelope. " + ofInstance,
			answer:      ref("PerformanceStats"), caching: server.Uncached("they change all the time"),
			run: a.answerStats,
		},
		{
			method: http.MethodGet, path: "/api/performance/analysis", id: "getPerformanceAnalysis", scope: crm.ScopeAdmin, tag: "Performance",
			summary:     "Analyse statistics of the server",
			description: "A bare object, not an envelope. " + ofInstance,
			answer:      ref("PerformanceAnalysis"), caching: server.Uncached("they change all the time"),
			run: bareForOperators(a, a.analysis),
		},
		{
			method: http.MethodGet, path: "/api/performance/analyses", id: "listPerformanceAnalyses", scope: crm.ScopeAdmin, tag: "Performance",
			summary: "List stored analyses of the server",
			description: "Those that jobs have stored, of all instances in turn, the newest first, at most 200; they are kept for 30 days. " +
				"For operators: admins, if there is one organisation, else the users that `sixty operator add` has named.",
			answer: a.schemas.list("StoredAnalysis"), problems: []int{http.StatusForbidden}, caching: server.Uncached("they concern no organisation"),
			run: a.listAnalyses,
		},
		{
			method: http.MethodPost, path: "/api/performance/clear-cache", id: "clearCache", scope: crm.ScopeAdmin, tag: "Performance",
			summary: "Clear the cache",
			description: "Removes the organisation's responses on all instances: all of them, or those of a tier, or those made from some kinds of records. " +
				"For admins. It is never necessary: cached responses are never stale.",
			body: ref("CacheClearing"), bodyOptional: true, answer: a.schemas.answer("CacheClearedAnswer", cleared),
			cost: server.Expensive("all responses must be made anew"),
			run:  a.cacheClearer(),
		},
	}
}

// answerStats responds to operators with the statistics.
func (a *API) answerStats(c *call) error {
	if err := a.Accounts.RequireOperator(c.Context, c.Actor, "read what concerns the whole server"); err != nil {
		return err
	}
	all := a.stats()
	var err error
	all.JobQueues, err = a.jobNumbers(c, jobs.SystemActor)
	if err == nil {
		c.Out = appendJSON(c.Out, &all)
	}
	return err
}

// bareForOperators returns the run of an operation that responds to operators with what read
// returns, without an envelope.
func bareForOperators[T any](a *API, read func() T) func(*call) error {
	return func(c *call) error {
		if err := a.Accounts.RequireOperator(c.Context, c.Actor, "read what concerns the whole server"); err != nil {
			return err
		}
		value := read()
		c.Out = appendJSON(c.Out, &value)
		return nil
	}
}

func (a *API) cacheClearer() func(*call) error {
	body := newBodyReader(func(p *clearPatch) *crm.DecodeErrors { return &p.DecodeErrors })
	tiers := []string{allTiers}
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
		entities, cleared := []string{crm.EntityCache}, allTiers
		if tier := patch.Tier; tier.Set && !tier.Null && tier.Value != allTiers {
			entities, cleared = []string{crm.EntityCache + "." + tier.Value}, tier.Value
			errs = checkOneOf(errs, "tier", cleared, tiers)
		}
		narrowed := cleared != allTiers
		alone := func(name string) {
			if narrowed {
				errs = append(errs, crm.FieldError{Field: name, Message: "must not be sent together with another choice"})
			}
			narrowed = true
		}
		if patch.Kind.Set && !patch.Kind.Null {
			alone("kind")
			entities, cleared = []string{patch.Kind.Value}, patch.Kind.Value
			errs = checkOneOf(errs, "kind", cleared, clearedKinds)
		}
		if patch.Pattern.Set && !patch.Pattern.Null {
			alone("pattern")
			entities = a.kindsOf(patch.Pattern.Value)
			cleared = strings.Join(entities, ", ")
			if len(entities) == 0 {
				errs = append(errs, crm.FieldError{Field: "pattern", Message: "must be a part of an operation's or a kind's name, and " + shown(patch.Pattern.Value) + " is none"})
			}
		}
		if err := a.Accounts.ClearCache(c.Context, c.Actor, entities, errs...); err != nil {
			return err
		}
		c.Out = append(appendString(append(c.Out, `{"data":{"cleared":`...), cleared), `},"error":null}`...)
		return nil
	}
}

// kindsOf returns the kinds of records whose changes end the responses that a pattern means.
// Every response of an operation depends on the first kind that the operation declares.
func (a *API) kindsOf(pattern string) []string {
	pattern = strings.ToLower(pattern)
	var all []string
	for _, kind := range clearedKinds {
		matches := pattern != "" && strings.Contains(kind, pattern)
		for id, first := range a.cachedBy {
			matches = matches || pattern != "" && first == kind && strings.Contains(strings.ToLower(id), pattern)
		}
		if matches {
			all = append(all, kind)
		}
	}
	return all
}

// checkOneOf adds an error for a member that is none of the allowed values.
func checkOneOf(errs crm.DecodeErrors, name, value string, words []string) crm.DecodeErrors {
	if slices.Contains(words, value) {
		return errs
	}
	return append(errs, crm.FieldError{Field: name, Message: "must be one of " + strings.Join(words, ", ")})
}
