package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/server"
)

// jobPoll is the time between two looks at the job of a stream.
const jobPoll = 500 * time.Millisecond

// Causes that end the stream of a job.
var (
	errJobEnded = errors.New("the job has ended")
	errJobGone  = errors.New("the job is no longer there")
)

// jobEvents returns the operation that streams the progress of a job.
func (a *API) jobEvents() operation {
	return eventStream(operation{
		path: "/api/jobs/{id}/events", id: "streamJob", scope: crm.ScopeRead, tag: jobsTag,
		summary: "Stream the progress of a job",
		description: "Server-sent events (text/event-stream): progress, with the job, at once and when it has changed; and end, with the reason, before the server " +
			"closes the stream: the job has ended, the credentials are no longer valid, or the server shuts down. The id of an event is the version " +
			"of the job: a client that reconnects with Last-Event-ID is sent the job if it has changed since. The streams that one may have open are limited as those of /api/events.",
		stream: a.streamJob,
	})
}

// streamJob sends events until the job ends, the client disconnects or the server shuts down.
func (a *API) streamJob(c *call, w http.ResponseWriter) error {
	text, name, err := lastEventText(c.Request)
	if err != nil {
		return err
	}
	seen := int64(-1)
	if text != "" {
		if seen, err = strconv.ParseInt(text, 10, 64); err != nil || seen < 0 {
			return server.BadRequest(name + " must be the id of an event, as it was sent.")
		}
	}
	id, err := c.PathID("id", jobs.Entity)
	if err != nil {
		return err
	}
	ctx, cancel := a.Server.WithTimeout(c.Context)
	defer cancel()
	looked := *c
	looked.Context = ctx
	j, err := a.job(&looked, id)
	if err != nil {
		return err
	}
	if c.Request.Method == http.MethodHead {
		beginStream(w)
		return nil
	}
	streaming, done, err := a.Server.OpenStream(c.Context, c.Actor)
	if err != nil {
		return err
	}
	defer done()
	s := jobStream{stream: stream{api: a, r: c.Request, w: w, out: http.NewResponseController(w), by: c.Actor}, id: id, seen: seen, sent: time.Now()}
	beginStream(w)
	s.text = append(s.text, ":\n\n"...) // there may be nothing to tell for a while
	s.send()
	s.run(streaming, &j)
	return nil
}

// jobStream is the event stream of one client about one job.
type jobStream struct {
	stream
	id   crm.ID
	seen int64 // the version that the client has
	sent time.Time
}

// run sends events until the stream ends.
func (s *jobStream) run(ctx context.Context, j *jobs.Job) {
	every := time.NewTicker(jobPoll)
	defer every.Stop()
	for {
		if err := s.tell(j); err != nil {
			s.end(err)
			return
		}
		if s.disconnected {
			return
		}
		select {
		case <-ctx.Done():
			s.end(context.Cause(ctx))
			return
		case <-every.C:
		}
		var err error
		if j, err = s.look(ctx); err != nil {
			s.end(err)
			return
		}
	}
}

// look reads the job; nil if the database is not available, which is no reason to end the stream.
func (s *jobStream) look(ctx context.Context) (*jobs.Job, error) {
	ctx, cancel := s.api.Server.WithTimeout(ctx)
	defer cancel()
	j, err := s.api.job(&call{Context: ctx, Request: s.r, Actor: s.by}, s.id)
	switch {
	case err == nil:
		return &j, nil
	case crm.CodeOf(err) == crm.CodeNotFound:
		return nil, errJobGone
	default:
		return nil, nil //nolint:nilnil // there is neither a job nor an end
	}
}

// tell sends the job if it has changed, and a comment if nothing was sent for a while. It returns
// why the stream ends.
func (s *jobStream) tell(j *jobs.Job) error {
	changed := j != nil && j.Version != s.seen
	ended := j != nil && j.State.Ended()
	if !changed && !ended && time.Since(s.sent) < heartbeat {
		return nil
	}
	if s.revoked() {
		return errRevoked
	}
	switch {
	case changed && !s.verified, changed && !j.System() && !j.Sees(s.by):
		return errUnverified
	case changed:
		s.text = strconv.AppendInt(append(s.text, "id: "...), j.Version, 10)
		s.text = append(appendJSON(append(s.text, "\nevent: progress\ndata: "...), j), "\n\n"...)
		s.seen = j.Version
	case !ended:
		s.text = append(s.text, ":\n\n"...)
	}
	if ended {
		return errJobEnded
	}
	s.send()
	s.sent = time.Now()
	return nil
}
