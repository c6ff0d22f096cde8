// Package config holds every setting of the program: its name as a flag and as an
// environment variable, its default, its help, and what makes it nonsense. The
// defaults are written in the struct tags and nowhere else; the command line reads
// the same tags, so that help, flags and environment cannot drift apart.
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

// Base is what every command needs: which data, and how to speak.
type Base struct {
	Env             string        `name:"env" env:"NODE_ENV" default:"development" help:"Environment: development, test or production; production turns the production defaults on." group:"common"`
	LogLevel        slog.Level    `name:"log-level" env:"LOG_LEVEL" default:"info" help:"Least level that is logged: debug, info, warn or error." group:"common"`
	DataDir         string        `name:"data-dir" env:"SIXTY_DATA_DIR" default:"data" help:"Folder that holds the SQLite database." group:"common"`
	DatabaseURL     Secret        `name:"database-url" env:"DATABASE_URL" placeholder:"URL" help:"PostgreSQL database, postgres://…; without one, SQLite in the data folder." group:"common"`
	DefaultCurrency string        `name:"default-currency" env:"SIXTY_DEFAULT_CURRENCY" default:"GBP" help:"Currency (ISO 4217) of new organisations." group:"common"`
	MinConns        int           `name:"db-min-conns" env:"SIXTY_DB_MIN_CONNS" default:"2" help:"Database connections kept open." group:"common"`
	MaxConns        int           `name:"db-max-conns" env:"SIXTY_DB_MAX_CONNS" default:"20" help:"Most database connections." group:"common"`
	StatementLimit  time.Duration `name:"db-statement-timeout" env:"SIXTY_DB_STATEMENT_TIMEOUT" default:"5s" help:"Longest that one statement may take; of commands other than serve, a minute at least." group:"common"`
}

// Server is what only the server needs.
type Server struct {
	Addr            string        `name:"addr" env:"SIXTY_ADDR" default:"127.0.0.1" help:"Address to listen on, HOST or HOST:PORT; a port given here wins over --port." group:"server"`
	Port            int           `name:"port" env:"PORT" default:"8000" help:"Port to listen on; 0 takes a free one." group:"server"`
	PaginationKeys  []Secret      `name:"pagination-key" env:"PAGINATION_KEY" sep:"," placeholder:"KEY" help:"Keys of the page cursors: the first seals, all open. Without one, a key is made and kept in the database." group:"server"`
	FrontendURLs    []string      `name:"frontend-url" env:"FRONTEND_URL" default:"http://localhost:5173" sep:"," help:"Origins that browsers may call from." group:"server"`
	ShutdownTimeout time.Duration `name:"shutdown-timeout" env:"SIXTY_SHUTDOWN_TIMEOUT" default:"15s" help:"Longest that requests in flight may take to end at shutdown." group:"server"`
	Cache
	Redis
	Limits
	Session
	SignIn
}

// The environments.
const (
	Development = "development"
	Test        = "test"
	Production  = "production"
)

// Production tells whether the production defaults are on.
func (b Base) Production() bool { return b.Env == Production }

// Origins gives the front ends' origins as browsers send them.
func (s Server) Origins() []string {
	origins := make([]string, len(s.FrontendURLs))
	for i, u := range s.FrontendURLs {
		origins[i] = strings.TrimSuffix(u, "/")
	}
	return origins
}

// ListenAddress gives the address to listen on as HOST:PORT.
func (s Server) ListenAddress() string {
	if _, _, err := net.SplitHostPort(s.Addr); err == nil {
		return s.Addr
	}
	return net.JoinHostPort(strings.Trim(s.Addr, "[]"), strconv.Itoa(s.Port))
}
