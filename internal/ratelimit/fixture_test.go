package ratelimit_test

import (
	"log/slog"
	"net/netip"
	"testing"

	"github.com/redis/rueidis"

	"sixty/internal/crm"
	"sixty/internal/ratelimit"
	"sixty/internal/servertest"
)

func TestMain(m *testing.M) {
	servertest.VerifyTestMain(m)
}

func newLimiter(tb testing.TB, o ratelimit.Options) *ratelimit.Limiter {
	tb.Helper()
	l, err := ratelimit.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(l.Close)
	return l
}

// onRedis returns o with the tests' Redis and a unique key prefix.
func onRedis(tb testing.TB, o ratelimit.Options) ratelimit.Options {
	tb.Helper()
	client := connect(tb, servertest.RedisAddress(tb))
	o.Redis = func() rueidis.Client { return client }
	o.Prefix = "test:" + crm.NewID().String() + ":"
	o.Logger = slog.New(slog.DiscardHandler)
	return o
}

func connect(tb testing.TB, address string) rueidis.Client {
	tb.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{address}, ForceSingleClient: true, DisableCache: true, DisableRetry: true,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return client
}

// from returns the caller from an address.
func from(address string) ratelimit.Caller {
	return ratelimit.Address(netip.MustParseAddr(address))
}
