package server

import (
	"io"
	"net/http"
	"time"
)

// framed closes connections on which client and server may not agree where a request ends.
//
// One is that of a request with a Transfer-Encoding: net/http hides a Content-Length beside it,
// by which a proxy may have found another end, and taken the rest for the next request (RFC 9112
// section 6.1). Of an HTTP/1.0 request it hides both.
//
// The other is that of a client that waits for "100 Continue" and has got a final status instead:
// it may send the body or not. net/http would wait for it.
func (s *Server) framed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			next.ServeHTTP(w, r)
			return
		}
		if len(r.TransferEncoding) > 0 || r.ProtoMinor == 0 {
			w.Header()["Connection"] = s.values.closing
		}
		if len(r.Header["Expect"]) == 0 || r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		// A copy: see limitBody.
		waiting, body := new(http.Request), &expectedBody{ReadCloser: r.Body}
		*waiting = *r
		waiting.Body = body
		next.ServeHTTP(w, waiting)
		if !body.read {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now()) // a connection without deadlines has none
		}
	})
}

// expectedBody is the body of a request whose client waits for "100 Continue", which the first
// read sends.
type expectedBody struct {
	io.ReadCloser
	read bool
}

// Read implements io.Reader.
func (b *expectedBody) Read(p []byte) (int, error) {
	b.read = true
	return b.ReadCloser.Read(p)
}
