package main

import (
	"encoding/json"
	"io"
	"strings"
	"text/tabwriter"
)

// jsonFlag selects JSON output.
type jsonFlag struct {
	JSON bool `name:"json" help:"Print JSON instead of a table."`
}

// list prints rows as a table or as a JSON array.
func list[T any](w io.Writer, how jsonFlag, head []string, rows []T, cells func(T) []string) error {
	if how.JSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(rows)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	write := func(cells []string) error {
		_, err := io.WriteString(t, strings.Join(cells, "\t")+"\n")
		return err
	}
	if err := write(head); err != nil {
		return err
	}
	for _, r := range rows {
		if err := write(cells(r)); err != nil {
			return err
		}
	}
	return t.Flush()
}

// or returns the text, or a dash if it is empty.
func or(s *string) string {
	if s == nil || *s == "" {
		return "-"
	}
	return *s
}
