package httpapi

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"sync"

	"github.com/swaggest/swgui/v5/static"

	"sixty/internal/cache"
	"sixty/internal/ratelimit"
)

//go:embed docs
var pages embed.FS

// docsPolicy lets the page load what this server has and nothing else. Swagger UI
// sets style attributes, and its style sheet carries its icons as data.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// An asset is an embedded file as it is sent.
type asset struct {
	from        fs.FS
	file        string // compressed, if it ends in .gz
	contentType string
}

// serveDocs opens the API document and the page to browse it, everything of which is
// embedded in the program.
func (a *API) serveDocs() {
	// The types are those of RFC 9512 and of the OpenAPI initiative.
	a.serveFile("/openapi.json", "application/openapi+json", a.asJSON)
	a.serveFile("/openapi.yaml", "application/openapi+yaml", a.asYAML)
	for path, f := range map[string]asset{
		"/docs":                      {pages, "docs/index.html", "text/html; charset=utf-8"},
		"/docs/init.js":              {pages, "docs/init.js", "text/javascript; charset=utf-8"},
		"/docs/swagger-ui-bundle.js": {static.FS, "swagger-ui-bundle.js.gz", "text/javascript; charset=utf-8"},
		"/docs/swagger-ui.css":       {static.FS, "swagger-ui.css.gz", "text/css; charset=utf-8"},
		"/docs/favicon-32x32.png":    {static.FS, "favicon-32x32.png", typePNG},
	} {
		a.serveFile(path, f.contentType, f.read)
	}
}

// typePNG is the type of pictures, which are compressed as they are.
const typePNG = "image/png"

// encodedOnce are a body's encodings, each of which is made when it is first asked for.
type encodedOnce map[string]func() []byte

// Encoded gives one.
func (e encodedOnce) Encoded(encoding string, _ func([]byte) []byte) []byte { return e[encoding]() }

// serveFile opens a path that answers what content gives, which is asked for when
// somebody first comes for it, and kept; encoded too, each at most once.
func (a *API) serveFile(path, contentType string, content func() ([]byte, error)) {
	made := sync.OnceValues(func() (*representation, error) {
		body, err := content()
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", path, err)
		}
		encoded := encodedOnce{}
		for _, encoding := range [...]string{encodingBrotli, encodingZstd, encodingGzip} {
			encoded[encoding] = sync.OnceValue(func() []byte { return a.compressor.compress(encoding, body) })
		}
		return &representation{
			body: body, hash: cache.HashOf(body), contentType: []string{contentType}, compact: contentType == typePNG,
			encoded: encoded,
		}, nil
	})
	a.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		if !a.charge(w, r, a.addressOf(r), ratelimit.Global, costOfHit) {
			return
		}
		rep, err := made()
		if err != nil {
			a.fail(w, r, err)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", docsPolicy)
		h.Set("Cache-Control", "no-cache")
		a.respond(w, r, rep)
	})
}

// read gives the file as it is when it is not compressed.
func (f asset) read() ([]byte, error) {
	body, err := fs.ReadFile(f.from, f.file)
	if err != nil || path.Ext(f.file) != ".gz" {
		return body, err
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
