package cache

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sixty/internal/crm"
)

// nothing is an empty Shared.
type nothing struct{}

func (nothing) Get(context.Context, string) ([]byte, bool) { return nil, false }
func (nothing) Set(string, []byte, time.Duration)          {}
func (nothing) Stats() SharedStats                         { return SharedStats{} }

// FuzzDecode decodes arbitrary values with a valid checksum: writing to the shared tier must
// not be enough to crash the program.
func FuzzDecode(f *testing.F) {
	const most = 4000
	tier := newSharedTier(nothing{}, slog.New(slog.DiscardHandler), most)
	f.Cleanup(tier.close)
	k := key{crm.ID{1}, "/api/deals"}
	for _, body := range []string{"", "short", strings.Repeat("long ", 700)} {
		e := newEntry(k, &Answer{Status: 200, Link: "</>", Body: []byte(body)}, nil)
		e.tags = []crm.Tag{{Entity: "deal"}, {Entity: "deal", By: crm.ByOwner, ID: crm.ID{2}}}
		e.expires = time.Unix(1e9, 0)
		value := tier.encode(e)
		f.Add(value[checksumSize:])
		for i := checksumSize; i < len(value); i++ {
			f.Add(value[checksumSize:i])
			altered := []byte(string(value[checksumSize:]))
			altered[i-checksumSize] ^= 0x81
			f.Add(altered)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		w := writer{b: append(make([]byte, checksumSize), content...)}
		e, err := tier.decode(w.sealed(), k, "")
		if err == nil && (e.key != k || len(e.Body) > most || len(e.tags) > len(content)) {
			t.Errorf("decode(%x) = %+v", content, e)
		}
	})
}
