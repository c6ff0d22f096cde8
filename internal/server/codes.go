package server

import (
	"net/http"
	"strings"

	"sixty/internal/crm"
)

// A ProblemCode is a stable name of a failure for programs.
type ProblemCode struct {
	Code   string
	Status int
	Doc    string
}

// ProblemCodes are all codes that problems have. The first of a status is the code of its
// problems that have none of their own. docs/api.md has them as a table.
var ProblemCodes = []ProblemCode{
	{string(crm.CodeMalformed), http.StatusBadRequest, "the request cannot be parsed: malformed JSON, cursor, header field or query value"},
	{string(crm.CodeUnauthenticated), http.StatusUnauthorized, "no valid credentials, or the sign-in failed"},
	{"token.unknown_user", http.StatusUnauthorized, "the token of the identity provider is valid, but it is no active user's here"},
	{string(crm.CodeForbidden), http.StatusForbidden, "the caller may not do this"},
	{codeKeyScope, http.StatusForbidden, "the API key lacks the scope that the detail names"},
	{string(crm.CodeReauthenticate), http.StatusForbidden, "the user must first prove who they are: see `POST /api/auth/reauthenticate`"},
	{string(crm.CodeNotFound), http.StatusNotFound, "no such record, or none that the caller may see; no such path"},
	{"method_not_allowed", http.StatusMethodNotAllowed, "the path does not take the method; `Allow` lists those that it takes"},
	{string(crm.CodeConflict), http.StatusConflict, "a conflict with stored data"},
	{codeConflictOf + "MEMBER", http.StatusConflict, "another record has the value of this member, as in `conflict.email`; the detail names its id if the caller may see it"},
	{"files.quota", http.StatusConflict, "the organisation's files would be larger than they may be altogether"},
	{string(crm.CodeGone), http.StatusGone, "it is no longer kept"},
	{string(crm.CodePrecondition), http.StatusPreconditionFailed, "the record has changed since: see `If-Match` below"},
	{"body.too_large", http.StatusRequestEntityTooLarge, "the body is larger than 1 MiB, or than its operation allows"},
	{"media_type", http.StatusUnsupportedMediaType, "the body is not JSON in UTF-8, or its coding is not known"},
	{"range", http.StatusRequestedRangeNotSatisfiable, "the file has no such range"},
	{string(crm.CodeInvalid), http.StatusUnprocessableEntity, "values that violate rules; every one is named"},
	{"rate_limited", http.StatusTooManyRequests, "too many requests: see [Rate limits](rate-limits.md)"},
	{string(crm.CodeInternal), http.StatusInternalServerError, "a defect of the program"},
	{string(crm.CodeUnavailable), http.StatusServiceUnavailable, "the database is not available, or the server is overloaded"},
	{"file.elsewhere", http.StatusServiceUnavailable, "the file is in a folder of another instance"},
	{"files.full", http.StatusServiceUnavailable, "the disk of the files is full"},
	{string(crm.CodeCommitUnknown), http.StatusServiceUnavailable, "it is not known whether the change was made: see below"},
	{"not_cached", http.StatusGatewayTimeout, "`Cache-Control: only-if-cached` was sent, and no cached response is there"},
}

// codeConflictOf begins the code of a conflict about one member.
const codeConflictOf = "conflict."

// codes are the codes of the problems that have none of their own, by status.
var codes = func() map[int]string {
	m := map[int]string{}
	for _, c := range ProblemCodes {
		if m[c.Status] == "" {
			m[c.Status] = c.Code
		}
	}
	return m
}()

// code returns the problem's code.
func (p *Problem) code() string {
	switch {
	case p.Code != "":
		return p.Code
	case p.Status == http.StatusConflict && len(p.Errors) > 0 && !p.Errors[0].InQuery:
		return codeConflictOf + strings.ReplaceAll(p.Errors[0].Name, "/", ".")
	}
	return codes[p.Status]
}
