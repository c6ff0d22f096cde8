package server

import (
	"net/http"

	"sixty/internal/cache"
	"sixty/internal/crm"
)

// recorder records what is sent, for the access log and the observer.
type recorder struct {
	http.ResponseWriter
	// What becomes the event; see OperationEvent.
	status  int // 0: nothing has been written
	bytes   int
	op      *Operation // nil: none was reached
	actor   crm.Actor
	outcome cache.Outcome
	err     error
	// own holds header values of this response alone; see setHeader.
	own   [10]string
	owned int
}

// statusGone is recorded for a client that went away before it had a response.
const statusGone = 499

// WriteHeader implements http.ResponseWriter.
func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= http.StatusOK {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (rec *recorder) Write(b []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(b)
	rec.bytes += n
	return n, err
}

// Unwrap returns the connection's own writer, for http.ResponseController.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// recorderOf returns the recorder beneath the writers that wrap it; nil if there is none.
func recorderOf(w http.ResponseWriter) *recorder {
	for {
		switch v := w.(type) {
		case *recorder:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil
		}
	}
}

// setHeader sets a header field, whose name is in canonical form. The first few of a
// response allocate nothing.
func setHeader(w http.ResponseWriter, name, value string) {
	rec := recorderOf(w)
	if rec == nil || rec.owned == len(rec.own) {
		w.Header().Set(name, value)
		return
	}
	i := rec.owned
	rec.own[i], rec.owned = value, i+1
	rec.Header()[name] = rec.own[i : i+1 : i+1]
}
