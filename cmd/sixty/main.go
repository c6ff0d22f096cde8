// Command sixty is the backend of a sales dashboard. This package only reads the
// command line and the environment and calls internal/app.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"sixty/internal/app"
	"sixty/internal/config"
	"sixty/internal/crm"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // the command line or the environment is invalid
)

// cli is the command line. The settings are flags of every command.
type cli struct {
	Settings config.Base `embed:""`

	Serve    serveCmd    `cmd:"" help:"Serve the API."`
	Worker   workerCmd   `cmd:"" help:"Run jobs without serving the API."`
	Migrate  migrateCmd  `cmd:"" help:"Upgrade the database schema."`
	Reindex  reindexCmd  `cmd:"" help:"Rebuild the search index and the dashboard sums."`
	Seed     seedCmd     `cmd:"" help:"Generate demo data."`
	Import   importCmd   `cmd:"" help:"Import companies, contacts, deals, activities, tasks, stages or owners from CSV, XLSX or JSON files."`
	Imports  importsCmd  `cmd:"" help:"List and undo imports."`
	Export   exportCmd   `cmd:"" help:"Export companies, contacts, deals, activities or the audit trail as CSV, JSON or XLSX."`
	Adopt    adoptCmd    `cmd:"" help:"Copy the database of an existing sales dashboard into an organisation."`
	Org      orgCmd      `cmd:"" help:"Manage organisations."`
	User     userCmd     `cmd:"" help:"Manage the users of an organisation."`
	APIKey   apikeyCmd   `cmd:"" name:"apikey" help:"Manage the API keys of an organisation."`
	Operator operatorCmd `cmd:"" help:"Manage the operators: those who may see and do what concerns the whole instance."`
	Jobs     jobsCmd     `cmd:"" help:"Manage the jobs in the background."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// environment holds what commands need besides their flags.
type environment struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	clock          func() time.Time
	config         config.Base
}

func (e *environment) options() app.Options {
	clock := e.clock
	if offset := e.config.ClockOffset; offset != 0 {
		clock = func() time.Time { return e.clock().Add(offset) }
	}
	return app.Options{Stderr: e.stderr, Clock: clock}
}

// with opens and migrates the database, calls work and closes it. It fails if there is no
// database: a command that only reads must not create one in a mistyped folder.
func (e *environment) with(ctx context.Context, work func(*app.Core) error) error {
	o := e.options()
	o.Existing = true
	return e.on(ctx, o, work)
}

// making is like with, but creates the database if there is none.
func (e *environment) making(ctx context.Context, work func(*app.Core) error) error {
	return e.on(ctx, e.options(), work)
}

// commandTimeout is the least statement timeout of commands. No browser waits for them, and
// a busy disk must not fail an import.
const commandTimeout = time.Minute

func (e *environment) on(ctx context.Context, o app.Options, work func(*app.Core) error) (err error) {
	config := e.config
	config.StatementLimit = max(config.StatementLimit, commandTimeout)
	o.Bulk = true
	core, err := app.Open(ctx, config, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, core.Close()) }()
	return work(core)
}

// usageError reports an invalid command line.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func main() {
	env := &environment{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, clock: time.Now}
	os.Exit(run(os.Args[1:], env))
}

// run runs the command line and returns the exit code.
func run(args []string, env *environment) int {
	// The first signal cancels the context and restores the default, so that the second
	// one ends the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	unsetEmpty()
	env.args = args
	command, err := parse(args, env)
	if err == nil {
		command.BindTo(ctx, (*context.Context)(nil))
		err = command.Run(env)
	}
	if err == nil {
		return exitDone
	}
	_, _ = fmt.Fprintln(env.stderr, "sixty: "+oneLine(err))
	return exitCode(err)
}

// unsetEmpty unsets settings that are empty in the environment: some tools always pass
// every variable.
func unsetEmpty() {
	for _, name := range config.Variables() {
		if os.Getenv(name) == "" {
			_ = os.Unsetenv(name) // it cannot fail for these names
		}
	}
}

// exitCode returns the exit code of an error.
func exitCode(err error) int {
	var (
		parse    *kong.ParseError
		wrong    *usageError
		settings *config.Invalid
	)
	if errors.As(err, &parse) || errors.As(err, &wrong) || errors.As(err, &settings) {
		return exitUsage
	}
	switch crm.CodeOf(err) {
	case crm.CodeInvalid, crm.CodeMalformed:
		return exitUsage
	}
	return exitFailed
}

// oneLine returns an error's message on one line. Unlike the API, it includes why the
// database is unavailable.
func oneLine(err error) string {
	text := err.Error()
	var e *crm.Error
	if errors.As(err, &e) && e.Code == crm.CodeUnavailable && e.Cause != nil {
		text += " (" + e.Cause.Error() + ")"
	}
	return strings.Join(strings.Fields(text), " ")
}
