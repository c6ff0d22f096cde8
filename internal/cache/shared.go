package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"sixty/internal/crm"
)

// Limits of a shared value. Values may come from other programs.
const (
	maxShared    = 1 << 20 // bytes of a body
	compressFrom = 1 << 10 // bytes; smaller bodies are not compressed
)

// sharedTier encodes entries for a Shared, and decodes them.
type sharedTier struct {
	store    Shared
	log      *slog.Logger
	maxBody  int64
	seal     *seal
	encoder  *zstd.Encoder
	decoder  *zstd.Decoder
	rejected atomic.Int64 // values that were not used, because they are not what put stores
}

func newSharedTier(store Shared, key []byte, log *slog.Logger, maxEntry int64) *sharedTier {
	if len(key) == 0 {
		panic("cache: a shared tier needs a key for its seals")
	}
	t := &sharedTier{store: store, log: log, maxBody: min(maxEntry, maxShared), seal: newSeal(key)}
	// Both are safe for concurrent use and, without a stream, start no goroutines.
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

// sharedPrefix is what all keys begin with. It has the version of the format, so that programs with
// another one do not read each other's values.
var sharedPrefix = "sixty:" + strconv.Itoa(formatVersion) + ":"

// storageKey returns a hash of the key, because keys are long and contain user input. The
// value contains the key itself, which is compared. Entries of another epoch of the change log
// have other keys.
func storageKey(k key, epoch string) string {
	h := sha256.New()
	h.Write(k.org[:])
	h.Write([]byte(k.name))
	return sharedPrefix + epoch + ":" + hex.EncodeToString(h.Sum(make([]byte, 0, sha256.Size)))
}

// get returns the entry of a key with its expiry; nil if there is none. The caller checks
// whether it is valid.
func (t *sharedTier) get(ctx context.Context, k key, epoch string) *Entry {
	name := storageKey(k, epoch)
	value, ok := t.store.Get(ctx, name)
	if !ok {
		return nil
	}
	e, err := t.decode(value, k, epoch)
	if err != nil {
		if t.rejected.Add(1) == 1 { // an attacker could otherwise fill the log
			t.log.WarnContext(ctx, "shared cache: ignored an invalid value; further ones are only counted", slog.String("key", name), slog.Any("error", err))
		}
		return nil
	}
	return e
}

// put stores an entry with the expiry that it has in memory.
func (t *sharedTier) put(e *Entry, now time.Time) {
	ttl := e.ttl(now)
	if ttl <= 0 || int64(len(e.Body)) > t.maxBody {
		return
	}
	t.store.Set(storageKey(e.key, e.log.Epoch), t.encode(e), ttl)
}

// encode returns a shared value: the seal of the rest, the format version, the header
// fields, and the body.
func (t *sharedTier) encode(e *Entry) []byte {
	w := &writer{b: make([]byte, sealSize, 512+len(e.tags)*24+len(e.Body)/2)}
	w.uint(formatVersion)
	w.bytes(e.key.org[:])
	w.string(e.key.name)
	w.string(e.log.Epoch)
	w.int(e.log.Seq)
	w.int(e.expires.UnixNano())
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
	return t.seal.put(w.b)
}

// decode parses a value, which must belong to the key and the epoch.
func (t *sharedTier) decode(value []byte, k key, epoch string) (*Entry, error) {
	content, ok := t.seal.open(value)
	if !ok {
		return nil, errSeal
	}
	r := &reader{b: content}
	if r.uint() != formatVersion {
		return nil, errFormat
	}
	var found key
	copy(found.org[:], r.bytes(len(found.org)))
	found.name = r.string()
	at := crm.LogPosition{Epoch: r.string(), Seq: r.int()}
	if r.bad || found != k || at.Epoch != epoch {
		return nil, errForeign
	}
	at.Epoch = epoch // which does not refer to the value
	e := &Entry{key: k, log: at, expires: time.Unix(0, r.int())}
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
