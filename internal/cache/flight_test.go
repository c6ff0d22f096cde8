package cache_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

// outcome is the result of Do.
type outcome struct {
	res cache.Result
	err error
}

// ask calls Do on a new goroutine.
func (b *bench) ask(ctx context.Context, fill func(context.Context) (*cache.Answer, error)) <-chan outcome {
	c := make(chan outcome, 1)
	go func() {
		res, err := b.Do(ctx, list(), fill)
		c <- outcome{res, err}
	}()
	return c
}

// slow is a fill that takes d, unless its context ends before.
func slow(d time.Duration, body string) func(context.Context) (*cache.Answer, error) {
	return func(ctx context.Context) (*cache.Answer, error) {
		select {
		case <-time.After(d):
			return answer(body), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// never is a fill that must not be called.
func never(t *testing.T) func(context.Context) (*cache.Answer, error) {
	t.Helper()
	return func(context.Context) (*cache.Answer, error) {
		t.Error("a second fill was called")
		return answer("second"), nil
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		first := b.ask(t.Context(), slow(time.Second, "shared"))
		synctest.Wait()
		pass(400 * time.Millisecond)
		var others []<-chan outcome
		for range 50 {
			others = append(others, b.ask(t.Context(), never(t)))
		}
		lead := <-first
		if lead.err != nil || lead.res.Outcome != cache.Miss || lead.res.Fill != time.Second {
			t.Errorf("the first: %+v, %v", lead.res, lead.err)
		}
		for _, c := range others {
			o := <-c
			if o.err != nil || o.res.Outcome != cache.Joined || o.res.Entry != lead.res.Entry || o.res.Fill != 600*time.Millisecond {
				t.Errorf("another: %+v, %v", o.res, o.err)
			}
		}
	})
}

// TestNotJoined: a fill that began before a change is not joined after it.
func TestNotJoined(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		before := b.ask(t.Context(), slow(2*time.Second, "before"))
		synctest.Wait()
		b.log.invalidate(stages) // any tag: those of the fill are not known yet
		after := b.ask(t.Context(), slow(time.Second, "after"))
		if o := <-after; o.err != nil || string(o.res.Body) != "after" || o.res.Outcome != cache.Miss {
			t.Errorf("after the change: %+v, %v", o.res, o.err)
		}
		if o := <-before; o.err != nil || string(o.res.Body) != "before" || o.res.Outcome != cache.Miss {
			t.Errorf("before the change: %+v, %v", o.res, o.err)
		}
	})
}

func TestFirstCallerCancels(t *testing.T) {
	t.Parallel()
	type value struct{}
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		gone := errors.New("hung up")
		ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), value{}, "value"))
		first := b.ask(ctx, func(ctx context.Context) (*cache.Answer, error) {
			if ctx.Value(value{}) != "value" {
				t.Error("the fill's context has lost its values")
			}
			return slow(time.Second, "shared")(ctx)
		})
		synctest.Wait()
		second := b.ask(t.Context(), never(t))
		synctest.Wait()
		cancel(gone)
		if o := <-second; o.err != nil || string(o.res.Body) != "shared" || o.res.Outcome != cache.Joined {
			t.Errorf("joined: %+v, %v", o.res, o.err)
		}
		<-first
		b.want(t, list(), never(t), "shared", cache.Hit)
	})
}

func TestAllCallersCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		gone := errors.New("hung up")
		ctx, cancel := context.WithCancelCause(t.Context())
		first := b.ask(ctx, slow(time.Minute, "too late"))
		synctest.Wait()
		second := b.ask(ctx, never(t))
		synctest.Wait()
		began := time.Now()
		cancel(gone)
		for _, c := range []<-chan outcome{first, second} {
			if o := <-c; !errors.Is(o.err, gone) {
				t.Errorf("cancelled: %+v, %v", o.res, o.err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the fill continued for %s without a caller", took)
		}
		b.want(t, list(), text("new"), "new", cache.Miss)
	})
}

func TestFillTakesTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		began := time.Now()
		_, err := b.Do(t.Context(), list(), slow(time.Hour, "too late"))
		if took := time.Since(began); crm.CodeOf(err) != crm.CodeUnavailable || took != 30*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

func TestErrorIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		broken := errors.New("broken")
		first := b.ask(t.Context(), func(ctx context.Context) (*cache.Answer, error) {
			_, err := slow(time.Second, "")(ctx)
			return nil, errors.Join(broken, err)
		})
		synctest.Wait()
		second := b.ask(t.Context(), never(t))
		for _, c := range []<-chan outcome{first, second} {
			if o := <-c; !errors.Is(o.err, broken) {
				t.Errorf("Do: %+v, %v", o.res, o.err)
			}
		}
	})
}

// TestPanic: a panic of the fill propagates in the first caller; the others get an error.
func TestPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		panicked := make(chan any, 1)
		go func() {
			defer func() { panicked <- recover() }()
			_, _ = b.Do(t.Context(), list(), func(ctx context.Context) (*cache.Answer, error) {
				_, _ = slow(time.Second, "")(ctx)
				panic("a defect")
			})
		}()
		synctest.Wait()
		second := b.ask(t.Context(), never(t))
		if v := <-panicked; v != "a defect" {
			t.Errorf("the first caller saw %v", v)
		}
		if o := <-second; crm.CodeOf(o.err) != crm.CodeInternal {
			t.Errorf("joined: %+v, %v", o.res, o.err)
		}
		b.want(t, list(), text("whole"), "whole", cache.Miss)
	})
}
