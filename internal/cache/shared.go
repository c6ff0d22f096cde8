package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"

	"github.com/klauspost/compress/zstd"

	"sixty/internal/crm"
)

// What a value of the shared tier may take. Values are read that another program may
// have written.
const (
	maxShared    = 1 << 20 // bytes of a body
	compressFrom = 1 << 10 // bytes from which on a body is compressed
)

// sharedTier writes entries to a Shared and reads them.
type sharedTier struct {
	store   Shared
	epoch   func() string
	log     *slog.Logger
	maxBody int64
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newSharedTier(store Shared, epoch func() string, log *slog.Logger, maxEntry int64) *sharedTier {
	t := &sharedTier{store: store, epoch: epoch, log: log, maxBody: min(maxEntry, maxShared)}
	// Neither starts a goroutine without a stream; both can be used by many at once.
	var err error
	if t.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(maxShared)); err != nil {
		panic(err) // the options are constants
	}
	if t.decoder, err = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxShared)); err != nil {
		panic(err)
	}
	return t
}

func (t *sharedTier) close() {
	t.decoder.Close()
}

// address is where the entries of a key lie: under the hash of it, as keys are long
// and hold what people have typed. The key itself lies in the value and is compared.
// It is "" while the log's epoch is not known.
func (t *sharedTier) address(k key) string {
	epoch := t.epoch()
	if epoch == "" {
		return ""
	}
	h := sha256.New()
	h.Write(k.org[:])
	h.Write([]byte(k.name))
	return "sixty:" + epoch + ":" + hex.EncodeToString(h.Sum(make([]byte, 0, sha256.Size)))
}

// get gives the entry of a key, with its end; nil if there is none that can be read.
// Whether it is valid is not its affair.
func (t *sharedTier) get(ctx context.Context, k key) *Entry {
	address := t.address(k)
	if address == "" {
		return nil
	}
	value, ok := t.store.Get(ctx, address)
	if !ok {
		return nil
	}
	e, err := t.decode(value, k)
	if err != nil {
		t.log.WarnContext(ctx, "shared cache: a value is not ours", slog.String("key", address), slog.Any("error", err))
		return nil
	}
	return e
}

// put keeps an entry that is kept in memory until the same moment.
func (t *sharedTier) put(e *Entry, now time.Time) {
	address := t.address(e.key)
	ttl := e.ttl(now)
	if address == "" || ttl <= 0 || int64(len(e.Body)) > t.maxBody {
		return
	}
	t.store.Set(address, t.encode(e), ttl)
}

// encode gives an entry as a value: a checksum of the rest, the format's number, the
// head, and the body.
func (t *sharedTier) encode(e *Entry) []byte {
	w := &writer{b: make([]byte, checksumSize, 512+len(e.tags)*24+len(e.Body)/2)}
	w.uint(formatVersion)
	w.bytes(e.key.org[:])
	w.string(e.key.name)
	w.int(e.seq)
	w.int(e.end.UnixNano())
	w.int(int64(e.Status))
	w.string(e.ContentType)
	w.string(e.Link)
	w.int(e.Version)
	w.uint(uint64(len(e.tags)))
	for _, tag := range e.tags {
		w.string(tag.Entity)
		w.uint(uint64(tag.By))
		if tag.By != crm.ByAll {
			w.bytes(tag.ID[:])
		}
	}
	w.string(e.Hash)
	w.uint(uint64(len(e.Body)))
	if len(e.Body) >= compressFrom {
		w.uint(compressed)
		w.b = t.encoder.EncodeAll(e.Body, w.b)
	} else {
		w.uint(identity)
		w.bytes(e.Body)
	}
	return w.sealed()
}

// decode reads what encode has written for the key.
func (t *sharedTier) decode(value []byte, k key) (*Entry, error) {
	r, ok := unsealed(value)
	if !ok || r.uint() != formatVersion {
		return nil, errFormat
	}
	var found key
	copy(found.org[:], r.bytes(len(found.org)))
	found.name = r.string()
	if r.bad || found != k {
		return nil, errForeign
	}
	e := &Entry{key: k, seq: r.int(), end: time.Unix(0, r.int())}
	e.Status, e.ContentType, e.Link, e.Version = int(r.int()), r.string(), r.string(), r.int()
	e.tags = r.tags()
	e.Hash = r.string()
	size, coding := r.uint(), r.uint()
	if r.bad || size > uint64(t.maxBody) {
		return nil, errFormat
	}
	switch coding {
	case identity:
		e.Body = r.b
	case compressed:
		body, err := t.decoder.DecodeAll(r.b, make([]byte, 0, size))
		if err != nil {
			return nil, err
		}
		e.Body = body
	default:
		return nil, errFormat
	}
	if uint64(len(e.Body)) != size {
		return nil, errFormat
	}
	return e, nil
}
