package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"sixty/internal/app"
	"sixty/internal/crm"
)

// maxPasswordLine bounds what is read for a password, in bytes.
const maxPasswordLine = 4096

type userPasswordCmd struct {
	orgFlag
	userArg
}

// Run sets a person's password, which is never among the arguments: those are for
// everybody on the machine to see.
func (c *userPasswordCmd) Run(ctx context.Context, env *environment) error {
	return env.with(ctx, func(core *app.Core) error {
		org, err := c.existing(ctx, core)
		if err != nil {
			return err
		}
		id, err := c.userArg.find(ctx, core, org.ID)
		if err != nil {
			return err
		}
		password, err := readPassword(env)
		if err != nil {
			return err
		}
		return core.Passwords.Set(ctx, crm.Operator(org.ID), id, password)
	})
}

// readPassword asks for a password, unseen, or reads the first line of what is not a
// terminal.
func readPassword(env *environment) (string, error) {
	if f, ok := env.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		_, _ = fmt.Fprint(env.stderr, "Password: ")
		text, err := term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(env.stderr)
		return string(text), err
	}
	line, err := bufio.NewReader(io.LimitReader(env.stdin, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}
