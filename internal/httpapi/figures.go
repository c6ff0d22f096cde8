package httpapi

import (
	"fmt"
	"time"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

// Figures are what an instance has counted since it was started.
type Figures struct {
	Statements  []StatementFigures // by name
	Open, InUse int                // database connections
	Prepared    bool               // whether statements are prepared
	Redis       bool               // whether one is configured

	Uptime, CPU                   time.Duration
	Resident, HeapTotal, HeapUsed int64 // bytes
}

// StatementFigures are those of the database's statements of one name.
type StatementFigures struct {
	Name                     string
	Executions, Errors, Slow int64
	Rows                     int64
	Total, Least, Most       time.Duration
}

func (s *StatementFigures) average() time.Duration {
	return s.Total / time.Duration(max(1, s.Executions))
}

// performanceStats are the statistics of an instance, under the names that the front end reads.
type performanceStats struct {
	Queries           int64                     `json:"queries" doc:"Statements that the database was sent."`
	CacheHits         int64                     `json:"cacheHits"`
	CacheMisses       int64                     `json:"cacheMisses" doc:"Requests for what can be cached that were not answered from the cache."`
	CacheHitRatio     string                    `json:"cacheHitRatio" doc:"Such as 87.50%."`
	Errors            int64                     `json:"errors" doc:"Statements that failed."`
	Pool              poolStats                 `json:"pool"`
	CacheStats        cache.Stats               `json:"cacheStats"`
	QueryOptimization map[string]statementStats `json:"queryOptimization" doc:"By the statement's name."`
	JobQueues         jobNumbers                `json:"jobQueues" schema:"JobStats" doc:"As /api/jobs/stats, of all organisations."`
	Redis             redisStats                `json:"redis"`
	System            systemStats               `json:"system"`
}

type poolStats struct {
	Total   int `json:"total" doc:"Open database connections."`
	Idle    int `json:"idle"`
	Waiting int `json:"waiting" doc:"Operations that wait for their turn."`
}

type statementStats struct {
	Executions           int64     `json:"executions"`
	AverageTime          string    `json:"averageTime" doc:"Such as 1.23ms."`
	MinTime              string    `json:"minTime"`
	MaxTime              string    `json:"maxTime"`
	TotalTime            string    `json:"totalTime"`
	AverageRows          crm.Ratio `json:"averageRows" doc:"Read, or affected."`
	PreparedUsagePercent int       `json:"preparedUsagePercent" doc:"100, unless the database is reached through a pooler of transactions."`
}

type redisStats struct {
	Available bool `json:"available" doc:"One is configured."`
	Connected bool `json:"connected"`
}

type systemStats struct {
	Uptime int64       `json:"uptime" doc:"Seconds."`
	Memory memoryStats `json:"memory"`
	CPU    cpuStats    `json:"cpu"`
}

type memoryStats struct {
	RSS       int64 `json:"rss" doc:"Bytes."`
	HeapTotal int64 `json:"heapTotal" doc:"Bytes."`
	HeapUsed  int64 `json:"heapUsed" doc:"Bytes."`
}

type cpuStats struct {
	Seconds crm.Ratio `json:"seconds" doc:"CPU time since the start."`
}

// stats returns the statistics.
func (a *API) stats() performanceStats {
	f, kept := a.figures(), a.Server.Cache.Stats()
	out := performanceStats{
		Pool: a.pool(&f), CacheStats: kept, QueryOptimization: map[string]statementStats{},
		Redis: redisStats{f.Redis, kept.Shared != nil && kept.Shared.Breaker == "closed"},
		System: systemStats{
			int64(f.Uptime / time.Second), memoryStats{f.Resident, f.HeapTotal, f.HeapUsed}, cpuStats{crm.Ratio(f.CPU / (time.Second / 10_000))},
		},
	}
	out.CacheHits, out.CacheMisses = cacheHits(&kept)
	out.CacheHitRatio = percent(out.CacheHits, out.CacheHits+out.CacheMisses)
	for i := range f.Statements {
		s := &f.Statements[i]
		out.Queries += s.Executions
		out.Errors += s.Errors
		out.QueryOptimization[s.Name] = statementStats{
			s.Executions, milliseconds(s.average()), milliseconds(s.Least), milliseconds(s.Most), milliseconds(s.Total),
			crm.Ratio(s.Rows * 10_000 / max(1, s.Executions)), f.preparedPercent(),
		}
	}
	return out
}

func (a *API) figures() Figures {
	if a.Figures == nil {
		return Figures{}
	}
	return a.Figures()
}

func (a *API) pool(f *Figures) poolStats {
	return poolStats{f.Open, f.Open - f.InUse, a.Server.Waiting()}
}

// cacheHits returns the requests that were answered from the cache, and the others.
func cacheHits(kept *cache.Stats) (hits, misses int64) {
	for _, o := range kept.Operations {
		hits += o.Hits + o.SharedHits
		misses += o.Misses + o.Joined + o.Bypassed
	}
	return hits, misses
}

func (f *Figures) preparedPercent() int {
	if f.Prepared {
		return 100
	}
	return 0
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2fms", float64(d)/float64(time.Millisecond))
}

func percent(part, whole int64) string {
	return fmt.Sprintf("%.2f%%", 100*float64(part)/float64(max(1, whole)))
}
