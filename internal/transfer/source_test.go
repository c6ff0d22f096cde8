package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sixty/internal/transfer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// once is a source that can be read but once.
func once(r io.ReadCloser) transfer.Source {
	opened := false
	return transfer.Source{Name: "standard input", Size: -1, Once: true, Open: func() (io.ReadCloser, error) {
		if opened {
			return nil, errors.New("opened twice")
		}
		opened = true
		return r, nil
	}}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	stdin := once(io.NopCloser(strings.NewReader("external_id,name\n1,One\n")))
	got, _ := w.load(companies, file(t, "external_id,name\n2,Two\n"), stdin)
	if got != summary(2, 0, 0, 0) {
		t.Errorf("%+v", got)
	}
	if _, err := transfer.Import(t.Context(), w.bulk, w.by, companies, stdin, stdin); err == nil {
		t.Error("a source was read twice")
	}
}

// TestSourceFails: a source that ends with an error is not imported, not even in part.
func TestSourceFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	gone := errors.New("gone")
	r, out := io.Pipe()
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(out, someBatches())
		written <- errors.Join(err, out.CloseWithError(gone))
	}()
	got, err := transfer.Import(t.Context(), w.bulk, w.by, companies, once(r))
	if !errors.Is(err, gone) || got.Read != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// someBatches are rows for two batches and a half, and more than are read to
// recognise what a file is.
func someBatches() string {
	var b strings.Builder
	b.WriteString("external_id,name\n")
	for i := range 5000 {
		fmt.Fprintf(&b, "%d,The company\n", i)
	}
	return b.String()
}

// TestCancelWhileReading: a run ends also while it waits for a source that does not come to
// its end, or to its beginning.
func TestCancelWhileReading(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	for _, c := range []struct{ name, content string }{{"Header", ""}, {"Rows", someBatches()}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sqlite")
			ctx, cancel := context.WithCancelCause(t.Context())
			r, out := io.Pipe()
			written := make(chan struct{})
			go func() {
				defer close(written)
				_, _ = io.WriteString(out, c.content)
				cancel(stop)
			}()
			got, err := transfer.Import(ctx, w.bulk, w.by, companies, once(r))
			if !errors.Is(err, stop) || got.Read != 0 {
				t.Errorf("%+v, %v", got, err)
			}
			<-written
		})
	}
}

// TestCancelWhileLoading: batches are read ahead, so that some more may be loaded before the
// run ends; none is loaded in part.
func TestCancelWhileLoading(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	w := newWorld(t, "sqlite")
	ctx, cancel := context.WithCancelCause(t.Context())
	opt := companies
	opt.Progress = func(transfer.Progress) { cancel(stop) }
	got, err := transfer.Import(ctx, w.bulk, w.by, opt, file(t, someBatches()))
	const batch = 1000
	if !errors.Is(err, stop) || got.Counts != summary(got.Created, 0, 0, 0) || got.Created == 0 || got.Created%batch != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestEmptyFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.expect(companies, "external_id,name\n", summary(0, 0, 0, 0))
	for _, content := range []string{"", "\n\n"} {
		if _, err := transfer.Import(t.Context(), w.bulk, w.by, companies, file(t, content)); err == nil || !strings.Contains(err.Error(), "is empty") {
			t.Errorf("%q: %v", content, err)
		}
	}
}
