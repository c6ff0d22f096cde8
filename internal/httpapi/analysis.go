package httpapi

import "fmt"

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

// analysis returns the analysis of an instance's statistics.
func (a *API) analysis() performanceAnalysis {
	f, stats := a.figures(), a.stats()
	out := performanceAnalysis{
		SlowQueries: []slowQuery{}, PoolStats: stats.Pool, Recommendations: []recommendation{},
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
	if all := stats.CacheHits + stats.CacheMisses; all >= enoughRequests && stats.CacheHits < all/2 {
		out.Recommendations = append(out.Recommendations, recommendation{
			"cache", "low", "Fewer than half of the requests are answered from the cache.",
			fmt.Sprintf("%d of %d requests; the cache has %d of %d bytes.", stats.CacheHits, all, stats.CacheStats.Bytes, stats.CacheStats.Limit),
		})
	}
	if stats.Pool.Waiting > 0 && stats.Pool.Idle == 0 {
		out.Recommendations = append(out.Recommendations, recommendation{
			"pool", "high", "Operations wait, and no database connection is idle.",
			fmt.Sprintf("%d operations wait; %d connections are open.", stats.Pool.Waiting, stats.Pool.Total),
		})
	}
	return out
}
