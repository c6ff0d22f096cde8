package main

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/alecthomas/kong"

	"sixty/internal/config"
)

const description = `The backend of a sales dashboard.

Every setting is a flag and an environment variable (named beside it); the flag wins. "sixty COMMAND --help" tells a command's own.`

// The commands that do not use the settings that all others use, and no more.
const (
	commandServe   = "serve"   // the server's as well
	commandVersion = "version" // none
)

// parse reads the command line and the environment into env and the command to run.
// Its error tells every setting that is wrong, not only the first.
func parse(args []string, env *environment) (*kong.Context, error) {
	var c cli
	wrong := misread{}
	parser, err := kong.New(&c,
		kong.Name("sixty"),
		kong.Description(description),
		kong.Writers(env.stdout, env.stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "common", Title: "Settings:"},
			{Key: "server", Title: "Settings of the server:"},
		}),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), wrong.mapper("a duration such as 5s or 2m")),
		kong.TypeMapper(reflect.TypeFor[slog.Level](), wrong.mapper("debug, info, warn or error")),
		kong.TypeMapper(reflect.TypeFor[config.Rate](), wrong.mapper("a rate such as 100/1m")),
		kong.KindMapper(reflect.Int, wrong.mapper("a whole number")),
		kong.KindMapper(reflect.Uint64, wrong.mapper("a whole number, not negative")),
	)
	if err != nil {
		return nil, err
	}
	command, err := parser.Parse(args)
	if err != nil {
		return nil, err
	}
	env.config = c.Settings
	if problems := append(wrong.of(command), broken(command.Command(), &c)...); len(problems) > 0 {
		return nil, &config.Invalid{Problems: problems}
	}
	return command, nil
}

// broken gives what is wrong with the settings that a command uses.
func broken(command string, c *cli) []string {
	var err error
	switch command {
	case commandVersion:
	case commandServe:
		err = config.Config{Base: c.Settings, Server: c.Serve.Settings}.Check()
	default:
		err = c.Settings.Check()
	}
	var invalid *config.Invalid
	if errors.As(err, &invalid) {
		return invalid.Problems
	}
	return nil
}

// misread holds the values that could not be read, so that all can be told at once;
// kong alone stops at the first.
type misread map[origin]string

// origin is where a value came from: the flag itself, or, of less weight, its
// environment variable or default.
type origin struct {
	value *kong.Value
	given bool
}

// of gives the problems with the flags of a command; what is wrong with settings
// that it does not use, or with variables that a flag overrides, does not matter.
func (m misread) of(command *kong.Context) []string {
	if command.Command() == commandVersion {
		return nil
	}
	given := map[*kong.Flag]bool{}
	for _, p := range command.Path {
		given[p.Flag] = true
	}
	var problems []string
	for _, flag := range command.Flags() {
		if problem, ok := m[origin{flag.Value, given[flag]}]; ok {
			problems = append(problems, problem)
		}
	}
	return problems
}

// mapper reads values of a type as kong does, and notes those that it cannot read.
func (m misread) mapper(wanted string) kong.Mapper {
	known := kong.NewRegistry().RegisterDefaults()
	return kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		token, err := ctx.Scan.PopValue("value")
		if err != nil {
			return err // there is none
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
		m[from] = fmt.Sprintf("%s must be %s, not %q", nameOf(ctx.Value), wanted, fmt.Sprint(token.Value))
		if ctx.Value.HasDefault { // so that nothing else is said of it
			return read(ctx.Value.Default)
		}
		return nil
	})
}

// nameOf names a flag or an argument as config.NameOf does.
func nameOf(v *kong.Value) string {
	if v.Flag == nil {
		return "<" + v.Name + ">"
	}
	if len(v.Tag.Envs) > 0 {
		return "--" + v.Name + " (" + v.Tag.Envs[0] + ")"
	}
	return "--" + v.Name
}
