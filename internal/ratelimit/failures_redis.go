package ratelimit

import (
	"context"
	_ "embed"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"sixty/internal/redis"
)

//go:embed failures.lua
var failuresText string

var failuresScript = rueidis.NewLuaScript(failuresText)

// sharedFailures are the counts in Redis. Its methods may be called on nil, and then do
// nothing.
type sharedFailures struct {
	calls  *redis.Calls[[]int64]
	prefix string
	time   string // in milliseconds, of tests; "": that of Redis, because the clocks of instances differ
}

// begin is Failures.Begin, and returns the states afterwards; ok is false if Redis did not
// answer.
func (s *sharedFailures) begin(ctx context.Context, now time.Time, r *FailureResult) (states []failures, ok bool) {
	if s == nil || !s.calls.Ready() {
		return nil, false
	}
	args := s.arguments("begin")
	for i := range r.all {
		args = append(args, strconv.Itoa(r.all[i].Free), strconv.FormatInt(r.all[i].Window.Milliseconds(), 10), flag(r.all[i].Observed))
	}
	const perSubject = 5
	answer, ok := s.run(ctx, r.keys, args, 1+perSubject*len(r.keys))
	if !ok {
		return nil, false
	}
	states = make([]failures, len(r.keys))
	for i := range states {
		a := answer[1+perSubject*i:]
		r.await(&r.all[i], milliseconds(a[0]))
		r.added[i] = addedFailure{counted: answer[0] == 1 && a[0] == 0, shared: a[4]}
		states[i] = failures{count: int(a[1]), until: now.Add(milliseconds(a[2])), expires: now.Add(milliseconds(a[3]))}
	}
	return states, true
}

func (s *sharedFailures) uncount(ctx context.Context, r *FailureResult, forgive bool) {
	if s == nil || !r.shared || !s.calls.Ready() {
		return
	}
	var keys []failureKey
	args := s.arguments("uncount")
	for i, k := range r.keys {
		switch added := &r.added[i]; {
		case !added.counted, r.all[i].Forgiving && forgive:
		case r.all[i].Window > 0:
			keys, args = append(keys, k), append(args, "")
		default:
			keys, args = append(keys, k), append(args, strconv.FormatInt(added.shared, 10))
		}
	}
	if len(keys) > 0 {
		_, _ = s.run(ctx, keys, args, 0)
	}
}

func (s *sharedFailures) forget(ctx context.Context, keys []failureKey) {
	if s == nil || len(keys) == 0 || !s.calls.Ready() {
		return
	}
	_, _, _ = s.calls.Do(context.WithoutCancel(ctx), func(ctx context.Context, client rueidis.Client) ([]int64, error) {
		return nil, client.Do(ctx, client.B().Del().Key(s.names(keys)...).Build()).Error()
	})
}

// run runs the script. It is not cancelled with the request: the wait is short, and the
// attempt must be counted.
func (s *sharedFailures) run(ctx context.Context, keys []failureKey, args []string, want int) ([]int64, bool) {
	answer, _, err := s.calls.Do(context.WithoutCancel(ctx), func(ctx context.Context, client rueidis.Client) ([]int64, error) {
		numbers, err := failuresScript.Exec(ctx, client, s.names(keys), args).AsIntSlice()
		if err == nil && len(numbers) != want {
			err = errAnswer
		}
		return numbers, err
	})
	return answer, err == nil
}

// arguments returns the arguments that both operations have.
func (s *sharedFailures) arguments(operation string) []string {
	args := []string{operation, s.time}
	for _, d := range []time.Duration{firstFailureDelay, longestFailureDelay, failuresResetAfter} {
		args = append(args, strconv.FormatInt(d.Milliseconds(), 10))
	}
	return args
}

// names returns the keys in Redis. They share a hash tag, because an attempt is counted
// against several, in one slot of a cluster.
func (s *sharedFailures) names(keys []failureKey) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = s.prefix + "{failures}:" + hex.EncodeToString(k[:])
	}
	return out
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
