package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/changes"
	"sixty/internal/crm"
	"sixty/internal/server"
)

const (
	// heartbeat is the interval of comments on an idle stream, so that no proxy closes it.
	heartbeat = 15 * time.Second
	// streamWriteTimeout is how long a client may take to receive what is sent to it.
	streamWriteTimeout = 10 * time.Second
	// lastEventID is the header with the id of the last event that a client received.
	lastEventID = "Last-Event-ID"
	// lastEventParameter is the same as a query parameter, for clients that cannot set a header.
	lastEventParameter = "lastEventId"
)

// Causes that end a stream.
var (
	errRevoked    = errors.New("the credentials are no longer valid")
	errUnverified = errors.New("it cannot be determined what the client may see")
)

// eventStream completes an operation that sends events, and goes on where a client left off.
func eventStream(op operation) operation {
	op.method, op.media, op.answer = http.MethodGet, "text/event-stream", textSchema()
	op.query = lastEventQuery.document()
	op.headers = []*huma.Param{{Name: lastEventID, In: "header", Description: "The id of the last event that was received.", Schema: textSchema()}}
	op.problems, op.caching = []int{http.StatusBadRequest}, server.Uncached("it is a stream")
	return op
}

// changeStream returns the operation that streams changes as they happen (server-sent
// events, WHATWG HTML section 9.2): an event for each, whose id is its position in the log.
func (a *API) changeStream() operation {
	return eventStream(operation{
		path: "/api/events", id: "streamEvents", tag: "Changes",
		summary: "Stream changes",
		description: "Server-sent events (text/event-stream): ready, with the position in the change log where the stream starts; then " +
			"change, for each change of the organisation as in /api/changes; reset, when the log no longer goes on from the Last-Event-ID or what the client sees has changed, so " +
			"that everything must be read again; and end, with the reason, before the server closes the stream: the client is too slow, " +
			"its credentials are no longer valid, or the server shuts down. A client that reconnects with Last-Event-ID misses nothing. " +
			"A user, together with the keys made for them, and an organisation may have a limited number of streams open on each " +
			"instance: 20 and 500, unless the operator has set other limits. Beyond that the response is 429 with Retry-After.",
		stream: a.streamEvents,
	})
}

// streamEvents sends events until the client disconnects or the server shuts down.
func (a *API) streamEvents(c *call, w http.ResponseWriter) error {
	after, sent, err := lastEvent(c.Request)
	if err != nil {
		return err
	}
	if c.Request.Method == http.MethodHead {
		beginStream(w)
		return nil
	}
	ctx, done, err := a.Server.OpenStream(c.Context, c.Actor)
	if err != nil {
		return err
	}
	defer done()
	s := stream{api: a, r: c.Request, w: w, out: http.NewResponseController(w), by: c.Actor}
	if !sent || after.Epoch == "" {
		at, _, ok := a.Server.Changes.Position(ctx, c.Actor.Org)
		if !ok {
			return crm.Unavailable(errors.New("the end of the change log is unknown"))
		}
		if after.Epoch = at.Epoch; !sent {
			after = at
		}
	}
	subscription, err := a.Server.Changes.Subscribe(ctx, c.Actor.Org, after)
	if err != nil {
		return err
	}
	s.begin(subscription, after)
	s.run(ctx, subscription)
	return nil
}

// lastEventQuery is the query of a stream.
var lastEventQuery = query[string]{{
	name: lastEventParameter,
	doc: "The same as the header Last-Event-ID, which takes precedence: a browser's EventSource cannot set it for the first request, " +
		"and sends it with a later id when it reconnects to the same address.",
	schema: &huma.Schema{Type: huma.TypeString},
	read: func(dst *string, value string) error {
		*dst = value
		return nil
	},
}}

// lastEventText returns the id of the last event that a client received, and the name of what it was
// sent in; "" if there is none.
func lastEventText(r *http.Request) (text, name string, err error) {
	if text = r.Header.Get(lastEventID); text != "" {
		return text, lastEventID, nil
	}
	if errs, malformed := lastEventQuery.read(r.URL.RawQuery, &text); len(errs) > 0 {
		return "", "", server.InvalidQuery(errs, malformed)
	}
	return text, lastEventParameter, nil
}

// lastEvent returns the position of the last event that a client received; sent is false if
// there is none.
func lastEvent(r *http.Request) (at crm.LogPosition, sent bool, err error) {
	text, name, err := lastEventText(r)
	if err != nil || text == "" {
		return at, false, err
	}
	at, ok := crm.ParseLogPosition(text)
	if !ok {
		return at, false, server.BadRequest(name + " must be the id of an event, as it was sent.")
	}
	return at, true, nil
}

// stream is the event stream of one client.
type stream struct {
	api          *API
	r            *http.Request
	w            http.ResponseWriter
	out          *http.ResponseController
	by           crm.Actor
	reset        bool   // the client must read everything again
	verified     bool   // by is current
	text         []byte // to be sent
	disconnected bool
}

