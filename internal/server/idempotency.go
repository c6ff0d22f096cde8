package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sixty/internal/crm"
)

// A write with an Idempotency-Key (the IETF draft of that name) is done once, however
// often it is sent: its response is stored in the transaction of the write, and replayed.
const (
	IdempotencyKey = "Idempotency-Key"
	// IdempotencyReplayed is the header of replayed responses.
	IdempotencyReplayed = "Idempotency-Replayed"
	// MaxIdempotencyKey bounds a key, in characters.
	MaxIdempotencyKey = 255
)

// idempotencyKey parses the key of a request: a String as the draft has it (RFC 9651
// section 3.3.3), or the same without quotes, as most clients send it.
func idempotencyKey(lines []string) (string, error) {
	key := strings.Trim(lines[0], " \t")
	bare := strings.TrimSuffix(strings.TrimPrefix(key, `"`), `"`)
	if len(key) == len(bare)+2 {
		key = bare
	}
	fit := len(lines) == 1 && key != "" && len(key) <= MaxIdempotencyKey
	for i := range len(key) {
		c := key[i]
		fit = fit && c >= ' ' && c <= '~' && c != '"' && c != '\\'
	}
	if !fit {
		return "", BadRequest(fmt.Sprintf("%s must be one key of 1 to %d printable ASCII characters, such as a UUID, without quotes or backslashes in it.",
			IdempotencyKey, MaxIdempotencyKey))
	}
	return key, nil
}

// writeOnce responds to a write with an idempotency key.
func (s *Server) writeOnce(op *Operation, w http.ResponseWriter, c *Call, buffer *[]byte) error {
	key, err := idempotencyKey(c.Request.Header[IdempotencyKey])
	if err != nil {
		return err
	}
	text := c.digest
	if op.Receive == nil {
		if text, err = readAll(c.Request); err != nil {
			return err
		}
	}
	// The query is part of the request: it may name the record that is changed.
	content := append([]byte(c.Request.URL.RawQuery+"\n"), text...)
	if !c.Actor.Scopes.Has(crm.ScopeRead) { // the response has the id alone, and is no other caller's
		content = append(content, "\nid"...)
	}
	digest := sha256.Sum256(content)
	start := time.Now()
	request := crm.IdempotentRequest{Key: key, Target: op.Method + " " + c.Request.URL.EscapedPath(), Digest: digest[:]}
	result, err := s.once(op, c, request, func(ctx context.Context) ([]byte, error) {
		attempt := Call{Context: ctx, Request: c.Request.Clone(ctx), Actor: c.Actor, Expected: c.Expected, Received: c.Received, Out: (*buffer)[:0]}
		attempt.Request.Body, attempt.Request.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		err := op.Run(&attempt)
		*buffer = attempt.Out // it may have grown
		if err != nil {
			return nil, err
		}
		return attempt.confirmation(op).pack()
	})
	took := time.Since(start)
	w.Header().Set("Server-Timing", string(appendServerTiming(nil, 0, took, took)))
	switch {
	case errors.Is(err, crm.ErrKeyReused):
		return &Problem{
			Status: http.StatusUnprocessableEntity,
			Detail: IdempotencyKey + " was used with another body or other parameters before. What is new needs a new key.",
		}
	case errors.Is(err, crm.ErrInProgress):
		return &Problem{
			Status: http.StatusConflict, Header: "Retry-After: 1",
			Detail: "The request with this " + IdempotencyKey + " is still being answered. Send it again shortly.",
		}
	case err != nil:
		return err
	}
	done, err := unpackConfirmation(result.Bytes)
	if err != nil {
		return err
	}
	at := result.At
	c.replayed = result.Replayed
	if result.Replayed {
		w.Header().Set(IdempotencyReplayed, "true")
	} else {
		at = s.Changes.Known(c.Actor.Org)
	}
	s.setConsistencyToken(w, c.Request, c.Actor.Org, at)
	s.confirm(w, c.Request, done)
	return nil
}

// unrepeatable returns the problem of a write with an idempotency key whose response is stored
// nowhere. To ignore the key would create a second secret when the request is repeated.
func unrepeatable() *Problem {
	return BadRequest(IdempotencyKey + " is not accepted here: the response is told once and stored nowhere, so that it cannot be repeated. " +
		"Send the request without it. If no response arrives, find out what the request did before you send it again.")
}

// once runs a write with an idempotency key, in a slot of its operation's bulkhead.
func (s *Server) once(op *Operation, c *Call, r crm.IdempotentRequest, fn func(context.Context) ([]byte, error)) (crm.IdempotentResult, error) {
	b := s.bulkheads.of(op)
	if err := b.enter(c.Context, c.Actor.Org); err != nil {
		return crm.IdempotentResult{}, err
	}
	defer b.leave()
	return s.Writes.Idempotent(c.Context, c.Actor, r, fn)
}

// pack returns a confirmation as it is stored: its header as a line of JSON, then its body.
func (c confirmation) pack() ([]byte, error) {
	head, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return append(append(head, '\n'), c.body...), nil
}

// unpackConfirmation parses what pack returned.
func unpackConfirmation(stored []byte) (c confirmation, err error) {
	head, body, ok := bytes.Cut(stored, []byte{'\n'})
	if err = json.Unmarshal(head, &c); err != nil || !ok {
		return c, fmt.Errorf("parse a stored response: %w", err)
	}
	c.body = body
	return c, nil
}
