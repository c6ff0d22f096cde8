package servertest

import (
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// Proxy starts a proxy in front of a server, HOST:PORT, which a test can disconnect and delay.
// Clients connect to its Listen address. It ends with the test.
func Proxy(tb testing.TB, server string) *toxiproxy.Proxy {
	tb.Helper()
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(api, "proxy", "127.0.0.1:0", server)
	if err := proxy.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(proxy.Stop)
	return proxy
}

// VerifyTestMain runs the tests of a package, and fails if a goroutine outlives them.
func VerifyTestMain(m *testing.M, options ...goleak.Option) {
	goleak.VerifyTestMain(m, append(options,
		// A toxic that is added or removed while a client hangs up stays behind for good, and with
		// it what reads for it (toxiproxy 2.5.0, ToxicLink.RemoveToxic).
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"))...)
}
