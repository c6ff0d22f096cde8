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
	exitUsage  = 2 // the command line or the environment makes no sense
)

// cli is the command line. Its settings are flags of every command.
type cli struct {
	Settings config.Base `embed:""`

	Serve   serveCmd   `cmd:"" help:"Serve the API."`
	Migrate migrateCmd `cmd:"" help:"Bring the database's schema up to date, and serve nothing."`
	Seed    seedCmd    `cmd:"" help:"Make up data, as much as is wanted."`
	Import  importCmd  `cmd:"" help:"Import CSV files: companies, contacts, deals, activities or owners."`
	Export  exportCmd  `cmd:"" help:"Export companies, contacts, deals or activities, as CSV, JSON or XLSX."`
	Adopt   adoptCmd   `cmd:"" help:"Copy the database of an existing sales dashboard into an organisation."`
	Org     orgCmd     `cmd:"" help:"Organisations."`
	User    userCmd    `cmd:"" help:"People of an organisation."`
	APIKey  apikeyCmd  `cmd:"" name:"apikey" help:"API keys of an organisation."`
	Version versionCmd `cmd:"" help:"Tell the program's version."`
}

// environment is what a command works with, besides its own flags.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	clock          func() time.Time
	config         config.Base
}

func (e *environment) options() app.Options {
	return app.Options{Stderr: e.stderr, Clock: e.clock}
}

// with opens the database, migrated, runs a command's work on it and closes it. It fails
// where there is none: who looks for something has mistyped the folder then.
func (e *environment) with(ctx context.Context, work func(*app.Core) error) error {
	o := e.options()
	o.Existing = true
	return e.on(ctx, o, work)
}

// making is with for commands that make something, and so the database as well.
func (e *environment) making(ctx context.Context, work func(*app.Core) error) error {
	return e.on(ctx, e.options(), work)
}

// commandPatience is how long a statement of a command may take at least. No browser waits
// for it, and a disk that is busy is no reason to give up an import.
const commandPatience = time.Minute

func (e *environment) on(ctx context.Context, o app.Options, work func(*app.Core) error) (err error) {
	config := e.config
	config.StatementLimit = max(config.StatementLimit, commandPatience)
	o.Bulk = true
	core, err := app.Open(ctx, config, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, core.Close()) }()
	return work(core)
}

// usageError says that the command line makes no sense.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func main() {
	env := &environment{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, clock: time.Now}
	os.Exit(run(os.Args[1:], env))
}

// run runs the command line and gives the exit code.
func run(args []string, env *environment) int {
	// The first signal asks to end; then the default is back, so that the second
	// one ends the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	forgetEmpty()
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

// forgetEmpty takes settings that are empty in the environment for settings that are not
// there, as files and tools that always name all of them mean it.
func forgetEmpty() {
	for _, name := range config.Variables() {
		if os.Getenv(name) == "" {
			_ = os.Unsetenv(name) // it cannot fail for these names
		}
	}
}

// exitCode is the one place that turns errors into exit codes.
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

// oneLine words an error for whoever runs the program. Unlike a client of the API,
// they are told why the database cannot be reached.
func oneLine(err error) string {
	text := err.Error()
	var e *crm.Error
	if errors.As(err, &e) && e.Code == crm.CodeUnavailable && e.Cause != nil {
		text += " (" + e.Cause.Error() + ")"
	}
	return strings.Join(strings.Fields(text), " ")
}
