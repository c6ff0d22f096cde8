package config

import "time"

// Cache is how answers are kept, and for how long the change log and the audit trail are.
type Cache struct {
	CacheBytes       int           `name:"cache-bytes" env:"SIXTY_CACHE_BYTES" default:"67108864" help:"Memory for cached answers, in bytes; 0 turns the cache off." group:"server"`
	CacheTTLFrequent time.Duration `name:"cache-ttl-frequent" env:"SIXTY_CACHE_TTL_FREQUENT" default:"5m" help:"Longest that an answer of the tier frequent (lists, things, numbers) is kept." group:"server"`
	CacheTTLSession  time.Duration `name:"cache-ttl-session" env:"SIXTY_CACHE_TTL_SESSION" default:"1m" help:"Longest that an answer of the tier session (what depends on who asks) is kept." group:"server"`
	CacheTTLStatic   time.Duration `name:"cache-ttl-static" env:"SIXTY_CACHE_TTL_STATIC" default:"1h" help:"Longest that an answer of the tier static (deal stages, owners) is kept." group:"server"`
	ChangesKept      time.Duration `name:"changes-kept" env:"SIXTY_CHANGES_KEPT" default:"168h" help:"How long the entries of the change log are kept." group:"server"`
	AuditKept        time.Duration `name:"audit-kept" env:"SIXTY_AUDIT_KEPT" default:"9600h" help:"How long the entries of the audit trail are kept." group:"server"`
}

// The bounds of what makes sense.
const (
	leastCache   = 1 << 20 // less holds no useful number of answers
	maxCache     = 1 << 40
	maxTTL       = 24 * time.Hour
	leastChanges = time.Hour
	leastAudit   = 24 * time.Hour
	maxKept      = 10 * 365 * 24 * time.Hour
)

func (k Cache) problems() []string {
	c := complaints{settings: k}
	if k.CacheBytes != 0 && (k.CacheBytes < leastCache || k.CacheBytes > maxCache) {
		c.add("CacheBytes", "must be 0 or between %d and %d, not %d", leastCache, maxCache, k.CacheBytes)
	}
	c.ttl("CacheTTLFrequent", k.CacheTTLFrequent)
	c.ttl("CacheTTLSession", k.CacheTTLSession)
	c.ttl("CacheTTLStatic", k.CacheTTLStatic)
	if k.ChangesKept < leastChanges || k.ChangesKept > maxKept {
		c.add("ChangesKept", "must be between %s and %s, not %s", leastChanges, maxKept, k.ChangesKept)
	}
	if k.AuditKept < leastAudit || k.AuditKept > maxKept {
		c.add("AuditKept", "must be between %s and %s, not %s", leastAudit, maxKept, k.AuditKept)
	}
	return c.found
}

func (c *complaints) ttl(field string, d time.Duration) {
	if d < time.Second || d > maxTTL {
		c.add(field, "must be between 1s and %s, not %s", maxTTL, d)
	}
}
