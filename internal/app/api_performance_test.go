package app_test

import (
	"net/http"
	"strings"
	"testing"

	"sixty/internal/config"
	"sixty/internal/crm"
)

// The statistics are a bare object with the members that the front end reads, and count what
// has been done.
func TestPerformanceStats(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, c *client) {
		u := newUser(c, "Figures", crm.RoleAdmin)
		stats := func() object {
			t.Helper()
			return u.ask(http.StatusOK, "GET", "/api/performance/stats", nil)
		}
		u.make("/api/deals", object{"name": "Deal"})
		u.fill("/api/deals")
		before := stats()
		hasMembers(t, "statistics", before, "queries cacheHits cacheMisses cacheHitRatio errors pool cacheStats queryOptimization jobQueues redis system")
		hasMembers(t, "pool", before["pool"].(object), "total idle waiting")
		hasMembers(t, "redis", before["redis"].(object), "available connected")
		hasMembers(t, "system", before["system"].(object), "uptime memory cpu")
		hasMembers(t, "job queues", before["jobQueues"].(object), strings.Join(config.JobKinds, " ")+" throughput latency")
		expect(t, before["redis"].(object), object{"available": false, "connected": false})
		if rss := at(before, "system", "memory", "rss").(float64); rss < 1<<20 {
			t.Errorf("resident memory: %v", rss)
		}
		if at(before, "pool", "total").(float64) < 1 || before["queries"].(float64) < 10 || before["cacheHits"].(float64) < 1 || !strings.HasSuffix(before["cacheHitRatio"].(string), "%") {
			t.Errorf("%v", before)
		}
		for name, s := range before["queryOptimization"].(object) {
			hasMembers(t, name, s.(object), "executions averageTime minTime maxTime totalTime averageRows preparedUsagePercent")
			if s := s.(object); s["executions"].(float64) < 1 || !strings.HasSuffix(s["averageTime"].(string), "ms") || s["preparedUsagePercent"] != float64(100) {
				t.Errorf("%s: %v", name, s)
			}
		}
		u.hits("/api/deals")
		u.get("/api/deals/" + id(u.make("/api/deals", object{"name": "Other"})))
		after := stats()
		if after["cacheHits"] == before["cacheHits"] || after["queries"].(float64) <= before["queries"].(float64) {
			t.Errorf("before: %v, %v; after: %v, %v", before["cacheHits"], before["queries"], after["cacheHits"], after["queries"])
		}

		analysis := u.ask(http.StatusOK, "GET", "/api/performance/analysis", nil)
		hasMembers(t, "analysis", analysis, "slowQueries poolStats preparedStatements recommendations")
		hasMembers(t, "pool", analysis["poolStats"].(object), "total idle waiting")
		expect(t, analysis["preparedStatements"].(object), object{"usage": "100.00%"})
		for _, q := range rowsOf(analysis["slowQueries"]) {
			hasMembers(t, "slow query", q, "query executions slow averageTime maxTime")
		}
		for _, r := range rowsOf(analysis["recommendations"]) {
			hasMembers(t, "recommendation", r, "type severity message details")
		}
		u.as(crm.RoleManager).ask(http.StatusForbidden, "GET", "/api/performance/analysis", nil)
	})
}
