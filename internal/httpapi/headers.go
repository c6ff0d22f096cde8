package httpapi

import (
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"sixty/internal/server"
)

// sentHeaders are the header fields of responses that clients may use, by the names of their
// components. Those of HTTP itself, of CORS and for the safety of browsers are not among them.
var sentHeaders = map[string]struct {
	doc    string
	schema *huma.Schema
}{
	"Accept":              {"The media type that is accepted (RFC 9110 section 15.5.16).", textSchema()},
	"Accept-Ranges":       {"bytes: parts of the file can be asked for by Range (RFC 9110 section 14.3).", textSchema()},
	"Accept-Encoding":     {"The codings of a body that are accepted (RFC 9110 section 12.5.3).", textSchema()},
	"Accept-Patch":        {"The media types of a PATCH that are accepted (RFC 5789).", textSchema()},
	"Cache-Status":        {"How the cache handled the request (RFC 9211).", textSchema()},
	"Content-Disposition": {"attachment, with the name of the file (RFC 6266).", textSchema()},
	"ETag":                {"Identifies these bytes and the version of the record (RFC 9110 section 8.8.3).", textSchema()},
	server.IdempotencyReplayed: {
		"true: this is the replayed response to an earlier request.", &huma.Schema{Type: huma.TypeString, Enum: []any{"true"}},
	},
	"Last-Modified":     {"When the file was made.", textSchema()},
	"Link":              {"The pages around this one, rel=next and rel=prev (RFC 8288).", textSchema()},
	"Location":          {"The path of the new record; of a 302 or 303, where the client is sent.", &huma.Schema{Type: huma.TypeString, Format: "uri-reference"}},
	"RateLimit":         {"What is left of the rate limit that is nearest to being used up (draft-ietf-httpapi-ratelimit-headers). Absent without rate limits.", textSchema()},
	"RateLimit-Policy":  {"The rate limits that the request was charged to. Absent without rate limits.", textSchema()},
	"Retry-After":       {"The seconds after which to try again.", &huma.Schema{Type: huma.TypeInteger}},
	"Server-Timing":     {"How long the server took, and for what (W3C Server Timing).", textSchema()},
	"Set-Cookie":        {"The session; for browsers, also the consistency token.", textSchema()},
	"Sixty-Consistency": {"The consistency token of the write: the response to a later request that sends it back includes the write.", textSchema()},
	"WWW-Authenticate":  {"How to authenticate (RFC 6750 section 3).", textSchema()},
	"X-Request-Id":      {"Identifies the request in the log: the one that was sent, or a new one.", textSchema()},
}

// everywhere are the header fields that every response to an operation can have.
var everywhere = []string{"RateLimit", "RateLimit-Policy", "X-Request-Id"}

// handled are those of responses to requests that have reached their operation.
var handled = []string{"Cache-Status", "Server-Timing"}

// problemHeaders are those of failures besides.
var problemHeaders = map[int][]string{
	http.StatusBadRequest:            handled,
	http.StatusUnauthorized:          {"WWW-Authenticate"},
	http.StatusForbidden:             {"WWW-Authenticate", "Cache-Status", "Server-Timing"},
	http.StatusNotFound:              handled,
	http.StatusConflict:              {"Retry-After", "Cache-Status", "Server-Timing"},
	http.StatusPreconditionFailed:    handled,
	http.StatusRequestEntityTooLarge: handled,
	http.StatusUnsupportedMediaType:  {"Accept", "Accept-Encoding", "Accept-Patch", "Cache-Status", "Server-Timing"},
	http.StatusUnprocessableEntity:   handled,
	http.StatusTooManyRequests:       {"Retry-After"},
	http.StatusInternalServerError:   handled,
	http.StatusServiceUnavailable:    {"Retry-After", "Cache-Status", "Server-Timing"},
}

// refer returns references to header components.
func refer(names []string) map[string]*huma.Header {
	all := map[string]*huma.Header{}
	for _, name := range names {
		all[name] = &huma.Header{Ref: "#/components/headers/" + name}
	}
	return all
}

// answerHeaders returns the header fields of an operation's success.
func answerHeaders(op *operation, p *server.Operation) map[string]*huma.Header {
	names := []string{"X-Request-Id"}
	if !op.cost.Free {
		names = append(names, "RateLimit", "RateLimit-Policy")
	}
	if !op.public && op.stream == nil {
		names = append(names, "Cache-Status", "Server-Timing")
	}
	if slices.Contains([]int{http.StatusCreated, http.StatusFound}, op.status) || op.status == http.StatusAccepted && !op.public {
		names = append(names, "Location")
	}
	if op.method != http.MethodGet {
		names = append(names, "Sixty-Consistency")
	}
	if op.method != http.MethodGet || op.status == http.StatusFound {
		names = append(names, "Set-Cookie")
	}
	if p.Repeatable() {
		names = append(names, server.IdempotencyReplayed)
	}
	if op.stream == nil && (op.method == http.MethodGet || op.written && op.method != http.MethodPut) {
		names = append(names, "ETag")
	}
	if slices.ContainsFunc(op.query, func(q *huma.Param) bool { return q.Name == "cursor" }) {
		names = append(names, "Link")
	}
	if op.media == anyMedia {
		names = append(names, fileHeaders...)
	}
	return refer(names)
}
