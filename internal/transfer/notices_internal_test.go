package transfer

import (
	"fmt"
	"testing"

	"sixty/internal/crm"
	"sixty/internal/transfer/preset"
)

// TestNoticesBeginAnew: what a reading noted that begins anew is not counted twice.
func TestNoticesBeginAnew(t *testing.T) {
	t.Parallel()
	var n notices
	n.add("a", "before", 1)
	restore := n.mark()
	for range 2 {
		restore()
		n.add("a", "before", 2)
		n.add("a", "during", 3)
	}
	if got := fmt.Sprint(n.all()); got != "[a: before (2; line 1, 2) a: during (1; line 3)]" {
		t.Error(got)
	}
}

// TestOutcomesAreBounded: what is remembered of stages is bounded, and what is known of the first
// ones stays.
func TestOutcomesAreBounded(t *testing.T) {
	t.Parallel()
	p, err := preset.Named("salesforce")
	if err != nil {
		t.Fatal(err)
	}
	header := []string{"Id", "Name", "StageName", "CloseDate", "IsWon", "IsClosed"}
	table := p.Table("deals", header, "Opportunity.csv")
	if table == nil {
		t.Fatal("the layout is not recognised")
	}
	m, err := newMapping(header, nil, table, newFields(crm.Deals, currencies{}, "stage"))
	if err != nil {
		t.Fatal(err)
	}
	s := &survey[crm.DealPatch]{kind: Deals}
	in := &input[crm.DealPatch]{mapping: m}
	for i := range 3 * maxStages {
		s.observeOutcome(in, []string{"1", "A", fmt.Sprintf("Stage %d", i), "", "true", "true"})
	}
	if len(s.outcomes) != maxStages || s.outcomes["stage 0"] != crm.OutcomeWon {
		t.Errorf("%d outcomes are remembered, the first one is %q", len(s.outcomes), s.outcomes["stage 0"])
	}
	s.observeOutcome(in, []string{"1", "A", "Stage 0", "", "false", "true"})
	if got, ok := s.outcomes["stage 0"]; !ok || got != "" {
		t.Errorf("a stage whose rows contradict each other has the outcome %q", got)
	}
}
