package httpapi

import (
	"encoding/json"
	"fmt"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

// performanceAnalysis is what an operator should look at.
type performanceAnalysis struct {
	SlowQueries        []slowQuery      `json:"slowQueries" doc:"The statements that have taken 100 ms or more, by name."`
	PoolStats          poolStats        `json:"poolStats"`
	PreparedStatements preparedUsage    `json:"preparedStatements"`
	Recommendations    []recommendation `json:"recommendations"`
}

type slowQuery struct {
	Query       string `json:"query" doc:"The statement's name."`
	Executions  int64  `json:"executions"`
	Slow        int64  `json:"slow" doc:"Executions that took 100 ms or more."`
	AverageTime string `json:"averageTime"`
	MaxTime     string `json:"maxTime"`
}

type preparedUsage struct {
	Total int    `json:"total" doc:"The statements that were used."`
	Usage string `json:"usage" doc:"Such as 100.00%."`
}

type recommendation struct {
	Type     string `json:"type" enum:"query,cache,pool"`
	Severity string `json:"severity" enum:"low,medium,high"`
	Message  string `json:"message"`
	Details  string `json:"details"`
}

// When something is recommended.
const (
	slowShare      = 20    // a slow execution in this many
	enoughRequests = 1_000 // before the cache's hits say something
)

func (a *API) analysis() performanceAnalysis {
	return analyse(a.figures(), a.Server.Cache.Stats(), a.Server.Waiting())
}

// Analyse returns the analysis of an instance's statistics, to be stored as JSON. waiting is the number
// of operations that wait for their turn.
func Analyse(f Figures, kept cache.Stats, waiting int) any { return analyse(f, kept, waiting) }

func analyse(f Figures, kept cache.Stats, waiting int) performanceAnalysis {
	pool := poolStats{f.Open, f.Open - f.InUse, waiting}
	out := performanceAnalysis{
		SlowQueries: []slowQuery{}, PoolStats: pool, Recommendations: []recommendation{},
		PreparedStatements: preparedUsage{len(f.Statements), percent(int64(f.preparedPercent()), 100)},
	}
	for i := range f.Statements {
		s := &f.Statements[i]
		if s.Slow == 0 {
			continue
		}
		out.SlowQueries = append(out.SlowQueries, slowQuery{s.Name, s.Executions, s.Slow, milliseconds(s.average()), milliseconds(s.Most)})
		if s.Slow*slowShare >= s.Executions {
			out.Recommendations = append(out.Recommendations, recommendation{
				"query", "medium", "The statement " + s.Name + " is often slow.",
				fmt.Sprintf("%d of %d executions took 100 ms or more, the longest %s.", s.Slow, s.Executions, milliseconds(s.Most)),
			})
		}
	}
	hits, misses := cacheHits(&kept)
	if all := hits + misses; all >= enoughRequests && hits < all/2 {
		out.Recommendations = append(out.Recommendations, recommendation{
			"cache", "low", "Fewer than half of the requests are answered from the cache.",
			fmt.Sprintf("%d of %d requests; the cache has %d of %d bytes.", hits, all, kept.Bytes, kept.Limit),
		})
	}
	if pool.Waiting > 0 && pool.Idle == 0 {
		out.Recommendations = append(out.Recommendations, recommendation{
			"pool", "high", "Operations wait, and no database connection is idle.",
			fmt.Sprintf("%d operations wait; %d connections are open.", pool.Waiting, pool.Total),
		})
	}
	return out
}

// An Analysis is one that was stored: Text is its JSON.
type Analysis struct {
	ID       crm.ID
	At       crm.Instant
	Instance string
	Text     string
}

// storedAnalysis is an Analysis in a response.
type storedAnalysis struct {
	ID       crm.ID              `json:"id"`
	At       crm.Instant         `json:"at"`
	Instance string              `json:"instance" doc:"The host name of the instance that it is of."`
	Analysis performanceAnalysis `json:"analysis" schema:"PerformanceAnalysis"`
}

func (a *API) listAnalyses(c *call) error {
	if err := a.Accounts.RequireOperator(c.Context, c.Actor, "read what concerns the whole server"); err != nil {
		return err
	}
	var all []Analysis
	var err error
	if a.Analyses != nil {
		all, err = a.Analyses(c.Context)
	}
	return answerAll(c, all, err, func(b []byte, stored *Analysis) []byte {
		out := storedAnalysis{ID: stored.ID, At: stored.At, Instance: stored.Instance, Analysis: performanceAnalysis{SlowQueries: []slowQuery{}, Recommendations: []recommendation{}}}
		// What another release has stored may lack members, or have more.
		_ = json.Unmarshal([]byte(stored.Text), &out.Analysis)
		return appendJSON(b, &out)
	})
}
