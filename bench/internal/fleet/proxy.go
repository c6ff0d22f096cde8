package fleet

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// A Proxy is a proxy between a client and a server that can be disconnected and delayed. Its
// methods are for one goroutine.
type Proxy struct {
	Addr  string // HOST:PORT that clients connect to
	proxy *toxiproxy.Proxy
}

// NewProxy starts a proxy to a server. Cut stops it.
func NewProxy(server string) (*Proxy, error) {
	s := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(s, "proxy", "127.0.0.1:0", server)
	if err := p.Start(); err != nil {
		return nil, err
	}
	return &Proxy{Addr: p.Listen, proxy: p}, nil
}

// Cut closes all connections and accepts no new ones.
func (p *Proxy) Cut() { p.proxy.Stop() }

// Restore accepts connections again, after Cut.
func (p *Proxy) Restore() error { return p.proxy.Start() }

// slow is the name of the delay.
const slow = "slow"

// Slow delays the server's responses.
func (p *Proxy) Slow(by time.Duration) error {
	_, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
		`{"name":%q,"type":"latency","stream":"downstream","attributes":{"latency":%d}}`, slow, by.Milliseconds())))
	return err
}

// Quicken removes the delay.
func (p *Proxy) Quicken(ctx context.Context) error { return p.proxy.Toxics.RemoveToxic(ctx, slow) }
