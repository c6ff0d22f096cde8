package crm

import (
	"strconv"
	"testing"
)

// TestKnownReferencesAreBounded: however many things a file refers to, only so many
// are remembered.
func TestKnownReferencesAreBounded(t *testing.T) {
	t.Parallel()
	known := map[string]ID{}
	for batch := range 30 {
		l := lookup[Company]{targets: map[string]*target[Company]{}}
		for i := range 1000 {
			text := strconv.Itoa(batch*1000 + i)
			l.order = append(l.order, text)
			l.targets[text] = &target[Company]{id: NewID()}
		}
		known = l.learn(known)
		if len(known) > maxKnown {
			t.Fatalf("%d references are known after %d batches", len(known), batch+1)
		}
		if last := l.order[len(l.order)-1]; known[last] != l.targets[last].id {
			t.Fatal("what the last row refers to is not known")
		}
	}
}
