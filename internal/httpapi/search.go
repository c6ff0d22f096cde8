package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/cache"
	"sixty/internal/crm"
	"sixty/internal/server"
)

// searching declares a parameter with search words. No value is invalid; one without words
// finds nothing.
func searching[F any](name, doc string) parameter[listArgs[F]] {
	return parameter[listArgs[F]]{
		name: name, doc: doc, schema: &huma.Schema{Type: huma.TypeString},
		read: func(dst *listArgs[F], value string) error {
			q := crm.ParseQuery(strings.ToValidUTF8(value, " "))
			dst.list.Search = &q
			return nil
		},
		scope: func(b []byte, src *listArgs[F]) []byte {
			if src.list.Search == nil {
				return b
			}
			b = appendString(append(append(b, name...), '='), src.list.Search.String())
			return append(b, ';')
		},
	}
}

// searchWithin declares the search parameter of a list.
func searchWithin[F any]() parameter[listArgs[F]] {
	return searching[F]("search", fmt.Sprintf("Only records with each of these words, or words that start with it, or hold it if it has three characters (two "+
		"in Chinese, Japanese and Korean). Accents, case, apostrophes, hyphens and other punctuation do not matter; phone numbers are found by their digits, a web "+
		"address that is pasted by its host. Without sort, the best come first, of the %d matches that were written last; with another sort, of the %d.",
		crm.MaxHits, crm.MaxSorted))
}

// searchOperation returns the operation that searches all kinds of records.
func (a *API) searchOperation() operation {
	a.schemas.record("SearchHit", reflect.TypeFor[crm.Hit]())
	p := newPager(a, "search", crm.Sorts{Default: crm.ByRank}, []parameter[listArgs[crm.HitFilter]]{
		searching[crm.HitFilter]("q", "The words, or parts of words, to search for in names, e-mail addresses, domains, phone numbers, titles and labels; see the parameter search of "+
			"lists. Without a word, nothing is found."),
		filterParameter(&crm.HitKindFilter),
	}, a.Service.Search)
	p.query = p.query.without("sort")
	example := exampleHit()
	b := appendRows([]byte(`{"data":`), []crm.Hit{example}, appendHit)
	return operation{
		method: http.MethodGet, path: "/api/search", id: "search", tag: "Search",
		caching: server.Cached(cache.Frequent, crm.EntityCompany, crm.EntityContact, crm.EntityDeal),
		summary: "Search companies, contacts and deals together",
		description: fmt.Sprintf("The best come first, among equals the newest. Of each kind, the %d newest matches are considered. ", crm.MaxHits) +
			"Deals are also found by the names of their company and contacts. " +
			"The rank depends on the query and the record alone, so that a cursor stays valid while other records change.",
		query:   p.query.document(),
		listing: true,
		answer:  a.schemas.list("SearchHit"), example: json.RawMessage(appendListTail(b, listTail{count: 1, limit: defaultLimit})),
		problems: []int{http.StatusBadRequest, http.StatusUnprocessableEntity},
		run:      p.run(with(appendHit)),
	}
}

func appendHit(b []byte, h *crm.Hit) []byte {
	b = appendString(append(b, `{"kind":`...), h.Kind)
	b = appendID(append(b, `,"id":`...), h.ID)
	b = appendString(append(b, `,"title":`...), h.Title)
	b = appendText(append(b, `,"subtitle":`...), h.Subtitle)
	b = appendOptional(append(b, `,"owner_id":`...), h.OwnerID, appendID)
	b = appendInt(append(b, `,"rank":`...), h.Rank)
	b = appendInstant(append(b, `,"updated_at":`...), h.UpdatedAt)
	return append(b, '}')
}

func exampleHit() crm.Hit {
	company := exampleCompany()
	found := company.Searched()
	q := crm.ParseQuery("acm")
	found.Rank, _ = q.Ranker().Rank(&found)
	return found.Hit
}
