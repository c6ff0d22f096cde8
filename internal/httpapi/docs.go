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
	"strconv"

	"github.com/swaggest/swgui/v5/static"

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
	a.serveFile("/openapi.json", "application/openapi+json", func(http.ResponseWriter, *http.Request) ([]byte, error) { return a.asJSON() })
	a.serveFile("/openapi.yaml", "application/openapi+yaml", func(http.ResponseWriter, *http.Request) ([]byte, error) { return a.asYAML() })
	for path, f := range map[string]asset{
		"/docs":                      {pages, "docs/index.html", "text/html; charset=utf-8"},
		"/docs/init.js":              {pages, "docs/init.js", "text/javascript; charset=utf-8"},
		"/docs/swagger-ui-bundle.js": {static.FS, "swagger-ui-bundle.js.gz", "text/javascript; charset=utf-8"},
		"/docs/swagger-ui.css":       {static.FS, "swagger-ui.css.gz", "text/css; charset=utf-8"},
		"/docs/favicon-32x32.png":    {static.FS, "favicon-32x32.png", "image/png"},
	} {
		a.serveFile(path, f.contentType, f.encoded)
	}
}

// serveFile opens a path that answers what content gives, which may set headers that
// say how it is encoded.
func (a *API) serveFile(path, contentType string, content func(http.ResponseWriter, *http.Request) ([]byte, error)) {
	a.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		if !a.charge(w, r, a.addressOf(r), ratelimit.Global, costOfHit) {
			return
		}
		body, err := content(w, r)
		if err != nil {
			a.fail(w, r, fmt.Errorf("write %s: %w", path, err))
			return
		}
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Content-Security-Policy", docsPolicy)
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body) // a client that does not read its answer is no failure of ours
	})
}

// encoded gives the file, compressed if it is and the client takes that.
func (f asset) encoded(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := fs.ReadFile(f.from, f.file)
	if err != nil || path.Ext(f.file) != ".gz" {
		return body, err
	}
	w.Header().Add("Vary", "Accept-Encoding")
	if weigh(r.Header["Accept-Encoding"]).gzip > 0 {
		w.Header().Set("Content-Encoding", "gzip")
		return body, nil
	}
	return unzip(body)
}

func unzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	return plain, nil
}
