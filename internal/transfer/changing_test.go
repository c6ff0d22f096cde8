package transfer_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"sixty/internal/transfer"
)

// changing is a source that has other content each time that it is opened.
func changing(contents ...string) transfer.Source {
	n := 0
	return transfer.Source{Name: "changing.csv", Size: -1, Open: func() (io.ReadCloser, error) {
		content := contents[min(n, len(contents)-1)]
		n++
		return io.NopCloser(bytes.NewReader([]byte(content))), nil
	}}
}

// TestChangedMeanwhile: a file that changes while it is imported is no success, and columns are
// never mistaken for others.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	const first = "external_id,name\n1,One\n2,Two\n"
	for name, c := range map[string]struct {
		contents []string
		loaded   int
	}{
		"Columns":     {[]string{first, first, "name,external_id\nOne,1\nTwo,2\n"}, 0},
		"AtOnce":      {[]string{first, "name,external_id\nOne,1\nTwo,2\n"}, 0},
		"Shorter":     {[]string{first, first, "external_id,name\n1,One\n"}, 1},
		"Longer":      {[]string{first, first, first + "3,Three\n"}, 3},
		"OtherValues": {[]string{first, first, "external_id,name\n1,One\n1,Two\n"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sqlite")
			_, err := transfer.Import(t.Context(), w.bulk, w.by, companies, changing(c.contents...))
			if err == nil || !strings.Contains(err.Error(), "changed") {
				t.Errorf("error %v", err)
			}
			if n := len(all(w, w.service.Companies)); n != c.loaded {
				t.Errorf("%d companies, want %d", n, c.loaded)
			}
		})
	}
}
