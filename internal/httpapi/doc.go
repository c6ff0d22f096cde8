// Package httpapi is the REST face: operations declared as data and registered on package
// server, which runs them, and the API document (OpenAPI 3.1), which is derived from the
// same declarations.
//
// An operation parses its parameters (query.go) and body (member.go), calls a use case, and
// appends the response (records.go, json.go). What cannot be parsed is a 400 and what is
// invalid a 422, which is why requests do not pass through huma: it carries the API
// document alone.
package httpapi

//go:generate go test -run ^TestAPIDocumentIsCurrent$ -update
