package server

import (
	"cmp"
	"net/http"
	"strconv"

	"sixty/internal/cache"
)

// A representation is the response to a GET, new or cached. A cached one is shared:
// respond changes nothing of it, and copies none of its body.
type representation struct {
	body        []byte   // not encoded
	hash        string   // cache.HashOf(body)
	version     int64    // of the record, if it is one versioned record; else 0
	contentType []string // the header's value, shared
	link        string   // the Link header; "" for none
	compact     bool     // compression gains nothing
	encoded     encodings
}

// encodings caches a body in its encodings; nil: it is compressed anew. See
// [cache.Entry.Encoded].
type encodings interface {
	Encoded(encoding string, compress func([]byte) []byte) []byte
}

// headerValues are header values that never change, so that a response allocates none.
// Nothing changes them in place: to append to a full slice copies it.
type headerValues struct {
	json, problem, brotli, zstd, gzip []string
	bypass, written                   []string // Cache-Status (RFC 9211)
	vary, varyEncoded                 []string
	noStore, closing                  []string // Cache-Control, Connection
}

func newHeaderValues() headerValues {
	return headerValues{
		json: []string{"application/json"}, problem: []string{"application/problem+json"},
		noStore: []string{"no-store"}, closing: []string{"close"},
		bypass: []string{"sixty; fwd=bypass"}, written: []string{"sixty; fwd=method"},
		vary: []string{varyByCaller + ", Origin"}, varyEncoded: []string{varyByCaller + ", Origin, Accept-Encoding"},
		brotli: []string{encodingBrotli}, zstd: []string{encodingZstd}, gzip: []string{encodingGzip},
	}
}

// varyByEncoding adds Accept-Encoding to Vary.
func (v *headerValues) varyByEncoding(h http.Header) {
	if sofar := h["Vary"]; len(sofar) == 1 && sofar[0] == v.vary[0] {
		h["Vary"] = v.varyEncoded
	} else {
		h["Vary"] = append(sofar, "Accept-Encoding")
	}
}

// encoding returns the value of Content-Encoding.
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

// respond sends a representation in response to GET or HEAD: it negotiates the encoding,
// evaluates the preconditions (RFC 9110 section 13.2.2), and sends the response, or a 304
// with the headers that a 200 would have for the client's copy (section 15.4.5).
func (s *Server) respond(w http.ResponseWriter, r *http.Request, rep *representation) {
	h := w.Header()
	encoding := ""
	if len(rep.body) >= encodeFrom && !rep.compact {
		encoding = negotiate(r.Header["Accept-Encoding"])
		s.values.varyByEncoding(h) // also if it is not encoded
	}
	tag := entityTag(rep.version, rep.hash, encoding)
	if lines, sent := r.Header["If-Match"]; sent && !matchesTag(lines, tag, true) {
		s.fail(w, r, &Problem{Status: http.StatusPreconditionFailed, Detail: "This is no longer what If-Match names."})
		return
	}
	setHeader(w, "Etag", tag)
	if lines, sent := r.Header["If-None-Match"]; sent && matchesTag(lines, tag, false) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := rep.body
	if encoding != "" {
		if rep.encoded != nil {
			body = rep.encoded.Encoded(encoding, s.compressor.in(encoding))
		} else {
			body = s.compressor.compress(encoding, body)
		}
		h["Content-Encoding"] = s.values.encoding(encoding)
	}
	h["Content-Type"] = rep.contentType
	setHeader(w, "Content-Length", strconv.Itoa(len(body)))
	if rep.link != "" {
		setHeader(w, "Link", rep.link)
	}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		writeBody(w, r, body)
	}
}

// A confirmation is the response to a successful write.
type confirmation struct {
	Status   int    `json:"status"`
	Location string `json:"location,omitempty"`
	Tag      string `json:"etag,omitempty"`
	body     []byte
}

// confirmation returns that of a call. The response to a POST or PATCH carries the tag
// that a GET of the record has from now on. The response to a PUT must not, because the
// record is not stored as it was sent (RFC 9110 section 9.3.4).
func (c *Call) confirmation(op *Operation) confirmation {
	done := confirmation{Status: cmp.Or(op.Status, http.StatusOK), Location: c.Location, body: c.Out}
	if c.Version != 0 && c.Request.Method != http.MethodPut {
		done.Tag = entityTag(c.Version, cache.HashOf(c.Out), "")
	}
	return done
}

// confirm sends a confirmation.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request, c confirmation) {
	h := w.Header()
	body, encoding := c.body, ""
	if len(body) >= encodeFrom {
		encoding = negotiate(r.Header["Accept-Encoding"])
		s.values.varyByEncoding(h)
	}
	if encoding != "" {
		body = s.compressor.compress(encoding, body)
		h["Content-Encoding"] = s.values.encoding(encoding)
	}
	if c.Status != http.StatusNoContent {
		h["Content-Type"] = s.values.json
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	if c.Location != "" {
		h.Set("Location", c.Location)
	}
	if c.Tag != "" {
		h.Set("Etag", encodedTag(c.Tag, encoding))
	}
	w.WriteHeader(c.Status)
	if len(body) > 0 {
		_, _ = w.Write(body) // the error would be the client's
	}
}