// beginStream sends the header of a stream.
func beginStream(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "private, no-cache, no-transform") // proxies must not compress it
	h.Set("X-Accel-Buffering", "no")                          // nor buffer it
	w.WriteHeader(http.StatusOK)
}

// begin sends the header, and adds the first event, unless the log does not continue at the
// position.
func (s *stream) begin(sub *changes.Subscription, after crm.LogPosition) {
	beginStream(s.w)
	if s.reset = sub.Epoch() != after.Epoch; !s.reset {
		s.event("ready", after)
	}
}

// run sends events until the stream ends, and closes the subscription.
func (s *stream) run(ctx context.Context, sub *changes.Subscription) {
	defer func() { sub.Close() }()
	for !s.disconnected {
		if s.reset {
			next, err := s.resubscribe(ctx)
			if err != nil {
				s.end(err)
				return
			}
			sub.Close()
			sub, s.reset = next, false
			continue
		}
		s.send()
		if s.disconnected {
			return
		}
		beat, cancel := context.WithTimeout(ctx, heartbeat)
		entries, err := sub.Next(beat)
		cancel()
		switch {
		case ctx.Err() != nil:
			s.end(context.Cause(ctx))
			return
		case s.revoked():
			s.end(errRevoked)
			return
		case err == nil && !s.verified:
			s.end(errUnverified)
			return
		case err == nil && s.reset:
			// What the client sees has changed: the entries do not continue what it has read.
		case err == nil:
			for i := range entries {
				if e, heard := s.by.VisibleEntry(entries[i]); heard {
					s.change(sub.Epoch(), &e)
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

// revoked reports whether the client's credentials have ended since the stream started. If
// the database is unavailable, the stream goes on, but sends no changes while it is not
// known what the client may see. If what the client sees has changed, it must read
// everything again.
func (s *stream) revoked() bool {
	by, err := s.api.Server.Authenticate(s.w, s.r)
	s.verified = err == nil
	if !s.verified && crm.CodeOf(err) != crm.CodeUnauthenticated {
		by, s.verified = s.api.Server.LastKnown(s.r)
	}
	if s.verified {
		before, now := s.by.OwnerScope(), by.OwnerScope()
		s.reset = s.reset || (before == nil) != (now == nil)
		s.by = by
	}
	return crm.CodeOf(err) == crm.CodeUnauthenticated
}

// resubscribe subscribes to later changes, and adds the event that tells the client to read
// everything again.
func (s *stream) resubscribe(ctx context.Context) (*changes.Subscription, error) {
	at, _, ok := s.api.Server.Changes.Position(ctx, s.by.Org)
	if !ok {
		return nil, crm.Unavailable(errors.New("the end of the change log is unknown"))
	}
	next, err := s.api.Server.Changes.Subscribe(ctx, s.by.Org, at)
	if err == nil {
		s.event("reset", at)
	}
	return next, err
}

func (s *stream) change(epoch string, e *crm.LogEntry) {
	s.open("change", crm.LogPosition{Epoch: epoch, Seq: e.Seq})
	s.text = append(appendLogEntry(s.text, e), "\n\n"...)
}

// end sends the reason why the stream ends.
func (s *stream) end(err error) {
	reason := "The server cannot follow the changes any more; reconnect."
	switch {
	case errors.Is(err, changes.ErrSlow):
		reason = "The client is too slow; it may reconnect with Last-Event-ID."
	case errors.Is(err, errRevoked):
		reason = "The credentials are no longer valid."
	case errors.Is(err, errUnverified):
		reason = "It cannot be determined what the client may see; reconnect."
	case errors.Is(err, errJobEnded):
		reason = "The job has ended."
	case errors.Is(err, errJobGone):
		reason = "The job is no longer there."
	case errors.Is(err, server.ErrShutdown), errors.Is(err, changes.ErrStopped):
		reason = "The server shuts down; reconnect with Last-Event-ID."
	}
	s.text = append(s.text, "event: end\ndata: {\"reason\":"...)
	s.text = append(appendString(s.text, reason), "}\n\n"...)
	s.send()
}

// event adds an event that says where the stream is.
func (s *stream) event(name string, at crm.LogPosition) {
	s.open(name, at)
	s.text = append(strconv.AppendInt(append(s.text, `{"seq":`...), at.Seq, 10), "}\n\n"...)
}

// open adds an event up to its data.
func (s *stream) open(name string, at crm.LogPosition) {
	s.text = at.Append(append(s.text, "id: "...))
	s.text = append(append(append(s.text, "\nevent: "...), name...), "\ndata: "...)
}

// send sends what has been added. The client has a limited time to receive it.
func (s *stream) send() {
	if len(s.text) == 0 {
		return
	}
	_ = s.out.SetWriteDeadline(time.Now().Add(streamWriteTimeout)) // a connection without deadlines has none
	_, err := s.w.Write(s.text)
	if err == nil {
		err = s.out.Flush()
	}
	s.disconnected = s.disconnected || err != nil
	s.text = s.text[:0]
}
