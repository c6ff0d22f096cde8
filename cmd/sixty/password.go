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

// maxPasswordLine bounds a password line, in bytes.
const maxPasswordLine = 4096

type userPasswordCmd struct{ userSelector }

// Run sets a user's password. It is never an argument, because every user of the machine
// can see those.
func (c *userPasswordCmd) Run(ctx context.Context, env *environment) error {
	return c.with(ctx, env, func(core *app.Core, by crm.Actor, user crm.ID) error {
		password, err := readPassword(env)
		if err != nil {
			return err
		}
		return core.Passwords.Set(ctx, by, user, password)
	})
}

// readPassword reads a password from the terminal without echo, or the first line of
// standard input.
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
