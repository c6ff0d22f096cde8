package httpapi

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

	"sixty/internal/crm"
)

// A write that carries an Idempotency-Key (the IETF draft of that name) is done once,
// however often it is sent: its answer is kept in the transaction of what it does, and
// given again.
const (
	idempotencyHeader = "Idempotency-Key"
	// replayedHeader is in the answers that are given again.
	replayedHeader = "Idempotency-Replayed"
	// maxIdempotencyKey bounds a key, in characters.
	maxIdempotencyKey = 255
)

// once tells whether a request is to be done once only.
func (op *operation) once(r *http.Request) bool {
	return op.repeatable() && len(r.Header[idempotencyHeader]) > 0
}

// repeatable tells whether the operation takes an Idempotency-Key: whatever writes does,
// unless it answers a secret, which is kept nowhere.
func (op *operation) repeatable() bool {
	return op.method != http.MethodGet && !op.open && !op.secret
}

// idempotencyKey reads the key of a request: a String as the draft has it (RFC 9651
// section 3.3.3), or the same without quotes, as most clients send it.
func idempotencyKey(lines []string) (string, error) {
	key := strings.Trim(lines[0], " \t")
	bare := strings.TrimSuffix(strings.TrimPrefix(key, `"`), `"`)
	if len(key) == len(bare)+2 {
		key = bare
	}
	fit := len(lines) == 1 && key != "" && len(key) <= maxIdempotencyKey
	for i := range len(key) {
		c := key[i]
		fit = fit && c >= ' ' && c <= '~' && c != '"' && c != '\\'
	}
	if !fit {
		return "", malformed(fmt.Sprintf("%s must be one key of 1 to %d printable ASCII characters, such as a UUID, without quotes or backslashes in it.",
			idempotencyHeader, maxIdempotencyKey))
	}
	return key, nil
}

// confirmOnce answers a request that is to be done once only.
func (a *API) confirmOnce(op *operation, w http.ResponseWriter, c *call, buffer *[]byte) error {
	key, err := idempotencyKey(c.r.Header[idempotencyHeader])
	if err != nil {
		return err
	}
	text, err := takeBody(c.r)
	if err != nil {
		return err
	}
	// The query is part of what is sent: it may name what is to be changed.
	digest := sha256.Sum256(append([]byte(c.r.URL.RawQuery+"\n"), text...))
	request := crm.IdempotentRequest{Key: key, Target: op.method + " " + c.r.URL.EscapedPath(), Digest: digest[:]}
	answer, err := a.once(op, c, request, func(ctx context.Context) ([]byte, error) {
		attempt := call{api: a, ctx: ctx, r: c.r.Clone(ctx), by: c.by, out: (*buffer)[:0]}
		attempt.r.Body, attempt.r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		err := op.run(&attempt)
		*buffer = attempt.out // it may have grown
		if err != nil {
			return nil, err
		}
		return attempt.confirmation(op).pack()
	})
	switch {
	case errors.Is(err, crm.ErrKeyReused):
		return &problem{
			status: http.StatusUnprocessableEntity,
			detail: idempotencyHeader + " was used with another body or other parameters before. What is new needs a new key.",
		}
	case errors.Is(err, crm.ErrInProgress):
		return &problem{
			status: http.StatusConflict, header: "Retry-After: 1",
			detail: "The request with this " + idempotencyHeader + " is still being answered. Send it again shortly.",
		}
	case err != nil:
		return err
	}
	done, err := unpackConfirmation(answer.Bytes)
	if err != nil {
		return err
	}
	seq := answer.Seq
	if answer.Replayed {
		w.Header().Set(replayedHeader, "true")
	} else {
		seq = a.changes.Known(c.by.Org)
	}
	a.handToken(w, c.r, c.by.Org, seq)
	a.confirm(w, c.r, done)
	return nil
}

// once has a request done once, in a place of its operation's bulkhead.
func (a *API) once(op *operation, c *call, r crm.IdempotentRequest, fn func(context.Context) ([]byte, error)) (crm.IdempotentResult, error) {
	b := a.bulkheads.of(op)
	if err := b.enter(c.ctx); err != nil {
		return crm.IdempotentResult{}, err
	}
	defer b.leave()
	return a.service.Idempotent(c.ctx, c.by, r, fn)
}

// pack writes a confirmation as it is kept: its header as a line of JSON, then its body.
func (c confirmation) pack() ([]byte, error) {
	head, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return append(append(head, '\n'), c.body...), nil
}

// unpackConfirmation reads what pack has written.
func unpackConfirmation(kept []byte) (c confirmation, err error) {
	head, body, ok := bytes.Cut(kept, []byte{'\n'})
	if err = json.Unmarshal(head, &c); err != nil || !ok {
		return c, fmt.Errorf("a kept answer cannot be read: %w", err)
	}
	c.body = body
	return c, nil
}
