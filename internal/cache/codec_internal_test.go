package cache

import (
	"context"
	"log/slog"
	"strconv"
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

// FuzzDecode decodes arbitrary values with a valid seal: writing to the shared tier must
// not be enough to crash the program.
func FuzzDecode(f *testing.F) {
	const most = 4000
	tier := newSharedTier(nothing{}, []byte("key"), slog.New(slog.DiscardHandler), most)
	f.Cleanup(tier.close)
	k := key{crm.ID{1}, "/api/deals"}
	for _, body := range []string{"", "short", strings.Repeat("long ", 700)} {
		e := newEntry(k, &Answer{Status: 200, Link: "</>", Body: []byte(body)}, nil)
		e.tags = []crm.Tag{{Entity: "deal"}, {Entity: "deal", By: crm.ByOwner, ID: crm.ID{2}}}
		e.expires = time.Unix(1e9, 0)
		value := tier.encode(e)
		f.Add(value[sealSize:])
		for i := sealSize; i < len(value); i++ {
			f.Add(value[sealSize:i])
			altered := []byte(string(value[sealSize:]))
			altered[i-sealSize] ^= 0x81
			f.Add(altered)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		e, err := tier.decode(tier.seal.put(append(make([]byte, sealSize), content...)), k, "")
		if err == nil && (e.key != k || len(e.Body) > most || len(e.tags) > len(content)) {
			t.Errorf("decode(%x) = %+v", content, e)
		}
	})
}

// BenchmarkSeal is what authentication adds to a value of the shared tier, of 1, 5 and 50 KB.
func BenchmarkSeal(b *testing.B) {
	for _, size := range []int{1 << 10, 5 << 10, 50 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s, value := newSeal([]byte("key")), make([]byte, sealSize+size)
			s.put(value)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := s.open(value); !ok {
					b.Fatal("it is not open")
				}
			}
		})
	}
}
