package server

import (
	"fmt"
	"net/http"
	"sync"

	"sixty/internal/cache"
	"sixty/internal/ratelimit"
)

// A File is a static response to GET.
type File struct {
	Path        string
	ContentType string
	Compact     bool   // compression gains nothing, as with pictures
	Policy      string // the Content-Security-Policy
	// Content returns the body. It is called once, by the first request.
	Content func() ([]byte, error)
}

// encodedOnce is a body in its encodings, each of which is made when it is first asked for.
type encodedOnce map[string]func() []byte

// Encoded implements encodings.
func (e encodedOnce) Encoded(encoding string, _ func([]byte) []byte) []byte { return e[encoding]() }

// HandleFile registers a static response.
func (s *Server) HandleFile(f File) {
	load := sync.OnceValues(func() (*representation, error) {
		body, err := f.Content()
		if err != nil {
			return nil, fmt.Errorf("load %s: %w", f.Path, err)
		}
		encoded := encodedOnce{}
		for _, encoding := range [...]string{encodingBrotli, encodingZstd, encodingGzip} {
			encoded[encoding] = sync.OnceValue(func() []byte { return s.compressor.compress(encoding, body) })
		}
		return &representation{
			body: body, hash: cache.HashOf(body), contentType: []string{f.ContentType}, compact: f.Compact, encoded: encoded,
		}, nil
	})
	s.mux.HandleFunc("GET "+f.Path, func(w http.ResponseWriter, r *http.Request) {
		if !s.charge(w, r, s.addressOf(r), ratelimit.Global, costOfHit) {
			return
		}
		rep, err := load()
		if err != nil {
			s.fail(w, r, err)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", f.Policy)
		h.Set("Cache-Control", "no-cache")
		s.respond(w, r, rep)
	})
}
