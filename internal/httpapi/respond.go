package httpapi

import (
	"cmp"
	"net/http"
	"strconv"

	"sixty/internal/cache"
)

// A representation is the answer to a question, as it was found or kept. Whoever keeps
// one may share it: respond changes nothing of it, and copies none of its body.
type representation struct {
	body        []byte   // as it is, before it is encoded
	hash        string   // cache.HashOf(body)
	version     int64    // of the row, if it is one thing that can be changed; else 0
	contentType []string // the header's value, shared
	link        string   // the header's value; "" for none
	compact     bool     // it is compressed already, as pictures are
	// encoded gives the body in an encoding, at best one that it was kept in; nil: it is
	// compressed anew.
	encoded func(encoding string) []byte
}

// headerValues are those that never change, so that an answer allocates none. They are
// given to whole headers and never changed in place: to add a value is to append to a
// full slice, which copies it.
type headerValues struct {
	json, problem, brotli, zstd, gzip []string
	bypass, written                   []string
}

func newHeaderValues() headerValues {
	return headerValues{
		json: []string{"application/json"}, problem: []string{"application/problem+json"},
		bypass: []string{"sixty; fwd=bypass"}, written: []string{"sixty; fwd=method"},
		brotli: []string{encodingBrotli}, zstd: []string{encodingZstd}, gzip: []string{encodingGzip},
	}
}

// passed gives the value of Cache-Status of what a cache has no part in (RFC 9211).
func (v *headerValues) passed(method string) []string {
	if method == http.MethodGet {
		return v.bypass
	}
	return v.written
}

// encoding gives the value of Content-Encoding.
func (v *headerValues) encoding(name string) []string {
	switch name {
	case encodingBrotli:
		return v.brotli
	case encodingZstd:
		return v.zstd
	default:
		return v.gzip
	}
}

// respond answers a GET or HEAD with a representation: negotiates its encoding, then
// looks at the preconditions (RFC 9110 section 13.2.2), then sends the answer, or 304
// with what a 200 would say of the client's copy (section 15.4.5). HEAD is answered
// alike, without the body.
func (a *API) respond(w http.ResponseWriter, r *http.Request, rep *representation) {
	h := w.Header()
	encoding := ""
	if len(rep.body) >= encodeFrom && !rep.compact {
		encoding = negotiate(r.Header["Accept-Encoding"])
		h["Vary"] = append(h["Vary"], "Accept-Encoding") // also of the answer that is not encoded
	}
	// One array for the values that are this answer's own.
	own := &[3]string{entityTag(rep.version, rep.hash, encoding)}
	if lines, sent := r.Header["If-Match"]; sent && !names(lines, own[0], true) {
		a.fail(w, r, &problem{status: http.StatusPreconditionFailed, detail: "This is no longer what If-Match names."})
		return
	}
	h["Etag"] = own[0:1:1]
	if lines, sent := r.Header["If-None-Match"]; sent && names(lines, own[0], false) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := rep.body
	if encoding != "" {
		if rep.encoded != nil {
			body = rep.encoded(encoding)
		} else {
			body = a.compressor.compress(encoding, body)
		}
		h["Content-Encoding"] = a.values.encoding(encoding)
	}
	h["Content-Type"] = rep.contentType
	own[1] = strconv.Itoa(len(body))
	h["Content-Length"] = own[1:2:2]
	if rep.link != "" {
		own[2] = rep.link
		h["Link"] = own[2:3:3]
	}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that does not read its answer is no failure of ours
	}
}

// A confirmation answers a request that changed something with what became of it.
type confirmation struct {
	Status   int    `json:"status"`
	Location string `json:"location,omitempty"`
	Tag      string `json:"etag,omitempty"`
	body     []byte
}

// confirmation gives that of a call that succeeded. The one to a POST or a PATCH carries
// the tag that a GET of the thing has from now on. The one to a PUT must not, because
// the thing is not what was sent (RFC 9110 section 9.3.4).
func (c *call) confirmation(op *operation) confirmation {
	done := confirmation{Status: cmp.Or(op.status, http.StatusOK), Location: c.location, body: c.out}
	if c.version != 0 && c.r.Method != http.MethodPut {
		done.Tag = entityTag(c.version, cache.HashOf(c.out), "")
	}
	return done
}

// confirm sends a confirmation.
func (a *API) confirm(w http.ResponseWriter, r *http.Request, c confirmation) {
	h := w.Header()
	body, encoding := c.body, ""
	if len(body) >= encodeFrom {
		encoding = negotiate(r.Header["Accept-Encoding"])
		h["Vary"] = append(h["Vary"], "Accept-Encoding")
	}
	if encoding != "" {
		body = a.compressor.compress(encoding, body)
		h["Content-Encoding"] = a.values.encoding(encoding)
	}
	h["Content-Type"] = a.values.json
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if c.Location != "" {
		h.Set("Location", c.Location)
	}
	if c.Tag != "" {
		h.Set("Etag", encodedTag(c.Tag, encoding))
	}
	w.WriteHeader(c.Status)
	_, _ = w.Write(body) // a client that does not read its answer is no failure of ours
}
