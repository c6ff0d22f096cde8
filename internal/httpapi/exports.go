package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/crm"
	"sixty/internal/files"
	"sixty/internal/jobs"
	"sixty/internal/server"
	"sixty/internal/transfer"
)

const exportsTag = "Exports"

// exportOperations returns the operations that export records, and download the files.
func (a *API) exportOperations() []operation {
	a.exportSchema()
	file := fileSchema()
	link := a.schemas.answer("DownloadLinkAnswer", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"expires_at", "url"},
		Properties: map[string]*huma.Schema{
			"url":        {Type: huma.TypeString, Format: "uri-reference", Description: "Relative to this server."},
			"expires_at": instantSchema(),
		},
	})
	return []operation{
		{
			method: http.MethodPost, path: "/api/exports", id: "createExport", scope: crm.ScopeExport, tag: exportsTag, status: http.StatusAccepted,
			cost: server.Expensive("an export reads and writes much"), written: true,
			summary: "Export records into a file",
			description: "Adds a job that writes one state of the database: those records that the caller sees. Its result has the address of the file, " +
				"which is kept for a week. The type all, which is all but the audit trail, is a workbook (xlsx) with a sheet for each. The format is csv by default. The filters are those of the list of the type, by their names.",
			body: ref("ExportNew"), bodyExample: json.RawMessage(`{"type":"deals","format":"csv","filters":{"status":"won"},"columns":["name","value","currency"]}`),
			answer: a.schemas.envelope("Job"), run: a.createExport,
		},
		{
			method: http.MethodGet, path: "/api/exports/{id}", id: "downloadExport", scope: crm.ScopeExport, tag: exportsTag, caching: server.Uncached("it is a file"),
			summary: "Download the file of an export",
			description: "For the caller who asked for the export, and for admins: with the rights that they have now. Takes Range and If-Range. " +
				"410 once the file is no longer kept; 503 with the code file.elsewhere if another instance has it.",
			media: anyMedia, answer: file, problems: downloadProblems, stream: a.downloadExport,
		},
		{
			method: http.MethodPost, path: "/api/exports/{id}/link", id: "linkExport", scope: crm.ScopeExport, tag: exportsTag, secret: true,
			summary:     "Create a link to the file of an export",
			description: "For five minutes, the link downloads the file without credentials, with the rights that the caller has then.",
			answer:      link, problems: []int{http.StatusGone}, run: onID("file", a.linkExport),
		},
		{
			method: http.MethodGet, path: "/api/downloads", id: "downloadByLink", public: true, tag: exportsTag,
			summary:     "Download a file by a link",
			description: "Takes Range and If-Range. 410 once the link has expired.",
			query:       tokenQuery.document(), media: anyMedia, answer: file, problems: append([]int{http.StatusBadRequest, http.StatusForbidden}, downloadProblems...),
			stream: a.downloadByLink,
		},
	}
}

// exportSchema adds the schema of a request for an export.
func (a *API) exportSchema() {
	kinds, formats := []string{}, []string{}
	for _, k := range transfer.ExportKinds() {
		kinds = append(kinds, string(k))
	}
	for _, f := range transfer.Formats() {
		formats = append(formats, string(f))
	}
	a.schemas.define("ExportNew", &huma.Schema{
		Type: huma.TypeObject, Required: []string{"type"}, AdditionalProperties: false,
		Properties: map[string]*huma.Schema{
			"type": a.schemas.enum("ExportType", append(kinds, "all")),
			"filters": {Type: huma.TypeObject, AdditionalProperties: true,
				Description: "As the query parameters of the type's list, by their names. A value is a string, a number or an array; null stands for records without one."},
			"format":  a.schemas.enum("ExportFormat", formats),
			"columns": {Type: huma.TypeArray, Items: textSchema(), Description: "In this order; by default those that an import reads, in JSON those of the API."},
			"gzip":    {Type: huma.TypeBoolean, Default: false, Description: "Compresses the file."},
		},
	})
}

func (a *API) createExport(c *call) error {
	text, err := server.ReadJSON(c.Request)
	if err != nil {
		return err
	}
	j, err := a.Jobs.Request(c.Context, c.Actor, jobs.RequestPatch{Kind: crm.Of(string(jobs.DataExport)), Args: crm.Of(json.RawMessage(text))})
	if err != nil {
		return withoutArgs(err)
	}
	c.Location, c.Version = "/api/jobs/"+j.ID.String(), j.Version
	return answerWritten(c, j.ID, &j, nil, appendJSON)
}

// withoutArgs names the members of a job's arguments as a body has them that is nothing else.
func withoutArgs(err error) error {
	var e *crm.Error
	if !errors.As(err, &e) || e.Code != crm.CodeInvalid {
		return err
	}
	bad := make([]crm.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		bad[i] = crm.FieldError{Field: strings.TrimPrefix(f.Field, "args/"), Message: f.Message}
	}
	return crm.Invalid(bad...)
}

func (a *API) linkExport(c *call, id crm.ID) error {
	if err := a.export(c, id); err != nil {
		return err
	}
	token, expires := a.Links.Sign(c.Actor, id)
	c.Out = appendString(append(c.Out, `{"data":{"url":`...), "/api/downloads?"+tokenParameter+"="+token)
	c.Out = append(appendInstant(append(c.Out, `,"expires_at":`...), expires), `},"error":null}`...)
	return nil
}

// export returns an error unless a file is that of an export, and the caller may have it.
func (a *API) export(c *call, id crm.ID) error {
	f, err := a.Files.Get(c.Context, c.Actor, id)
	if err == nil && f.Purpose != files.Export && f.Purpose != files.Report {
		err = crm.NotFound(files.Entity)
	}
	return err
}

func (a *API) downloadExport(c *call, w http.ResponseWriter) error {
	id, err := c.PathID("id", files.Entity)
	if err == nil {
		err = a.export(c, id)
	}
	if err != nil {
		return err
	}
	return a.sendFile(c, w, c.Actor, id)
}

const tokenParameter = "token"

var tokenQuery = query[string]{{
	name: tokenParameter, doc: "The token of the link.", schema: textSchema(),
	read: func(dst *string, value string) error {
		*dst = value
		return nil
	},
}}

func (a *API) downloadByLink(c *call, w http.ResponseWriter) error {
	var token string
	if errs, malformed := tokenQuery.read(c.Request.URL.RawQuery, &token); len(errs) > 0 {
		return server.InvalidQuery(errs, malformed)
	}
	link, err := a.Links.Open(token)
	if err != nil {
		return err
	}
	var key *crm.ID
	if link.Key != (crm.ID{}) {
		key = &link.Key
	}
	by, err := a.Accounts.ActorOf(c.Context, link.Org, link.User, key)
	if err != nil {
		return err
	}
	if !by.Scopes.Has(crm.ScopeExport) {
		return crm.Forbidden("The API key that the link was made with may no longer export.")
	}
	return a.sendFile(c, w, by, link.File)
}
