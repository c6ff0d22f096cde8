// Package config holds every setting of the program: its flag, environment variable,
// default, help text and validation. The defaults are in the struct tags only, which the
// command line reads too, so that help, flags and environment cannot diverge.
package config

import (
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
)

// Config is every setting of the server.
type Config struct {
	Base
	Server
}

// Base holds the settings of every command: the database and logging.
type Base struct {
	Env               string        `name:"env" env:"NODE_ENV" default:"development" help:"Environment: development, test or production; production enables the production defaults." group:"common"`
	LogLevel          slog.Level    `name:"log-level" env:"LOG_LEVEL" default:"info" help:"Minimum level of log messages: debug, info, warn or error." group:"common"`
	DataDir           string        `name:"data-dir" env:"SIXTY_DATA_DIR" default:"data" help:"Directory of the SQLite database." group:"common"`
	DatabaseURL       Secret        `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"PostgreSQL database, postgres://…; if not set, SQLite in the data directory." group:"common"`
	DatabasePooler    string        `name:"database-pooler" env:"SIXTY_DATABASE_POOLER" default:"none" help:"Connection pooler that the database URL leads to: none, or transaction for PgBouncer in transaction mode." group:"common"`
	DatabaseDirectURL Secret        `name:"database-direct-url" env:"SIXTY_DATABASE_DIRECT_URL" placeholder:"URL" help:"PostgreSQL database without the pooler, for migrations and notifications." group:"common"`
	AllowInsecure     []string      `name:"allow-insecure" env:"SIXTY_ALLOW_INSECURE" sep:"," placeholder:"NAME" help:"In production: connections to other hosts that need not be encrypted and verified: database, redis, bucket." group:"common"`
	DefaultCurrency   string        `name:"default-currency" env:"SIXTY_DEFAULT_CURRENCY" default:"GBP" help:"Currency (ISO 4217) of new organisations." group:"common"`
	MinConns          int           `name:"db-min-conns" env:"SIXTY_DB_MIN_CONNS" default:"2" help:"Minimum number of open database connections." group:"common"`
	MaxConns          int           `name:"db-max-conns" env:"SIXTY_DB_MAX_CONNS" default:"20" help:"Maximum number of database connections." group:"common"`
	ClockOffset       time.Duration `name:"test-clock-offset" env:"SIXTY_TEST_CLOCK_OFFSET" hidden:"" help:"For tests: how far the clock of this process is ahead."`
	StatementLimit    time.Duration `name:"db-statement-timeout" env:"SIXTY_DB_STATEMENT_TIMEOUT" default:"5s" help:"Timeout of one statement; at least a minute for commands other than serve." group:"common"`
}

// Server holds the settings of the server only.
type Server struct {
	Addr            string        `name:"addr" env:"SIXTY_ADDR" default:"127.0.0.1" help:"Address to listen on, HOST or HOST:PORT; a port given here overrides --port." group:"server"`
	Port            int           `name:"port" env:"PORT" default:"8000" help:"Port to listen on; 0 selects a free one." group:"server"`
	PaginationKeys  []Secret      `name:"pagination-key" env:"PAGINATION_KEY" sep:"," placeholder:"KEY" help:"Keys of the page cursors: the first seals, all open. If not set, a key is generated and stored in the database." group:"server"`
	FrontendURLs    []string      `name:"frontend-url" env:"FRONTEND_URL" sep:"," placeholder:"ORIGIN" help:"Allowed CORS origins; if not set, none in production and http://localhost:5173 otherwise." group:"server"`
	DrainDelay      Optional      `name:"drain-delay" env:"SIXTY_DRAIN_DELAY" placeholder:"DURATION" help:"Time at shutdown during which requests are still accepted, and /readyz fails; if not set, 5s in production and 0s otherwise." group:"server"`
	ShutdownTimeout time.Duration `name:"shutdown-timeout" env:"SIXTY_SHUTDOWN_TIMEOUT" default:"15s" help:"Time for requests in flight to end at shutdown." group:"server"`
	TLS
	Cache
	Redis
	Limits
	Session
	SignIn
	Mail
	Files
	Jobs
	Webhooks
}

// The poolers of SIXTY_DATABASE_POOLER.
const (
	PoolerNone        = "none"
	PoolerTransaction = "transaction"
)

// The environments of NODE_ENV.
const (
	Development = "development"
	Test        = "test"
	Production  = "production"
)

// Production reports whether the production defaults apply.
func (b Base) Production() bool { return b.Env == Production }

// productionDrain is the drain delay in production: health checks of proxies usually run
// every one or two seconds.
const productionDrain = 5 * time.Second

// Optional is a duration whose default depends on other settings.
type Optional struct {
	time.Duration
	Given bool
}

// UnmarshalText parses a duration.
func (o *Optional) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err == nil {
		*o = Optional{d, true}
	}
	return err
}

// Drain returns the drain delay.
func (c Config) Drain() time.Duration {
	switch {
	case c.DrainDelay.Given:
		return c.DrainDelay.Duration
	case c.Production():
		return productionDrain
	}
	return 0
}

// developmentOrigin is where the front end is served from while it is developed.
const developmentOrigin = "http://localhost:5173"

// Origins returns the front ends' origins without trailing slashes, as browsers send them.
func (c Config) Origins() []string {
	if len(c.FrontendURLs) == 0 && !c.Production() {
		return []string{developmentOrigin}
	}
	origins := make([]string, len(c.FrontendURLs))
	for i, u := range c.FrontendURLs {
		origins[i] = strings.TrimSuffix(u, "/")
	}
	return origins
}

// ListenAddress returns the address to listen on as HOST:PORT.
func (s Server) ListenAddress() string {
	if _, _, err := net.SplitHostPort(s.Addr); err == nil {
		return s.Addr
	}
	return net.JoinHostPort(strings.Trim(s.Addr, "[]"), strconv.Itoa(s.Port))
}
