package ratelimit_test

import (
	"net/netip"
	"testing"
	"time"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
)

// BenchmarkCharge charges three to six limits and formats the header fields.
func BenchmarkCharge(b *testing.B) {
	address := ratelimit.Address(netip.MustParseAddr("203.0.113.7"))
	principal := ratelimit.Principal(crm.ID{1}, crm.ID{2})
	tests := []struct {
		name   string
		caller ratelimit.Caller
		tier   ratelimit.Tier
		redis  bool
	}{
		{"memory/3 limits", address, ratelimit.Expensive, false},
		{"memory/4 limits", principal, ratelimit.API, false},
		{"memory/6 limits", principal, ratelimit.Expensive, false},
		{"redis/3 limits", address, ratelimit.Expensive, true},
		{"redis/4 limits", principal, ratelimit.API, true},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			huge := ratelimit.Limit{Requests: 5_000_000, Window: time.Second}
			o := ratelimit.Options{Global: huge, API: huge, Expensive: huge}
			if test.redis {
				o = onRedis(b, o)
			}
			l := newLimiter(b, o)
			b.ReportAllocs()
			shared := 0
			for b.Loop() {
				d := l.Charge(b.Context(), test.caller, test.tier, ratelimit.Request)
				if d.RateLimit() == "" || d.Policy() == "" {
					b.Fatalf("%+v", d)
				}
				if d.Shared {
					shared++
				}
			}
			// On a busy machine, Redis may not answer in time.
			b.ReportMetric(float64(shared)/float64(b.N), "shared/op")
		})
	}
}
