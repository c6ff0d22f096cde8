package config

import "time"

// Cache configures the cache, and how long deleted records, the change log and the audit trail are kept.
type Cache struct {
	CacheBytes       int           `name:"cache-bytes" env:"SIXTY_CACHE_BYTES" default:"67108864" help:"Memory for cached answers, in bytes; 0 turns the cache off." group:"server"`
	CacheTTLFrequent time.Duration `name:"cache-ttl-frequent" env:"SIXTY_CACHE_TTL_FREQUENT" default:"5m" help:"Lifetime of cached answers of the tier frequent (lists, records, statistics)." group:"server"`
	CacheTTLSession  time.Duration `name:"cache-ttl-session" env:"SIXTY_CACHE_TTL_SESSION" default:"1m" help:"Lifetime of cached answers of the tier session (specific to the user)." group:"server"`
	CacheTTLStatic   time.Duration `name:"cache-ttl-static" env:"SIXTY_CACHE_TTL_STATIC" default:"1h" help:"Lifetime of cached answers of the tier static (deal stages, owners)." group:"server"`
	ChangesRetention time.Duration `name:"changes-kept" env:"SIXTY_CHANGES_KEPT" default:"168h" help:"Retention of the change log." group:"server"`
	DeletedRetention time.Duration `name:"deleted-kept" env:"SIXTY_DELETED_KEPT" default:"720h" help:"Time for which deleted records can be restored; then they are removed for good." group:"server"`
	AuditRetention   time.Duration `name:"audit-kept" env:"SIXTY_AUDIT_KEPT" default:"9600h" help:"Retention of the audit trail." group:"server"`
}

const (
	minCache     = 1 << 20 // less holds too few answers to be useful
	maxCache     = 1 << 40
	maxTTL       = 24 * time.Hour
	minChanges   = time.Hour
	minAudit     = 24 * time.Hour
	minDeleted   = 24 * time.Hour
	maxRetention = 10 * 365 * 24 * time.Hour
)

func (k Cache) problems() []string {
	c := checker{settings: k}
	if k.CacheBytes != 0 && (k.CacheBytes < minCache || k.CacheBytes > maxCache) {
		c.add("CacheBytes", "must be 0 or between %d and %d, not %d", minCache, maxCache, k.CacheBytes)
	}
	c.ttl("CacheTTLFrequent", k.CacheTTLFrequent)
	c.ttl("CacheTTLSession", k.CacheTTLSession)
	c.ttl("CacheTTLStatic", k.CacheTTLStatic)
	if k.ChangesRetention < minChanges || k.ChangesRetention > maxRetention {
		c.add("ChangesRetention", "must be between %s and %s, not %s", minChanges, maxRetention, k.ChangesRetention)
	}
	if k.DeletedRetention < minDeleted || k.DeletedRetention > maxRetention {
		c.add("DeletedRetention", "must be between %s and %s, not %s", minDeleted, maxRetention, k.DeletedRetention)
	}
	if k.AuditRetention < minAudit || k.AuditRetention > maxRetention {
		c.add("AuditRetention", "must be between %s and %s, not %s", minAudit, maxRetention, k.AuditRetention)
	}
	return c.found
}

func (c *checker) ttl(field string, d time.Duration) {
	if d < time.Second || d > maxTTL {
		c.add(field, "must be between 1s and %s, not %s", maxTTL, d)
	}
}
