package architecture

// A room is a folder of the module. Its rule holds for every package in it, except
// where a folder further down is a room of its own.
type room struct {
	path   string   // from the module's root
	may    []string // the rooms that it may import, besides itself
	only   []string // if set: all it may reach outside the module and the standard library
	never  []string // what it must not reach, by any way
	reason string   // why, for whoever meets the rule by breaking it
}

// A driver is a library that speaks to something outside the program, or that gives
// a room its shape, and that therefore stays in its rooms.
type driver struct {
	packages []string // with all that is below them
	rooms    []string // with all that is below them
	reason   string
}

// rules is what check holds the imports against.
type rules struct {
	module  string // the module's path
	rooms   []room
	drivers []driver
}

// everything, in room.may, stands for every room but the programs: what is started
// is not imported.
const everything = "*"

// testsOnly is the reason of the one rule that goes by name: a package whose name
// ends in "test" is imported from _test.go files (and by others of its kind).
const testsOnly = "a package whose name ends in test is for _test.go files alone: it must not get into the program"

// house returns the rules of this module.
func house() rules {
	const adapter = "an adapter knows the domain and what it adapts to it; what siblings need of each other, app hands them"
	const leaf = "it is a contract for readers and knows nothing of the program that keeps it"
	const conformance = "a conformance suite knows the port and gets what it tests from a factory"
	const edge = "an edge turns requests into use cases; it never sees an engine, and the edges never see each other"

	edgeMay := []string{
		"internal/crm", "internal/auth", "internal/cache", "internal/changes", "internal/cursor",
		"internal/loader", "internal/ratelimit", "internal/server", "internal/telemetry",
	}
	crm := []string{"internal/crm"}
	store := []string{"internal/crm", "internal/store"}
	jobs := []string{"internal/crm", "internal/jobs"}
	databases := []string{"github.com/jackc/pgx", "modernc.org/sqlite", "github.com/pressly/goose"}

	return rules{
		module: "sixty",
		rooms: []room{
			{path: "cmd", may: []string{"internal/adopt", "internal/app", "internal/config", "internal/crm", "internal/demo", "internal/transfer"},
				reason: "a command parses, asks app for the use cases, and prints; it opens nothing itself"},
			{path: "bench", may: []string{everything}, reason: "a benchmark may start any part by itself"},
			{path: "api", reason: leaf},
			{path: "web", reason: leaf},

			{path: "internal/app", may: []string{everything}, reason: "app wires the rooms together; it is the only one that knows every other"},
			{path: "internal/architecture", reason: "it reads imports and has none"},
			{path: "internal/config", reason: "settings are plain values, so that every room can be given its own without knowing the rest"},

			{path: "internal/crm",
				only:   []string{"github.com/google/uuid", "golang.org/x/text"},
				reason: "the domain stands on the standard library and small value types, so that it outlives every engine"},
			{path: "internal/adopt", may: crm, only: []string{"github.com/google/uuid", "golang.org/x", "github.com/jackc"},
				reason: "it reads a database that is somebody else's, by the driver alone, and writes through use cases, whatever the engine"},
			{path: "internal/auth", may: []string{"internal/crm", "internal/identity"}, reason: adapter},
			{path: "internal/cache", may: crm, reason: adapter},
			{path: "internal/cache/redis", may: []string{"internal/crm", "internal/cache", "internal/redis"}, reason: adapter},
			{path: "internal/changes", may: crm, reason: adapter},
			{path: "internal/cursor", may: crm, reason: adapter},
			{path: "internal/demo", may: crm, reason: "demo data is made by use cases alone, so that it is what a user could have entered"},
			{path: "internal/identity", only: []string{"github.com/coreos/go-oidc", "github.com/go-jose/go-jose", "golang.org/x"},
				reason: "it checks what somebody else's provider says, and does not know of whom of ours that is"},
			{path: "internal/identity/identitytest", may: []string{"internal/identity"}, reason: "the provider of tests is nobody's but theirs"},
			{path: "internal/jobs", may: crm, reason: adapter},
			{path: "internal/jobs/asynq", may: jobs, reason: adapter},
			{path: "internal/jobs/queuetest", may: jobs, reason: conformance},
			{path: "internal/jobs/river", may: jobs, reason: adapter},
			{path: "internal/loader", may: crm, reason: adapter},
			{path: "internal/ratelimit", may: []string{"internal/crm", "internal/redis"}, reason: adapter},
			{path: "internal/redis", only: []string{"github.com/redis", "github.com/sony/gobreaker", "golang.org/x"},
				reason: "it is a connection that several rooms share, and knows nothing of what they keep there"},
			{path: "internal/store", may: crm, reason: "queries are written once: the store does not know its engines"},
			{path: "internal/store/postgres", may: store, reason: "an engine fills in a dialect of the store and knows no other engine"},
			{path: "internal/store/sqlite", may: store, reason: "an engine fills in a dialect of the store and knows no other engine"},
			{path: "internal/goldentest", reason: "it compares files, whatever is in them"},
			{path: "internal/servertest", reason: "it finds the servers of tests, whatever they test there"},
			{path: "internal/store/storetest", may: store, reason: conformance},
			{path: "internal/store/enginetest", may: []string{"internal/crm", "internal/store", "internal/store/postgres", "internal/store/sqlite", "internal/servertest"},
				reason: "it opens any engine for the tests of the rooms above"},
			{path: "internal/telemetry", may: crm, reason: adapter},
			{path: "internal/transfer", may: crm, reason: "files go in and out through use cases, whatever the engine"},

			{path: "internal/server", may: []string{"internal/crm", "internal/cache", "internal/changes", "internal/ratelimit"}, never: databases,
				reason: "the pipeline is shared by every face and knows none of them"},
			{path: "internal/graph", may: edgeMay, never: databases, reason: edge},
			{path: "internal/httpapi", may: edgeMay, never: databases, reason: edge},
		},
		drivers: []driver{
			{packages: []string{"database/sql"},
				rooms:  []string{"internal/store", "internal/jobs/river", "bench"},
				reason: "SQL is spoken in the store, and by the queue that keeps its jobs beside the rows"},
			{packages: []string{"github.com/jackc/pgx", "github.com/exaring/otelpgx"},
				rooms:  []string{"internal/store/postgres", "internal/adopt", "internal/jobs/river", "bench"},
				reason: "PostgreSQL is one engine among two, and what an adoption reads"},
			{packages: []string{"modernc.org/sqlite"},
				rooms:  []string{"internal/store/sqlite", "internal/jobs/river", "bench"},
				reason: "SQLite is one engine among two"},
			{packages: []string{"github.com/xuri/excelize"},
				rooms:  []string{"internal/transfer"},
				reason: "workbooks are one of the formats that files go out in"},
			{packages: []string{"github.com/pressly/goose"},
				rooms:  []string{"internal/store"},
				reason: "migrations are the store's"},
			{packages: []string{"github.com/redis"},
				rooms:  []string{"internal/redis", "internal/cache/redis", "internal/ratelimit", "bench"},
				reason: "Redis is optional: only what has a way without it may speak to it"},
			{packages: []string{"github.com/coreos/go-oidc", "github.com/go-jose/go-jose", "golang.org/x/oauth2"},
				rooms:  []string{"internal/identity"},
				reason: "what an identity provider says is checked in one place"},
			{packages: []string{"github.com/riverqueue"}, rooms: []string{"internal/jobs/river"}, reason: "a queue stays behind its port"},
			{packages: []string{"github.com/hibiken/asynq"}, rooms: []string{"internal/jobs/asynq"}, reason: "a queue stays behind its port"},
			{packages: []string{"github.com/danielgtaylor/huma"}, rooms: []string{"internal/httpapi"}, reason: "REST is one edge among two"},
			{packages: []string{"github.com/99designs/gqlgen", "github.com/vektah/gqlparser"},
				rooms:  []string{"internal/graph"},
				reason: "GraphQL is one edge among two"},
		},
	}
}
