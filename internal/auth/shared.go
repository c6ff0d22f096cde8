package auth

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"sync/atomic"
	"time"

	"sixty/internal/crm"
)

// Shared keeps answers where other instances find them, such as in Redis: for a while,
// or not at all. Nobody is kept waiting for it.
type Shared interface {
	Get(ctx context.Context, key string) ([]byte, bool)
	Set(key string, value []byte, ttl time.Duration)
}

// sharedAnswers are what the instances have found of sessions. The database stays the
// truth: what is found here counts like what was found in memory, as long as the change
// log vouches for it since before the database was asked. A seal that only the database
// tells keeps whoever can write there from signing themselves in.
type sharedAnswers struct {
	kind  string // of credential
	store Shared
	epoch string // names the change log
	seal  []byte
}

// sharedAnswer is an answer as it is written.
type sharedAnswer struct {
	Actor crm.Actor    `json:"actor"`
	ID    crm.ID       `json:"id"`
	Until crm.Instant  `json:"until"` // zero: never
	Used  *crm.Instant `json:"used"`
	Asked crm.Instant  `json:"asked"`
	Seq   int64        `json:"seq"`
}

// address is where the answer about a secret lies. It tells nothing about the secret.
func (s *sharedAnswers) address(hash digest) string {
	return "sixty:" + s.epoch + ":" + s.kind + ":" + hex.EncodeToString(hash[:])
}

// sealed gives the seal of a text under an address.
func (s *sharedAnswers) sealed(address string, text []byte) []byte {
	h := hmac.New(sha256.New, s.seal)
	h.Write([]byte(address + "\n"))
	h.Write(text)
	return h.Sum(nil)
}

// get gives what an instance has found, whether it still holds or not.
func (s *sharedAnswers) get(ctx context.Context, hash digest) (found sharedAnswer, ok bool) {
	address := s.address(hash)
	value, ok := s.store.Get(ctx, address)
	if !ok || len(value) < sha256.Size {
		return sharedAnswer{}, false
	}
	text := value[sha256.Size:]
	if !hmac.Equal(value[:sha256.Size], s.sealed(address, text)) {
		return sharedAnswer{}, false
	}
	return found, json.NewDecoder(bytes.NewReader(text)).Decode(&found) == nil
}

// put keeps an answer that the change log can vouch for.
func (s *sharedAnswers) put(hash digest, a *answer) {
	w := sharedAnswer{
		Actor: a.actor, ID: a.id, Used: a.used, Asked: crm.InstantOf(a.asked), Seq: a.seq,
	}
	if !a.credential.until.IsZero() {
		w.Until = crm.InstantOf(a.credential.until)
	}
	text, err := json.Marshal(w)
	if err != nil {
		return // of numbers and ids: cannot be
	}
	address := s.address(hash)
	s.store.Set(address, append(s.sealed(address, text), text...), a.until.Sub(a.asked))
}

// shares gives the answer that another instance has found, if it can be believed here
// and now.
func (k *recogniser) shares(ctx context.Context, hash digest, now time.Time) (answer, bool) {
	if k.shared == nil {
		return answer{}, false
	}
	w, ok := k.shared.get(ctx, hash)
	asked := w.Asked.Time()
	if !ok || asked.After(now) { // another clock is ahead: what it says of ages is worth nothing
		return answer{}, false
	}
	a := answer{
		credential: credential{actor: w.Actor, id: w.ID, tags: k.tags(w.ID, w.Actor), used: w.Used},
		asked:      asked, log: true, seq: w.Seq, lastUsed: &atomic.Int64{},
	}
	if w.Until != 0 {
		a.credential.until = w.Until.Time()
	}
	a.bound()
	if _, _, ok := k.fresh.Position(ctx, w.Actor.Org); !ok || !now.Before(a.until) || !k.fresh.Fresh(w.Actor.Org, w.Seq, a.tags[:]) {
		return answer{}, false
	}
	return a, true
}
