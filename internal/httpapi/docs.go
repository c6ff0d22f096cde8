package httpapi

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"io/fs"
	"path"

	"github.com/swaggest/swgui/v5/static"

	"sixty/internal/server"
)

//go:embed docs
var pages embed.FS

// docsPolicy lets the page load what this server has and nothing else. Swagger UI
// sets style attributes, and its style sheet contains its icons as data.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serveDocs opens the API document and the page to browse it. All of it is embedded in
// the program.
func (a *API) serveDocs() {
	const javaScript, png = "text/javascript; charset=utf-8", "image/png"
	for _, f := range []server.File{
		// The types are those of RFC 9512 and of the OpenAPI initiative.
		{Path: "/openapi.json", ContentType: "application/openapi+json", Content: a.asJSON},
		{Path: "/openapi.yaml", ContentType: "application/openapi+yaml", Content: a.asYAML},
		{Path: "/docs", ContentType: "text/html; charset=utf-8", Content: embedded(pages, "docs/index.html")},
		{Path: "/docs/init.js", ContentType: javaScript, Content: embedded(pages, "docs/init.js")},
		{Path: "/docs/swagger-ui-bundle.js", ContentType: javaScript, Content: embedded(static.FS, "swagger-ui-bundle.js.gz")},
		{Path: "/docs/swagger-ui.css", ContentType: "text/css; charset=utf-8", Content: embedded(static.FS, "swagger-ui.css.gz")},
		{Path: "/docs/favicon-32x32.png", ContentType: png, Compact: true, Content: embedded(static.FS, "favicon-32x32.png")},
	} {
		f.Policy = docsPolicy
		a.Server.HandleFile(f)
	}
}

// embedded returns the reader of an embedded file, which is decompressed if it ends in .gz.
func embedded(files fs.FS, name string) func() ([]byte, error) {
	return func() ([]byte, error) {
		body, err := fs.ReadFile(files, name)
		if err != nil || path.Ext(name) != ".gz" {
			return body, err
		}
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(z)
	}
}
