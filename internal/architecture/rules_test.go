package architecture

import "slices"

// A packageRule applies to a directory of the module and every package below it, except
// those below a directory with a rule of its own.
type packageRule struct {
	path   string   // from the module's root
	may    []string // the paths that it may import, besides its own
	only   []string // if set: all external packages that it may depend on, the standard library excepted
	never  []string // what it must not depend on, even indirectly
	reason string   // printed with a violation
}

// A driver is a library that only some packages may use, because it accesses something
// outside the program or shapes its users.
type driver struct {
	packages []string // and all packages below them
	users    []string // and all packages below them
	reason   string
}

// rules are all import rules of a module.
type rules struct {
	module   string // the module's path
	packages []packageRule
	drivers  []driver
}

// everything, in packageRule.may, stands for all packages with a rule except programs.
const everything = "*"

// testsOnly is the reason of the rule about names: a package whose name ends in "test" is
// imported only from _test.go files and by other such packages.
const testsOnly = "a package whose name ends in test may be imported from _test.go files only: it must not be part of the program"

// moduleRules returns the rules of this module.
func moduleRules() rules {
	const adapter = "an adapter depends on the domain and on what it adapts; app connects adapters with each other"
	const leaf = "it is a contract for readers, independent of the implementation"
	const conformance = "a conformance suite depends on the port, and gets the implementation from a factory"
	const edge = "an API maps requests to use cases; it does not depend on an engine, nor APIs on each other"

	edgeMay := []string{
		"internal/crm", "internal/accounts", "internal/auth", "internal/cache", "internal/changes", "internal/cursor",
		"internal/files", "internal/imports", "internal/jobs", "internal/loader", "internal/mail", "internal/ratelimit", "internal/server", "internal/telemetry", "internal/transfer",
		"internal/transfer/table", "internal/webhooks",
	}
	crm := []string{"internal/crm"}
	ports := []string{"internal/crm", "internal/accounts", "internal/bulk"}
	stored := append(slices.Clip(ports), "internal/jobs", "internal/files", "internal/webhooks", "internal/mail")
	store := []string{"internal/crm", "internal/store"}
	databases := []string{"github.com/jackc/pgx", "modernc.org/sqlite", "github.com/pressly/goose"}

	return rules{
		module: "sixty",
		packages: []packageRule{
			{path: "cmd", may: []string{"internal/accounts", "internal/adopt", "internal/app", "internal/bulk", "internal/config", "internal/crm", "internal/demo", "internal/jobs", "internal/transfer", "internal/transfer/csvio", "internal/transfer/table"},
				reason: "a command parses arguments, calls the use cases provided by app, and prints; it opens no database itself"},
			{path: "bench", may: []string{everything}, reason: "a benchmark may use any package"},
			{path: "drill", reason: "it drives the program from outside, as its users and its servers do"},
			{path: "api", reason: leaf},
			{path: "web", reason: leaf},

			{path: "internal/app", may: []string{everything}, reason: "app wires all packages together, and is the only one that may import all others"},
			{path: "internal/architecture", reason: "it only reads imports"},
			{path: "internal/config", reason: "settings are plain values, so that every package can be given its own without knowing the rest"},

			{path: "internal/crm",
				only:   []string{"github.com/google/uuid", "golang.org/x/text", "golang.org/x/net/idna"},
				reason: "the domain depends on the standard library and small value types only, and on no engine"},
			{path: "internal/accounts", may: crm, only: []string{"github.com/google/uuid", "golang.org/x/text", "golang.org/x/net/idna"},
				reason: "administration depends on the domain, and the domain not on it"},
			{path: "internal/bulk", may: []string{"internal/crm", "internal/accounts"}, only: []string{"github.com/google/uuid", "golang.org/x/text", "golang.org/x/net/idna"},
				reason: "a bulk load follows the rules of the domain, and those of accounts for the people that it creates or changes"},
			{path: "internal/adopt", may: []string{"internal/crm", "internal/bulk", "internal/cells"}, only: []string{"github.com/google/uuid", "golang.org/x", "github.com/jackc"},
				reason: "it reads a foreign database by the driver alone, and writes through use cases, independent of the engine"},
			{path: "internal/auth", may: []string{"internal/crm", "internal/accounts", "internal/identity", "internal/ratelimit"},
				reason: adapter + "; failures are counted where requests are"},
			{path: "internal/cache", may: crm, reason: adapter},
			{path: "internal/cache/redis", may: []string{"internal/crm", "internal/cache", "internal/redis"}, reason: adapter},
			{path: "internal/cells", may: crm, only: []string{"github.com/google/uuid", "golang.org/x/text", "golang.org/x/net/idna"},
				reason: "it reads texts into the domain's values, wherever they come from"},
			{path: "internal/changes", may: ports, reason: adapter + "; it wraps the ports, so that what is read through them is known"},
			{path: "internal/cursor", may: crm, reason: adapter},
			{path: "internal/demo", may: []string{"internal/crm", "internal/bulk"}, reason: "demo data is written through the domain, so that it is valid"},
			{path: "internal/identity", only: []string{"github.com/go-jose/go-jose", "golang.org/x"},
				reason: "it verifies tokens of the identity provider, and does not know our accounts"},
			{path: "internal/identity/identitytest", may: []string{"internal/identity"}, reason: "a provider for tests only"},
			{path: "internal/jobs", may: crm, reason: adapter},
			{path: "internal/jobs/redis", may: []string{"internal/crm", "internal/jobs", "internal/redis"}, reason: adapter},
			{path: "internal/jobs/jobstest", may: append(slices.Clip(stored), "internal/store"), reason: conformance},
			{path: "internal/jobkinds", may: []string{everything}, never: databases, reason: "a job does what any use case does; it accesses no engine itself"},
			{path: "internal/files", may: crm, reason: adapter},
			{path: "internal/imports", may: []string{"internal/crm", "internal/bulk", "internal/files", "internal/jobs", "internal/transfer", "internal/transfer/table"},
				never: databases, reason: "an import over the API is a job that calls use cases"},
			{path: "internal/webhooks", may: []string{"internal/crm", "internal/accounts", "internal/jobs"}, reason: "it delivers what the change log says, as jobs"},
			{path: "internal/mail", may: []string{"internal/crm", "internal/jobs"}, reason: adapter},
			{path: "internal/mail/mailtest", may: []string{"internal/servertest"}, reason: "an SMTP server for tests only"},
			{path: "internal/reports", may: crm, reason: "a report is made from use cases, whatever asks for it"},
			{path: "internal/loader", may: crm, reason: adapter},
			{path: "internal/ratelimit", may: []string{"internal/crm", "internal/redis"}, reason: adapter},
			{path: "internal/redis", only: []string{"github.com/redis", "github.com/sony/gobreaker", "golang.org/x"},
				reason: "a connection shared by several packages, independent of their data"},
			{path: "internal/store", may: stored, reason: "it implements the ports, with queries written once, independent of the engines"},
			{path: "internal/store/postgres", may: store, reason: "an engine implements a dialect of the store, independent of other engines"},
			{path: "internal/store/sqlite", may: store, reason: "an engine implements a dialect of the store, independent of other engines"},
			{path: "internal/goldentest", reason: "it compares files, independent of their content"},
			{path: "internal/servertest", reason: "it finds the servers of tests, independent of what is tested"},
			{path: "internal/store/storetest", may: append(slices.Clip(stored), "internal/store"), reason: conformance},
			{path: "internal/store/enginetest", may: []string{"internal/crm", "internal/accounts", "internal/store", "internal/store/postgres", "internal/store/sqlite", "internal/servertest"},
				reason: "it opens any engine for tests of other packages"},
			{path: "internal/telemetry", may: crm, reason: adapter},
			{path: "internal/transfer", may: append(slices.Clip(ports), "internal/cells", "internal/transfer/csvio", "internal/transfer/table", "internal/transfer/preset"),
				reason: "files are imported and exported through use cases, independent of the engine"},
			{path: "internal/transfer/csvio", reason: "it reads and writes CSV, independent of what the columns mean"},
			{path: "internal/transfer/preset", may: []string{"internal/crm", "internal/cells"}, reason: "it holds layouts of files as data, and checks them against the declarations"},
			{path: "internal/transfer/table", may: []string{"internal/transfer/csvio"}, reason: "it reads files of any format as rows, independent of what the columns mean"},

			{path: "internal/server", may: []string{"internal/crm", "internal/accounts", "internal/cache", "internal/changes", "internal/ratelimit"}, never: databases,
				reason: "the pipeline is shared by all APIs and depends on none of them"},
			{path: "internal/graph", may: edgeMay, never: databases, reason: edge},
			{path: "internal/httpapi", may: edgeMay, never: databases, reason: edge},
		},
		drivers: []driver{
			{packages: []string{"database/sql"},
				users:  []string{"internal/store", "bench"},
				reason: "SQL belongs in the store"},
			{packages: []string{"github.com/jackc/pgx", "github.com/exaring/otelpgx"},
				users:  []string{"internal/store/postgres", "internal/adopt", "bench", "drill"},
				reason: "PostgreSQL is one of two engines, and the source of an adoption"},
			{packages: []string{"modernc.org/sqlite"},
				users:  []string{"internal/store/sqlite", "bench"},
				reason: "SQLite is one of two engines"},
			{packages: []string{"github.com/xuri/excelize"},
				users:  []string{"internal/transfer", "internal/reports"},
				reason: "workbooks are one of several file formats"},
			{packages: []string{"github.com/pressly/goose"},
				users:  []string{"internal/store"},
				reason: "migrations belong to the store"},
			{packages: []string{"github.com/redis"},
				users:  []string{"internal/redis", "internal/cache/redis", "internal/jobs/redis", "internal/ratelimit", "bench"},
				reason: "Redis is optional: only packages that work without it may use it"},
			{packages: []string{"github.com/go-jose/go-jose", "golang.org/x/oauth2"},
				users:  []string{"internal/identity"},
				reason: "tokens of the identity provider are verified in one place"},
			{packages: []string{"github.com/riverqueue"}, users: []string{"bench"}, reason: "it is a peer to compare with"},
			{packages: []string{"github.com/minio/minio-go"}, users: []string{"internal/files"}, reason: "a bucket is one of two places of files"},
			{packages: []string{"github.com/emersion"}, users: []string{"internal/mail/mailtest"}, reason: "the SMTP server is for tests only"},
			{packages: []string{"github.com/wneessen/go-mail"}, users: []string{"internal/mail"}, reason: "mail is sent in one place"},
			{packages: []string{"github.com/danielgtaylor/huma"}, users: []string{"internal/httpapi"}, reason: "REST is one of two APIs"},
			{packages: []string{"github.com/99designs/gqlgen", "github.com/vektah/gqlparser"},
				users:  []string{"internal/graph"},
				reason: "GraphQL is one of two APIs"},
		},
	}
}
