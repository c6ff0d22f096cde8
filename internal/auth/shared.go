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

// Shared is a cache shared by the instances, such as Redis. It must not block, and may lose
// values.
type Shared interface {
	Get(ctx context.Context, key string) ([]byte, bool)
	Set(key string, value []byte, ttl time.Duration)
}

// sharedAnswers are the results of queries by all instances. As in memory, a result is valid
// only while the change log confirms it since before the query. Values are authenticated
// with a key from the database, so that write access to the cache is not enough to sign in.
type sharedAnswers struct {
	kind  string // of credential
	store Shared
	seal  []byte
}

// sharedAnswer is the stored form of an answer.
type sharedAnswer struct {
	Actor crm.Actor    `json:"actor"`
	ID    crm.ID       `json:"id"`
	Until crm.Instant  `json:"until"` // zero: no expiry
	Used  *crm.Instant `json:"used"`
	Asked crm.Instant  `json:"asked"`
	Epoch string       `json:"epoch"`
	Seq   int64        `json:"seq"`
}

// storageKey returns the key of a secret's answer. It reveals nothing about the secret. The
// number is that of the form of sharedAnswer: programs of another form, which may run beside
// this one, neither read nor write its answers.
func (s *sharedAnswers) storageKey(hash digest) string {
	return "sixty:" + s.kind + ":2:" + hex.EncodeToString(hash[:])
}

// mac authenticates a value and its key.
func (s *sharedAnswers) mac(key string, text []byte) []byte {
	h := hmac.New(sha256.New, s.seal)
	h.Write([]byte(key + "\n"))
	h.Write(text)
	return h.Sum(nil)
}

// get returns a result of any instance, valid or not.
func (s *sharedAnswers) get(ctx context.Context, hash digest) (found sharedAnswer, ok bool) {
	key := s.storageKey(hash)
	value, ok := s.store.Get(ctx, key)
	if !ok || len(value) < sha256.Size {
		return sharedAnswer{}, false
	}
	text := value[sha256.Size:]
	if !hmac.Equal(value[:sha256.Size], s.mac(key, text)) {
		return sharedAnswer{}, false
	}
	return found, json.NewDecoder(bytes.NewReader(text)).Decode(&found) == nil
}

// put stores an answer with a known position.
func (s *sharedAnswers) put(hash digest, a *answer) {
	w := sharedAnswer{
		Actor: a.actor, ID: a.id, Used: a.used, Asked: crm.InstantOf(a.asked), Epoch: a.log.Epoch, Seq: a.log.Seq,
	}
	if !a.credential.until.IsZero() {
		w.Until = crm.InstantOf(a.credential.until)
	}
	text, err := json.Marshal(w)
	if err != nil {
		return // impossible for numbers and ids
	}
	key := s.storageKey(hash)
	s.store.Set(key, append(s.mac(key, text), text...), a.until.Sub(a.asked))
}

// loadShared returns the result of another instance, if it is valid here and now.
func (k *credentialCache) loadShared(ctx context.Context, hash digest, now time.Time) (answer, bool) {
	if k.shared == nil {
		return answer{}, false
	}
	w, ok := k.shared.get(ctx, hash)
	asked := w.Asked.Time()
	if !ok || asked.After(now) { // another clock is ahead, so ages are unknown
		return answer{}, false
	}
	a := answer{
		credential: credential{actor: w.Actor, id: w.ID, tags: k.tags(w.ID, w.Actor), used: w.Used},
		asked:      asked, followed: true, log: crm.LogPosition{Epoch: w.Epoch, Seq: w.Seq}, lastUsed: &atomic.Int64{},
	}
	if w.Until != 0 {
		a.credential.until = w.Until.Time()
	}
	a.setExpiry()
	if _, _, ok := k.fresh.Position(ctx, w.Actor.Org); !ok || !now.Before(a.until) || !k.fresh.Fresh(w.Actor.Org, a.log, a.tags[:]) {
		return answer{}, false
	}
	return a, true
}
