package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/changes"
	"sixty/internal/crm"
	"sixty/internal/server"
)

const (
	// heartbeat is how often a stream without events says that it still lives, so that
	// nothing on the way takes it for dead.
	heartbeat = 15 * time.Second
	// streamPatience is how long a client may take to receive what is sent to it.
	streamPatience = 10 * time.Second
	// leastEpoch is how long the name of a change log is at least.
	leastEpoch = 8
	// lastEventID is the header by which a client says where its stream broke off.
	lastEventID = "Last-Event-ID"
)

// Why streams end that would have gone on.
var (
	errRefused = errors.New("the key is not valid any more")
	errUnsure  = errors.New("it cannot be told what the client may hear of")
)

// eventStream gives the changes as they happen (server-sent events, WHATWG HTML section
// 9.2): an event for each, whose id is its place in the log.
func (a *API) eventStream() operation {
	return operation{
		method: http.MethodGet, path: "/api/events", id: "streamEvents", tag: "Changes",
		summary: "Follow what changes",
		description: "Server-sent events (text/event-stream): ready, with the place in the change log where the stream begins; then " +
			"change, for each change of the organisation as in /api/changes; reset, when the log no longer goes on from the Last-Event-ID or what the client sees has changed, so " +
			"that everything must be read again; and end, with the reason, before the server closes the stream of a client that is too slow " +
			"or whose key is not valid any more, or because it shuts down. Whoever comes back with Last-Event-ID misses nothing.",
		headers: []*huma.Param{{
			Name: lastEventID, In: "header", Description: "The id of the last event that was received.",
			Schema: &huma.Schema{Type: huma.TypeString},
		}},
		media:    "text/event-stream",
		answer:   &huma.Schema{Type: huma.TypeString},
		problems: []int{http.StatusBadRequest},
		caching:  server.Uncached("a stream has no end"),
		stream:   a.streamEvents,
	}
}

// streamEvents answers until the client has gone or the server ends.
func (a *API) streamEvents(c *call, w http.ResponseWriter) error {
	after, known, err := a.lastEvent(c.Request)
	if err != nil {
		return err
	}
	if c.Request.Method == http.MethodHead {
		beginStream(w)
		return nil
	}
	ctx, done, err := a.server.OpenStream(c.Context)
	if err != nil {
		return err
	}
	defer done()
	s := stream{api: a, r: c.Request, w: w, out: http.NewResponseController(w), by: c.Actor, reset: !known}
	if after < 0 {
		seq, _, ok := a.changes.Position(ctx, c.Actor.Org)
		if !ok {
			return crm.Unavailable(errors.New("the end of the change log is not known"))
		}
		after = seq
	}
	subscription, err := a.changes.Subscribe(ctx, c.Actor.Org, after)
	if err != nil {
		return err
	}
	s.begin(after)
	s.run(ctx, subscription)
	return nil
}

// lastEvent reads where a client's stream broke off: -1 if it begins anew. known is false
// if that was in another log.
func (a *API) lastEvent(r *http.Request) (seq int64, known bool, err error) {
	text := r.Header.Get(lastEventID)
	if text == "" {
		return -1, true, nil
	}
	epoch, number, found := strings.Cut(text, ".")
	if !found {
		epoch, number = a.epoch, text
	}
	seq, bad := strconv.ParseInt(number, 10, 64)
	if bad != nil || seq < 0 || !isEpoch(epoch) {
		return 0, false, server.BadRequest(lastEventID + " must be the id of an event, as it was sent.")
	}
	return seq, epoch == a.epoch, nil
}

// isEpoch tells what has the form of a change log's name: letters and digits.
func isEpoch(s string) bool {
	odd := func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }
	return len(s) >= leastEpoch && !strings.ContainsFunc(s, odd)
}

// stream is what is sent to one client.
type stream struct {
	api   *API
	r     *http.Request
	w     http.ResponseWriter
	out   *http.ResponseController
	by    crm.Actor
	reset bool // the client must be told to begin anew
	sure  bool // that they are who the stream is for, and see what by says
	text  []byte
	gone  bool // the client does not receive
}

// beginStream sends the header of a stream.
func beginStream(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // proxies must not hold it back
	w.WriteHeader(http.StatusOK)
}

// begin sends the header and the first event.
func (s *stream) begin(after int64) {
	beginStream(s.w)
	if !s.reset {
		s.event("ready", after, `{"seq":`+strconv.FormatInt(after, 10)+`}`)
	}
}

