package httpapi

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/imports"
	"sixty/internal/server"
	"sixty/internal/transfer"
)

const (
	importsTag = "Imports"
	// importChanges is why nothing of imports is cached.
	importChanges = "the records of imports are not in the change log"
	// uploadOverhead is what a body may have besides its files, in bytes.
	uploadOverhead = 1 << 20
)

// importOperations returns the operations on imports.
func (a *API) importOperations() []operation {
	a.schemas.record("ImportFile", reflect.TypeFor[transfer.FileDigest]())
	a.schemas.define("ImportFiles", &huma.Schema{Type: huma.TypeArray, Items: ref("ImportFile")})
	a.schemas.record("Import", reflect.TypeFor[imports.Import]())
	pager := newPager(a, "imports", imports.Declared.Sorts, filtersOf(imports.Declared), a.Imports.Page)
	return []operation{
		{
			method: http.MethodGet, path: "/api/imports", id: "listImports", scope: crm.ScopeImport, tag: importsTag, caching: server.Uncached(importChanges),
			summary: "List the imports", description: "Those of the command line too, newest first. For managers and admins.",
			query: pager.query.document(), listing: true, answer: a.schemas.list("Import"),
			problems: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity},
			run:      pager.run(with(appendJSON[imports.Import])),
		},
		{
			method: http.MethodPost, path: "/api/imports", id: "createImport", scope: crm.ScopeImport, tag: importsTag, status: http.StatusAccepted,
			summary: "Import files",
			description: "The files are received, and recognised; then a job imports them. Options have the names of the command line's (docs/import-export.md): " +
				"as the part options, a JSON object, or of a body that is the file itself as query parameters. For managers and admins; only admins import people.",
			query: importParameters(), files: true, maxBody: a.ImportMaxBytes + uploadOverhead, answer: a.schemas.envelope("Job"), written: true,
			receive: a.receiveImport,
			run: func(c *call) error {
				up, _ := c.Received.(*upload)
				job, err := a.Imports.Begin(c.Context, c.Actor, up.settings, up.files)
				c.Location, c.Version = "/api/jobs/"+job.ID.String(), job.Version
				return answerWritten(c, job.ID, &job, err, appendJSON)
			},
		},
		{
			method: http.MethodPost, path: "/api/imports/preview", id: "previewImport", scope: crm.ScopeImport, tag: importsTag, steady: true,
			cost:    server.Expensive("it reads whole files"),
			summary: "Preview an import",
			description: "Takes what POST /api/imports takes, of at most 16 MiB, and returns how the files would be read, and what would become of the first 20 rows. " +
				"Nothing is stored.",
			query: importParameters(), files: true, maxBody: imports.MaxPreview + uploadOverhead,
			answer:  a.schemas.answer("ImportPreviewAnswer", objectSchema()),
			receive: a.receivePreview,
			run: func(c *call) error {
				up, _ := c.Received.(*upload)
				p, err := a.Imports.Preview(c.Context, c.Actor, up.settings, up.sources...)
				return answerOne(c, &p, err, appendJSON)
			},
		},
		{
			method: http.MethodGet, path: "/api/imports/{id}", id: "getImport", scope: crm.ScopeImport, tag: importsTag, caching: server.Uncached(importChanges),
			summary: "Read an import", answer: a.schemas.envelope("Import"), problems: []int{http.StatusForbidden},
			run: onID(importRecord, func(c *call, id crm.ID) error {
				i, err := a.Imports.Get(c.Context, c.Actor, id)
				c.Version = i.Version
				return answerOne(c, &i, err, appendJSON)
			}),
		},
		{
			method: http.MethodGet, path: "/api/imports/{id}/rejected", id: "getRejectedRows", scope: crm.ScopeImport, tag: importsTag, caching: server.Uncached(importChanges),
			summary: "Download the rows that an import has rejected",
			description: "CSV with the columns of the file and the reason of each row, to be corrected and imported again; an archive (zip) of these, if files of several kinds " +
				"have such rows. For the caller who asked for the import, and for admins. Takes Range and If-Range. 404 if there are none; 410 once the file is no longer kept.",
			answer: fileSchema(), media: anyMedia, problems: downloadProblems,
			stream: a.rejectedRows,
		},
		{
			method: http.MethodPost, path: "/api/imports/{id}/undo", id: "undoImport", scope: crm.ScopeImport, tag: importsTag, status: http.StatusAccepted,
			summary: "Undo an import",
			description: "A job deletes what the import has created, and puts back what it has changed, but for records that were changed since, or that others refer to. " +
				"409 if it runs, is undone, or is older than 30 days.",
			answer: a.schemas.envelope("Job"), written: true, problems: []int{http.StatusConflict},
			run: onID(importRecord, func(c *call, id crm.ID) error {
				job, err := a.Imports.Undo(c.Context, c.Actor, id)
				c.Location, c.Version = "/api/jobs/"+job.ID.String(), job.Version
				return answerWritten(c, job.ID, &job, err, appendJSON)
			}),
		},
	}
}

const importRecord = "import"

// importParameters are the options, and the name of a file that is the body.
func importParameters() []*huma.Param {
	list := []*huma.Param{{Name: fileNameParameter, In: "query", Description: "The name of the file that the body is.", Schema: textSchema()}}
	for _, name := range transfer.SettingNames() {
		list = append(list, &huma.Param{Name: name, In: "query", Description: "An option, of a body that is the file; see docs/import-export.md.", Schema: textSchema()})
	}
	return list
}

// rejectedRows responds with the file of an import's rejected rows.
func (a *API) rejectedRows(c *call, w http.ResponseWriter) error {
	id, err := c.PathID("id", importRecord)
	if err != nil {
		return err
	}
	file, err := a.Imports.Rejected(c.Context, c.Actor, id)
	if err != nil {
		return err
	}
	return a.sendFile(c, w, c.Actor, file)
}
