package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"sixty/internal/crm"
)

// A Problem is a failure as the client sees it (RFC 9457). Its type is about:blank, so
// that title and status say of what kind it is, and the detail what happened.
type Problem struct {
	Status int
	Detail string // a sentence, or the beginning of one that Errors complete
	Errors []ValidationError
	Header string // "Name: value", to be sent with it; "" for none
	Tier   string // of a 429: the tier of rate limits that is used up
	Code   string // names the problem, where the status does not; "" otherwise (codes.go)
	Cause  error  // for the log alone
}

// codeKeyScope is the code of a 403 because of the scopes of an API key.
const codeKeyScope = "key.scope"

// A ValidationError is what is wrong with one part of a request.
type ValidationError struct {
	InQuery bool   // Name is a query parameter's, and otherwise the path of a member of the body
	Name    string // the steps of a path are escaped already
	Message string // "must be …", without the name
}

// InQuery returns the validation error of a query parameter.
func InQuery(name, message string) ValidationError {
	return ValidationError{InQuery: true, Name: name, Message: message}
}

// Error returns the detail with every validation error, as the front end shows it.
func (p *Problem) Error() string {
	if len(p.Errors) == 0 {
		return p.Detail
	}
	var b strings.Builder
	b.WriteString(p.Detail)
	for i, e := range p.Errors {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(e.Name)
		b.WriteByte(' ')
		b.WriteString(e.Message)
	}
	return b.String()
}

// StatusText returns a status's phrase as RFC 9110 has it; net/http has older ones of some.
func StatusText(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "Content Too Large"
	case http.StatusUnprocessableEntity:
		return "Unprocessable Content"
	default:
		return http.StatusText(status)
	}
}

// NotFound returns a 404.
func NotFound(detail string) *Problem {
	return &Problem{Status: http.StatusNotFound, Detail: detail}
}

// BadRequest returns a 400.
func BadRequest(detail string) *Problem {
	return &Problem{Status: http.StatusBadRequest, Detail: detail}
}

// InvalidQuery returns the problem of invalid query parameters: a 400 if one of them cannot
// be parsed, and otherwise a 422.
func InvalidQuery(errs []ValidationError, unreadable bool) *Problem {
	if unreadable {
		return &Problem{Status: http.StatusBadRequest, Detail: "Some parameters cannot be read or are not valid", Errors: errs}
	}
	return &Problem{Status: http.StatusUnprocessableEntity, Detail: "Some parameters are not valid", Errors: errs}
}

// statuses is the one place that maps the domain's codes to statuses.
var statuses = map[crm.Code]int{
	crm.CodeMalformed:       http.StatusBadRequest,
	crm.CodeInvalid:         http.StatusUnprocessableEntity,
	crm.CodeConflict:        http.StatusConflict,
	crm.CodePrecondition:    http.StatusPreconditionFailed,
	crm.CodeNotFound:        http.StatusNotFound,
	crm.CodeGone:            http.StatusGone,
	crm.CodeUnauthenticated: http.StatusUnauthorized,
	crm.CodeForbidden:       http.StatusForbidden,
	crm.CodeReauthenticate:  http.StatusForbidden,
	crm.CodeUnavailable:     http.StatusServiceUnavailable,
	crm.CodeCommitUnknown:   http.StatusServiceUnavailable,
}

// ProblemOf returns the problem that an error is to the client.
func ProblemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	if errors.Is(err, context.DeadlineExceeded) && crm.CodeOf(err) != crm.CodeCommitUnknown {
		err = &crm.Error{Code: crm.CodeUnavailable, Message: "This took too long. Try again shortly.", Cause: err}
	}
	var e *crm.Error
	if !errors.As(err, &e) || e.Code == crm.CodeInternal {
		return &Problem{Status: http.StatusInternalServerError, Detail: "Something went wrong on our side.", Cause: err}
	}
	p = &Problem{Status: cmp.Or(statuses[e.Code], http.StatusInternalServerError), Detail: e.Message, Cause: e.Cause}
	p.Code = e.Reason
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, ValidationError{Name: f.Field, Message: f.Message})
	}
	switch e.Code {
	case crm.CodeUnauthenticated:
		// RFC 6750 section 3.1. A request without any token gets another header (credentials.go).
		p.Header = `WWW-Authenticate: Bearer realm="sixty", error="invalid_token"`
	case crm.CodeForbidden:
		if p.Code == codeKeyScope {
			p.Header = `WWW-Authenticate: Bearer realm="sixty", error="insufficient_scope"`
		}
	case crm.CodeReauthenticate:
		p.Code = string(e.Code)
	case crm.CodeUnavailable:
		p.Header = "Retry-After: 1"
	case crm.CodeCommitUnknown:
		p.Header, p.Code = "Retry-After: 1", string(e.Code)
	}
	return p
}

