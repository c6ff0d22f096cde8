package main

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"sixty/internal/config"
	"sixty/internal/transfer"
)

const description = `The backend of a sales dashboard.

Every setting is a flag and an environment variable (named beside it); the flag overrides the variable. "sixty COMMAND --help" shows the flags of a command.`

// The commands whose settings differ from those of all others.
const (
	commandServe   = "serve"   // also the settings of the server
	commandWorker  = "worker"  // likewise
	commandVersion = "version" // none
)

// parse reads the command line and the environment into env and the command to run.
// Its error names every invalid setting, not only the first.
func parse(args []string, env *environment) (*kong.Context, error) {
	var c cli
	invalid := unparsed{}
	parser, err := kong.New(&c,
		kong.Name("sixty"),
		kong.Description(description),
		kong.Writers(env.stdout, env.stderr),
		kong.Vars{"presets": strings.Join(transfer.Presets(), ", ")},
		kong.Resolvers(kong.ResolverFunc(fromFiles)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "common", Title: "Settings:"},
			{Key: "server", Title: "Settings of the server:"},
		}),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), invalid.mapper("a duration such as 5s or 2m")),
		kong.TypeMapper(reflect.TypeFor[config.Optional](), invalid.mapper("a duration such as 5s or 2m")),
		kong.TypeMapper(reflect.TypeFor[slog.Level](), invalid.mapper("debug, info, warn or error")),
		kong.TypeMapper(reflect.TypeFor[config.Rate](), invalid.mapper("a rate such as 100/1m")),
		kong.KindMapper(reflect.Int, invalid.mapper("a whole number")),
		kong.KindMapper(reflect.Uint64, invalid.mapper("a whole number, not negative")),
	)
	if err != nil {
		return nil, err
	}
	command, err := parser.Parse(args)
	if err != nil {
		return nil, err
	}
	env.config = c.Settings
	if problems := append(invalid.of(command), problemsOf(command.Command(), &c)...); len(problems) > 0 {
		return nil, &config.Invalid{Problems: problems}
	}
	return command, nil
}

// serverSettings parses the command line of a server again, for what may have changed since:
// the files that hold settings.
func serverSettings(env *environment) (config.Config, error) {
	again := *env
	command, err := parse(env.args, &again)
	if err != nil {
		return config.Config{}, err
	}
	serve := command.Selected().Target.Addr().Interface().(*serveCmd) // as before
	return config.Config{Base: again.config, Server: serve.Settings}, nil
}

// problemsOf returns the problems of the settings that a command uses.
func problemsOf(command string, c *cli) []string {
	var err error
	switch command {
	case commandVersion:
	case commandServe:
		err = config.Config{Base: c.Settings, Server: c.Serve.Settings}.Check()
	case commandWorker:
		err = config.Config{Base: c.Settings, Server: c.Worker.Settings}.Check()
	default:
		err = c.Settings.Check()
	}
	var invalid *config.Invalid
	if errors.As(err, &invalid) {
		return invalid.Problems
	}
	return nil
}

// unparsed holds the problems of values that could not be parsed, so that all are reported
// at once; kong stops at the first.
type unparsed map[origin]string

// origin is where a value came from: the flag, or its environment variable or default,
// which the flag overrides.
type origin struct {
	value *kong.Value
	given bool
}

// of returns the problems of a command's flags. Settings that the command does not use,
// and variables that a flag overrides, are ignored.
func (u unparsed) of(command *kong.Context) []string {
	if command.Command() == commandVersion {
		return nil
	}
	given := map[*kong.Flag]bool{}
	for _, p := range command.Path {
		given[p.Flag] = true
	}
	var problems []string
	for _, flag := range command.Flags() {
		if problem, ok := u[origin{flag.Value, given[flag]}]; ok {
			problems = append(problems, problem)
		}
	}
	return problems
}

// mapper parses values of a type as kong does and records those that it cannot parse.
func (u unparsed) mapper(wanted string) kong.Mapper {
	known := kong.NewRegistry().RegisterDefaults()
	return kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		token, err := ctx.Scan.PopValue("value")
		if err != nil {
			return err
		}
		read := func(text any) error {
			scan := kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: text})
			return known.ForType(target.Type()).Decode(&kong.DecodeContext{Value: ctx.Value, Scan: scan}, target)
		}
		if read(token.Value) == nil {
			return nil
		}
		// kong reads flags into a copy, and all else into the field itself.
		from := origin{ctx.Value, target.Addr().UnsafePointer() != ctx.Value.Target.Addr().UnsafePointer()}
		u[from] = fmt.Sprintf("%s must be %s, not %q", nameOf(ctx.Value), wanted, fmt.Sprint(token.Value))
		if ctx.Value.HasDefault { // so that no other problem is reported
			return read(ctx.Value.Default)
		}
		return nil
	})
}

// nameOf returns the name of a flag or an argument in the form of config.NameOf.
func nameOf(v *kong.Value) string {
	if v.Flag == nil {
		return "<" + v.Name + ">"
	}
	if len(v.Tag.Envs) > 0 {
		return "--" + v.Name + " (" + v.Tag.Envs[0] + ")"
	}
	return "--" + v.Name
}
