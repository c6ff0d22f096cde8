package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"sixty/internal/crm"
)

// A problem is a failure as the client sees it (RFC 9457). Its type is about:blank,
// so that title and status say what kind it is and detail says what happened.
type problem struct {
	status int
	detail string // a sentence, or the beginning of one that the flaws complete
	flaws  []flaw
	header string // "Name: value" to send along; "" for none
	tier   string // of rate limits, which the request has used up; "" for none
	cause  error  // for the log alone
}

// A flaw is what is wrong with one part of a request.
type flaw struct {
	in      place
	name    string
	message string // "must be …", without the name
}

// place is the part of a request that a flaw is in.
type place byte

const (
	inBody  place = iota // a member of the body; the flaw carries a JSON pointer
	inQuery              // a query parameter; the flaw carries its name
)

// Error gives the detail with every flaw, as the front end shows it.
func (p *problem) Error() string {
	if len(p.flaws) == 0 {
		return p.detail
	}
	var b strings.Builder
	b.WriteString(p.detail)
	for i, f := range p.flaws {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(f.name)
		b.WriteByte(' ')
		b.WriteString(f.message)
	}
	return b.String()
}

// statusText gives a status's phrase as RFC 9110 has it; net/http keeps older ones of some.
func statusText(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "Content Too Large"
	case http.StatusUnprocessableEntity:
		return "Unprocessable Content"
	default:
		return http.StatusText(status)
	}
}

func notFound(detail string) *problem {
	return &problem{status: http.StatusNotFound, detail: detail}
}

// badQuery tells about query parameters: 400 when one of them cannot be read, 422
// when all read but some break rules.
func badQuery(flaws []flaw, unreadable bool) *problem {
	if unreadable {
		return &problem{status: http.StatusBadRequest, detail: "Some parameters cannot be read or are not valid", flaws: flaws}
	}
	return &problem{status: http.StatusUnprocessableEntity, detail: "Some parameters are not valid", flaws: flaws}
}

// statusOf is the one place that turns the domain's codes into statuses.
func statusOf(code crm.Code) int {
	switch code {
	case crm.CodeMalformed:
		return http.StatusBadRequest
	case crm.CodeInvalid:
		return http.StatusUnprocessableEntity
	case crm.CodeConflict:
		return http.StatusConflict
	case crm.CodePrecondition:
		return http.StatusPreconditionFailed
	case crm.CodeNotFound:
		return http.StatusNotFound
	case crm.CodeUnauthenticated:
		return http.StatusUnauthorized
	case crm.CodeForbidden:
		return http.StatusForbidden
	case crm.CodeUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// problemOf gives the problem that an error is to the client.
func problemOf(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = &crm.Error{Code: crm.CodeUnavailable, Message: "This took too long. Try again shortly.", Cause: err}
	}
	var e *crm.Error
	if !errors.As(err, &e) || e.Code == crm.CodeInternal {
		return &problem{status: http.StatusInternalServerError, detail: "Something went wrong on our side.", cause: err}
	}
	p = &problem{status: statusOf(e.Code), detail: e.Message, cause: e.Cause}
	for _, f := range e.Fields {
		p.flaws = append(p.flaws, flaw{inBody, f.Field, f.Message})
	}
	switch e.Code {
	case crm.CodeUnauthenticated:
		// RFC 6750 section 3.1; a request that shows no token at all is answered elsewhere.
		p.header = `WWW-Authenticate: Bearer realm="sixty", error="invalid_token"`
	case crm.CodeUnavailable:
		p.header = "Retry-After: 1"
	}
	return p
}

// fail answers a request with what went wrong. What is a defect of ours, or the
// database's absence, is logged here, once, with its cause.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if errors.Is(r.Context().Err(), context.Canceled) {
		// The client is gone, or the server ends: whatever failed, failed because of that.
		// Nothing is wrong with us; the answer is for whoever might still read it.
		noteGone(w)
		p = &problem{status: http.StatusServiceUnavailable, detail: "The request was given up.", header: "Retry-After: 1"}
	} else if p.status >= http.StatusInternalServerError && p.status != http.StatusGatewayTimeout { // that was asked for
		level := slog.LevelError
		if p.status == http.StatusServiceUnavailable {
			level = slog.LevelWarn
		}
		a.log.LogAttrs(r.Context(), level, "request failed",
			slog.String("request_id", w.Header().Get(requestIDHeader)),
			slog.String("method", r.Method), slog.String("path", r.URL.Path),
			slog.Int("status", p.status), slog.Any("error", causeOf(p)))
	}
	b := p.appendJSON(make([]byte, 0, 512), r.URL.Path)
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", fmt.Sprint(len(b)))
	if name, value, ok := strings.Cut(p.header, ": "); ok {
		h.Set(name, value)
	}
	w.WriteHeader(p.status)
	_, _ = w.Write(b) //nolint:gosec // JSON, escaped and sent as such; that nobody reads it is no failure of ours
}

func causeOf(p *problem) error {
	if p.cause != nil {
		return p.cause
	}
	return p
}

// appendJSON appends the problem's members, and the two that the front end reads:
// data, which is null, and error, the detail as one string.
func (p *problem) appendJSON(b []byte, instance string) []byte {
	detail := p.Error()
	b = append(b, `{"type":"about:blank","title":`...)
	b = appendString(b, statusText(p.status))
	b = append(b, `,"status":`...)
	b = appendInt(b, p.status)
	b = append(b, `,"detail":`...)
	b = appendString(b, detail)
	b = append(b, `,"instance":`...)
	b = appendString(b, instance)
	b = append(b, `,"errors":[`...)
	for i, f := range p.flaws {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"detail":`...)
		b = appendString(b, f.message)
		if f.in == inQuery {
			b = append(b, `,"parameter":`...)
			b = appendString(b, f.name)
		} else {
			b = append(b, `,"pointer":`...)
			b = appendString(b, pointer(f.name))
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	if p.tier != "" {
		b = appendString(append(b, `,"tier":`...), p.tier)
	}
	b = append(b, `,"data":null,"error":`...)
	b = appendString(b, detail)
	return append(b, '}')
}

// pointer gives the JSON pointer of a member in its URI fragment form (RFC 6901
// section 6). The steps of the name are escaped already.
func pointer(field string) string {
	b := []byte("#/")
	for i := range len(field) {
		c := field[i]
		if isFragment(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

const upperHex = "0123456789ABCDEF"

// isFragment tells whether a byte may stand in a URI fragment as it is (RFC 3986
// section 3.5).
func isFragment(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("-._~!$&'()*+,;=:@/?", c) >= 0
}
