package bulk

import (
	"strconv"
	"testing"

	"sixty/internal/crm"
)

// TestKnownReferencesAreBounded: however many things a file refers to, only so many
// are remembered.
func TestKnownReferencesAreBounded(t *testing.T) {
	t.Parallel()
	var k known
	for batch := range 30 {
		l := lookup[crm.Company]{known: &k, targets: map[string]*target[crm.Company]{}}
		for i := range 1000 {
			text := strconv.Itoa(batch*1000 + i)
			l.order = append(l.order, text)
			l.targets[text] = &target[crm.Company]{id: crm.NewID()}
		}
		l.learn(new(run))
		if len(k.ids) > maxKnown {
			t.Fatalf("%d references are known after %d batches", len(k.ids), batch+1)
		}
		if last := l.order[len(l.order)-1]; k.ids[last] != l.targets[last].id {
			t.Fatal("what the last row refers to is not known")
		}
	}
}
