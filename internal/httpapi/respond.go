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
	encoded encodings
}

// encodings are a body in the encodings that it was kept in; see [cache.Entry.Encoded].
type encodings interface {
	Encoded(encoding string, compress func([]byte) []byte) []byte
}

// headerValues are those that never change, so that an answer allocates none. They are
// given to whole headers and never changed in place: to add a value is to append to a
// full slice, which copies it.
type headerValues struct {
	json, problem, brotli, zstd, gzip []string
	bypass, written                   []string
	vary, varyEncoded                 []string
}

func newHeaderValues() headerValues {
	return headerValues{
		json: []string{"application/json"}, problem: []string{"application/problem+json"},
		bypass: []string{"sixty; fwd=bypass"}, written: []string{"sixty; fwd=method"},
		vary: []string{varyByCaller + ", Origin"}, varyEncoded: []string{varyByCaller + ", Origin, Accept-Encoding"},
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

// varyByEncoding notes that an answer depends on Accept-Encoding, too.
func (v *headerValues) varyByEncoding(h http.Header) {
	if sofar := h["Vary"]; len(sofar) == 1 && sofar[0] == v.vary[0] {
		h["Vary"] = v.varyEncoded
	} else {
		h["Vary"] = append(sofar, "Accept-Encoding")
	}
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
		a.values.varyByEncoding(h) // also the answer that is not encoded
	}
	tag := entityTag(rep.version, rep.hash, encoding)
	if lines, sent := r.Header["If-Match"]; sent && !names(lines, tag, true) {
		a.fail(w, r, &problem{status: http.StatusPreconditionFailed, detail: "This is no longer what If-Match names."})
		return
	}
	setOwn(w, "Etag", tag)
	if lines, sent := r.Header["If-None-Match"]; sent && names(lines, tag, false) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := rep.body
	if encoding != "" {
		if rep.encoded != nil {
			body = rep.encoded.Encoded(encoding, a.compressor.in(encoding))
		} else {
			body = a.compressor.compress(encoding, body)
		}
		h["Content-Encoding"] = a.values.encoding(encoding)
	}
	h["Content-Type"] = rep.contentType
	setOwn(w, "Content-Length", strconv.Itoa(len(body)))
	if rep.link != "" {
		setOwn(w, "Link", rep.link)
	}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		writeWhole(w, r, body)
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
		a.values.varyByEncoding(h)
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
