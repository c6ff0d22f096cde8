// Package httpapi is the REST face of the program: operations declared as data,
// the middleware in front of them, and the API document (OpenAPI 3.1) that is written
// out from the same declarations.
//
// A request passes the middleware (middleware.go lists it in order), is routed by
// net/http's ServeMux, authenticated, read strictly (query.go, body.go; decoding.go takes
// the encoding off a body), answered by a use case of package crm, and written by
// hand-made append functions (json.go). What was read is sent by respond.go, which
// looks at preconditions (etag.go) and compresses (encoding.go); an operation itself
// never touches the ResponseWriter. Everything that goes wrong becomes a problem
// (RFC 9457) in problem.go, the one place that turns codes into statuses.
//
// huma carries the model of the API document and the registration of operations;
// requests do not pass through its reflection, so that the contract's distinction
// of what cannot be read (400) and what breaks a rule (422) holds exactly.
package httpapi

//go:generate go test -run ^TestAPIDocumentIsCurrent$ -update