// fail sends a problem. A defect of the program, or the database's absence, is logged
// here, once, with its cause.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := ProblemOf(err)
	rec := recorderOf(w)
	if rec != nil {
		rec.err = err
		if p.Status == http.StatusForbidden && s.Denied != nil && rec.op != nil && rec.actor.Org != (crm.ID{}) {
			s.Denied(s.WithOrigin(r.Context(), w, r), rec.actor, rec.op.ID)
		}
	}
	if errors.Is(r.Context().Err(), context.Canceled) {
		// The client has gone, or the server ends, and the failure follows from that.
		if rec != nil && rec.status == 0 {
			rec.status = statusGone
		}
		p = &Problem{Status: http.StatusServiceUnavailable, Detail: "The request was given up.", Header: "Retry-After: 1"}
	} else if p.Status >= http.StatusInternalServerError && p.Status != http.StatusGatewayTimeout { // the client asked for that one
		level := slog.LevelError
		if p.Status == http.StatusServiceUnavailable {
			level = slog.LevelWarn
		}
		var cause error = p
		if p.Cause != nil {
			cause = p.Cause
		}
		s.Logger.LogAttrs(r.Context(), level, "request failed",
			slog.String("request_id", requestID(w)),
			slog.String("method", r.Method), slog.String("path", r.URL.Path),
			slog.Int("status", p.Status), slog.Any("error", cause))
	}
	b := p.appendJSON(nil, instanceOf(r))
	h := w.Header()
	h["Content-Type"] = s.values.problem
	h.Set("Content-Length", strconv.Itoa(len(b)))
	if name, value, ok := strings.Cut(p.Header, ": "); ok {
		h.Set(name, value)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(b) //nolint:gosec // JSON, escaped and sent as such; the error would be the client's
}

// ProblemBody is a problem's JSON. Data and Error are what the front end reads.
type ProblemBody struct {
	Type     string         `json:"type" enum:"about:blank"`
	Title    string         `json:"title" doc:"The status in words."`
	Status   int            `json:"status"`
	Detail   string         `json:"detail" doc:"What happened, with every bad field."`
	Instance string         `json:"instance" doc:"The path of the request, as a URI reference."`
	Errors   []ProblemError `json:"errors" doc:"Every bad field; empty when the problem is not about fields."`
	Tier     string         `json:"tier,omitempty" enum:"global,api,expensive" schema:"LimitTier" doc:"Of a 429: the tier of which too many requests came."`
	Code     string         `json:"code" doc:"A stable name of the failure for programs, such as conflict.email; docs/api.md lists them. New ones may be added."`
	Data     Null           `json:"data" doc:"Always null."`
	Error    string         `json:"error" doc:"The same as detail."`
}

// ProblemError is a validation error's JSON.
type ProblemError struct {
	Detail    string `json:"detail" doc:"What it must be."`
	Pointer   string `json:"pointer,omitempty" doc:"JSON pointer to a member of the body, such as #/name."`
	Parameter string `json:"parameter,omitempty" doc:"Name of a query parameter."`
}

// Null is a member that is always null.
type Null struct{}

// MarshalJSON implements json.Marshaler.
func (Null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// appendJSON appends the problem's JSON.
func (p *Problem) appendJSON(b []byte, instance string) []byte {
	body := ProblemBody{
		Type: "about:blank", Title: StatusText(p.Status), Status: p.Status, Detail: p.Error(), Instance: instance,
		Errors: make([]ProblemError, len(p.Errors)), Tier: p.Tier, Code: p.code(), Error: p.Error(),
	}
	for i, e := range p.Errors {
		body.Errors[i].Detail = e.Message
		if e.InQuery {
			body.Errors[i].Parameter = e.Name
		} else {
			body.Errors[i].Pointer = pointer(e.Name)
		}
	}
	text, _ := json.Marshal(&body) // never an error: it holds strings and numbers
	return append(b, text...)
}

// instanceOf returns the path of a request as a URI reference (RFC 3986 section 4.1).
func instanceOf(r *http.Request) string {
	path := EscapeURI(r.URL.EscapedPath())
	if strings.HasPrefix(path, "//") { // what follows would be read as a host
		path = "/." + path
	}
	return path
}

// EscapeURI returns a path or a query in which what a URI may not have there is escaped (RFC 3986
// sections 3.3 and 3.4), and escapes remain.
func EscapeURI(s string) string {
	return escaped(s, func(c byte) bool { return isFragment(c) || c == '%' })
}

// pointer returns the JSON pointer of a member in its URI fragment form (RFC 6901 section
// 6). The steps of the path are escaped already.
func pointer(path string) string { return "#/" + escaped(path, isFragment) }

// escaped returns a text with the bytes escaped that do not fit.
func escaped(s string, fits func(byte) bool) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		if c := s[i]; fits(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// isFragment reports whether a byte needs no escape in a URI fragment (RFC 3986 section 3.5).
func isFragment(c byte) bool {
	return isUnreserved(c) || strings.IndexByte("!$&'()*+,;=:@/?", c) >= 0
}
