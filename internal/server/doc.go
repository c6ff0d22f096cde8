// Package server is the HTTP pipeline that every face of the program shares: REST,
// GraphQL, batch. A face registers operations; the server does everything around them.
// A request passes, in this order:
//
//	middleware (chain.go): access log and observer, request id, panics, security headers, CORS, cross-site writes, body limit and decoding
//	routing (server.go): 404 and 405 are answered here
//	credentials (credentials.go): a bearer token or session cookie becomes a crm.Actor; unknown ones are charged to their address first
//	rate limits (limits.go)
//	consistency tokens (consistency.go) and the response cache (cached.go): a hit is sent from here
//	preconditions (etag.go) and idempotency keys (idempotency.go) of writes
//	concurrency bounds (bulkheads.go), then Operation.Run
//	the response (respond.go): ETag, 304 and 412, content encoding, one write (coalesce.go)
//
// Every failure is sent as a problem (problem.go), the one place that maps error codes to statuses.
package server
