package server

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"sixty/internal/crm"
)

// A write without an Idempotency-Key whose commit is unknown is kept for a while, with its
// response: clients send it again. The repeat waits for the outcome. If the write was committed,
// it gets that response, and otherwise it is executed. Then the outcome is known to the client,
// and an equal write is another one.

const (
	// unconfirmedRetention is how long such a write is kept.
	unconfirmedRetention = 2 * time.Minute
	// maxUnconfirmed bounds how many are kept; the oldest is evicted.
	maxUnconfirmed = 1000
	// sharedWait bounds the wait for Shared.
	sharedWait = 50 * time.Millisecond
)

// Shared is a cache shared by the instances, such as Redis. It must not block, and may lose
// values.
type Shared interface {
	Get(ctx context.Context, key string) ([]byte, bool)
	Set(key string, value []byte, ttl time.Duration)
}

// writeDigest identifies a write: by its caller, method, target and body.
type writeDigest [sha256.Size]byte

func digestOf(c *Call, body []byte) (d writeDigest) {
	h := sha256.New()
	h.Write(c.Actor.Org[:])
	h.Write(c.Actor.User[:])
	h.Write([]byte(c.Request.Method + " " + c.Request.URL.RequestURI() + "\n"))
	for _, precondition := range []string{"If-Match", "If-None-Match", "If-Unmodified-Since"} {
		h.Write([]byte(strings.Join(c.Request.Header[precondition], ",") + "\n"))
	}
	h.Write(body)
	h.Sum(d[:0])
	return d
}

// recordOf identifies the record that a PATCH, PUT or DELETE changes, with the caller.
func recordOf(c *Call) (d writeDigest) {
	if c.Request.Method == http.MethodPost {
		return d
	}
	h := sha256.New()
	h.Write(c.Actor.Org[:])
	h.Write(c.Actor.User[:])
	h.Write([]byte(c.Request.URL.EscapedPath()))
	h.Sum(d[:0])
	return d
}

// An unconfirmedWrite is a write whose outcome is unknown.
type unconfirmedWrite struct {
	record      writeDigest // of what a write of a record changes; zero for a POST
	digest      writeDigest
	until       time.Time
	transaction crm.Transaction
	wait        func(context.Context) (crm.LogPosition, error)
	response    []byte // packed; nil if it could not be made
}

// unconfirmedWrites are those of this instance.
type unconfirmedWrites struct {
	mu  sync.Mutex
	all []*unconfirmedWrite // oldest first; of equal ones the last counts
}

func (u *unconfirmedWrites) add(w *unconfirmedWrite) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.prune(time.Now())
	if len(u.all) == maxUnconfirmed {
		u.all = u.all[1:]
	}
	u.all = append(u.all, w)
}

// prune removes those that are too old.
func (u *unconfirmedWrites) prune(now time.Time) {
	for len(u.all) > 0 && u.all[0].until.Before(now) {
		u.all = u.all[1:]
	}
	if len(u.all) == 0 {
		u.all = nil
	}
}

func (u *unconfirmedWrites) none() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.all) == 0
}

// remove removes those with a digest, whose outcome is known.
func (u *unconfirmedWrites) remove(d writeDigest) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all = slices.DeleteFunc(u.all, func(w *unconfirmedWrite) bool { return w.digest == d })
}

// supersede removes the writes of a record, which is written anew: if one of them is sent
// again, it is to be executed.
func (u *unconfirmedWrites) supersede(record writeDigest) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if record != (writeDigest{}) {
		u.all = slices.DeleteFunc(u.all, func(w *unconfirmedWrite) bool { return w.record == record })
	}
}

func (u *unconfirmedWrites) find(d writeDigest) *unconfirmedWrite {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.prune(time.Now())
	for i := len(u.all) - 1; i >= 0; i-- {
		if u.all[i].digest == d {
			return u.all[i]
		}
	}
	return nil
}