// run sends what happens until it cannot go on. It closes the subscription.
func (s *stream) run(ctx context.Context, sub *changes.Subscription) {
	defer func() { sub.Close() }()
	for !s.gone {
		if s.reset {
			next, err := s.anew(ctx)
			if err != nil {
				s.end(err)
				return
			}
			sub.Close()
			sub, s.reset = next, false
			continue
		}
		s.send()
		if s.gone {
			return
		}
		beat, cancel := context.WithTimeout(ctx, heartbeat)
		entries, err := sub.Next(beat)
		cancel()
		switch {
		case ctx.Err() != nil:
			s.end(context.Cause(ctx))
			return
		case s.refused():
			s.end(errRefused)
			return
		case err == nil && !s.sure:
			s.end(errUnsure)
			return
		case err == nil && s.reset:
			// What the client sees has changed: nothing of before goes on.
		case err == nil:
			for i := range entries {
				if e, heard := s.by.VisibleEntry(entries[i]); heard {
					s.change(&e)
				}
			}
		case errors.Is(err, context.DeadlineExceeded):
			s.text = append(s.text, ":\n\n"...)
		case errors.Is(err, changes.ErrReset):
			s.reset = true
		default:
			s.end(err)
			return
		}
	}
}

// refused tells whether the client's key has ended since the stream began. That this
// cannot be told just now does not end the stream; but as long as nobody is sure what the
// client may hear of, nothing is told. When what they see becomes another, they begin anew.
func (s *stream) refused() bool {
	by, err := s.api.server.Authenticate(s.r)
	s.sure = err == nil
	if !s.sure && crm.CodeOf(err) != crm.CodeUnauthenticated {
		by, s.sure = s.api.server.LastKnown(s.r)
	}
	if s.sure {
		before, now := s.by.OwnerScope(), by.OwnerScope()
		s.reset = s.reset || (before == nil) != (now == nil)
		s.by = by
	}
	return crm.CodeOf(err) == crm.CodeUnauthenticated
}

// anew subscribes to what happens from now on, and tells the client that it has missed
// something.
func (s *stream) anew(ctx context.Context) (*changes.Subscription, error) {
	seq, _, ok := s.api.changes.Position(ctx, s.by.Org)
	if !ok {
		return nil, crm.Unavailable(errors.New("the end of the change log is not known"))
	}
	next, err := s.api.changes.Subscribe(ctx, s.by.Org, seq)
	if err == nil {
		s.event("reset", seq, `{"seq":`+strconv.FormatInt(seq, 10)+`}`)
	}
	return next, err
}

func (s *stream) change(e *crm.LogEntry) {
	s.open("change", e.Seq)
	s.text = append(appendLogEntry(s.text, e), "\n\n"...)
}

// end says why the stream ends.
func (s *stream) end(err error) {
	reason := "The server cannot follow the changes any more; try again."
	switch {
	case errors.Is(err, changes.ErrSlow):
		reason = "The client is too slow for what happens; it may come back with Last-Event-ID."
	case errors.Is(err, errRefused):
		reason = "The key or session is not valid any more."
	case errors.Is(err, server.ErrShutdown), errors.Is(err, changes.ErrStopped):
		reason = "The server shuts down; come back with Last-Event-ID."
	}
	s.text = append(s.text, "event: end\ndata: {\"reason\":"...)
	s.text = append(appendString(s.text, reason), "}\n\n"...)
	s.send()
}

func (s *stream) event(name string, seq int64, data string) {
	s.open(name, seq)
	s.text = append(append(s.text, data...), "\n\n"...)
}

// open appends an event up to its data.
func (s *stream) open(name string, seq int64) {
	s.text = append(append(append(s.text, "id: "...), s.api.epoch...), '.')
	s.text = strconv.AppendInt(s.text, seq, 10)
	s.text = append(append(append(s.text, "\nevent: "...), name...), "\ndata: "...)
}

// send sends what has been put together, for which the client has only so much time.
func (s *stream) send() {
	if len(s.text) == 0 {
		return
	}
	_ = s.out.SetWriteDeadline(time.Now().Add(streamPatience)) // a connection without deadlines has none
	_, err := s.w.Write(s.text)
	if err == nil {
		err = s.out.Flush()
	}
	s.gone = s.gone || err != nil
	s.text = s.text[:0]
}
