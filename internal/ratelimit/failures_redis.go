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
}

// begin is Failures.Begin, with the states afterwards; ok is false if Redis did not answer.
func (s *sharedFailures) begin(ctx context.Context, now time.Time, keys []failureKey, all []FailureSubject) (r FailureResult, states []failures, ok bool) {
	if s == nil || !s.calls.Ready() {
		return r, nil, false
	}
	args := s.arguments("begin")
	for i := range all {
		args = append(args, strconv.Itoa(all[i].Free), strconv.FormatInt(all[i].Window.Milliseconds(), 10), flag(all[i].Observed))
	}
	answer, ok := s.run(ctx, keys, args, 1+4*len(keys))
	if !ok {
		return r, nil, false
	}
	states = make([]failures, len(keys))
	for i := range states {
		a := answer[1+4*i:]
		wait := milliseconds(a[0])
		r.ObservedWait = max(r.ObservedWait, wait)
		if !all[i].Observed {
			r.Wait = max(r.Wait, wait)
		}
		states[i] = failures{count: int(a[1]), until: now.Add(milliseconds(a[2])), expires: now.Add(milliseconds(a[3]))}
	}
	return r, states, true
}

func (s *sharedFailures) uncount(ctx context.Context, keys []failureKey) {
	if s != nil && s.calls.Ready() {
		_, _ = s.run(ctx, keys, s.arguments("uncount"), 0)
	}
}

func (s *sharedFailures) forget(ctx context.Context, keys []failureKey) {
	if s == nil || !s.calls.Ready() {
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

// arguments returns the arguments that both operations have. The time is the server's, because
// the clocks of instances differ.
func (s *sharedFailures) arguments(operation string) []string {
	args := []string{operation, ""}
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
