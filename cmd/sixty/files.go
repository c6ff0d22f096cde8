package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// fileSuffix makes the name of a variable that of one with a file's path.
const fileSuffix = "_FILE"

// fromFiles reads each setting whose variable NAME is not set from the file that NAME_FILE
// names, without the line break at its end. A flag overrides both.
func fromFiles(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		path := os.Getenv(name + fileSuffix)
		switch {
		case path == "":
			continue
		case os.Getenv(name) != "":
			return nil, usage("%s must not be given together with %s", name+fileSuffix, name)
		}
		text, err := os.ReadFile(path) //nolint:gosec // the operator's own file
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name+fileSuffix, err)
		}
		return strings.TrimRight(string(text), "\r\n"), nil
	}
	return nil, nil //nolint:nilnil // it is not set
}