// runConfirmed runs a write without a key. answered is true if it is the repeat of one that was
// committed, and has its response.
func (s *Server) runConfirmed(op *Operation, w http.ResponseWriter, c *Call, buffer *[]byte) (answered bool, err error) {
	body := c.digest
	if op.HasBody {
		received := receiveBody(c.Request.Body)
		c.Request.Body, body = received, received.text
	}
	if s.Shared != nil || !s.unconfirmed.none() {
		if answered, err := s.answerRepeat(w, c, digestOf(c, body)); answered || err != nil {
			c.replayed = answered
			return answered, err
		}
		s.unconfirmed.supersede(recordOf(c))
	}
	var kept crm.Unconfirmed
	c.Context = crm.KeepUnconfirmed(c.Context, &kept)
	err = s.run(op, w, c, buffer)
	unknown := kept.Commit()
	if unknown == nil {
		return false, err
	}
	write := &unconfirmedWrite{
		record: recordOf(c), digest: digestOf(c, body), until: time.Now().Add(unconfirmedRetention), transaction: unknown.Transaction, wait: unknown.Wait,
	}
	if err == nil {
		if write.response, err = c.confirmation(op).pack(); err != nil {
			return false, err
		}
	}
	s.unconfirmed.add(write)
	s.share(write)
	return false, crm.CommitUnknown(unknown)
}

// answerRepeat responds to the repeat of a write whose outcome was unknown, if it was committed. It
// waits for the outcome.
func (s *Server) answerRepeat(w http.ResponseWriter, c *Call, d writeDigest) (answered bool, err error) {
	write := s.unconfirmed.find(d)
	if write == nil {
		if write = s.findShared(c.Context, d); write == nil {
			return false, nil
		}
	}
	at, err := write.wait(c.Context)
	if err != nil {
		return false, err
	}
	s.unconfirmed.remove(d)
	if s.Shared != nil {
		s.Shared.Set(d.sharedKey(), nil, unconfirmedRetention)
	}
	switch {
	case at.Seq == 0: // it was rolled back
		return false, nil
	case write.response == nil:
		s.setConsistencyToken(w, c.Request, c.Actor.Org, at)
		return false, &Problem{Status: http.StatusConflict, Detail: "This change was made by an earlier request. Read it to see the result."}
	}
	response, err := unpackConfirmation(write.response)
	if err != nil {
		return false, err
	}
	if known := s.Changes.Known(c.Actor.Org); known.Epoch == at.Epoch && known.Seq > at.Seq {
		at = known // which a token that the client has may stand for
	}
	s.setConsistencyToken(w, c.Request, c.Actor.Org, at)
	s.confirm(w, c.Request, response)
	return true, nil
}

// sharedWrite is the form in which the other instances find a write.
type sharedWrite struct {
	Transaction crm.Transaction `json:"transaction"`
	Response    []byte          `json:"response"`
}

func (d writeDigest) sharedKey() string { return "sixty:unconfirmed:" + hex.EncodeToString(d[:]) }

// sealOf authenticates a value and its key: write access to the cache is not enough to make up
// a response.
func (s *Server) sealOf(key string, text []byte) []byte {
	h := hmac.New(sha256.New, []byte(s.Seal))
	h.Write([]byte(key + "\n"))
	h.Write(text)
	return h.Sum(nil)
}

// share stores a write for the other instances.
func (s *Server) share(w *unconfirmedWrite) {
	if s.Shared == nil {
		return
	}
	text, err := json.Marshal(sharedWrite{w.transaction, w.response})
	if err != nil {
		return // impossible for ids and text
	}
	key := w.digest.sharedKey()
	s.Shared.Set(key, append(s.sealOf(key, text), text...), unconfirmedRetention)
}

// findShared returns a write of another instance; nil for none.
func (s *Server) findShared(ctx context.Context, d writeDigest) *unconfirmedWrite {
	if s.Shared == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sharedWait)
	defer cancel()
	key := d.sharedKey()
	value, ok := s.Shared.Get(ctx, key)
	if !ok || len(value) < sha256.Size {
		return nil
	}
	seal, text := value[:sha256.Size], value[sha256.Size:]
	var found sharedWrite
	if !hmac.Equal(seal, s.sealOf(key, text)) || json.NewDecoder(bytes.NewReader(text)).Decode(&found) != nil {
		return nil
	}
	return &unconfirmedWrite{digest: d, transaction: found.Transaction, response: found.Response, wait: func(ctx context.Context) (crm.LogPosition, error) {
		return s.Writes.CommitOutcome(ctx, found.Transaction)
	}}
}
