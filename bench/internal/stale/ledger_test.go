package stale

import (
	"strings"
	"testing"
)

// A response may show what was acknowledged at the time of the request, or later.
func TestJudge(t *testing.T) {
	t.Parallel()
	var l Ledger
	deal := l.Enter(Deal)
	write := func(s State) int { return l.Propose(deal, s) }
	l.Acknowledge(deal, write(State{There: true, Value: 1, Owner: "ann"}))
	before := l.Floors()
	l.Acknowledge(deal, write(State{There: true, Value: 2, Owner: "bob"}))
	after := l.Floors()
	doubtful := write(State{}) // removed, or not
	const id = "019a3c5e-7000-7000-8000-000000000001"
	anns := Scope{Deal, func(s State) bool { return s.Owner == "ann" }}
	bobs := Scope{Deal, func(s State) bool { return s.Owner == "bob" }}
	value := func(got int64) Sum {
		return Sum{"the value", got, Deal, func(s State) int64 { return s.Value }}
	}

	for name, test := range map[string]struct {
		found []string
		want  string // "" for nothing
	}{
		"TheVersion":          {l.JudgeMarks(after, []byte(`{"name":"Deal ~0v2~"}`)), ""},
		"AnEarlierOne":        {l.JudgeMarks(after, []byte(`{"name":"Deal ~0v1~"}`)), "at version 1, when 2 was acknowledged"},
		"AnEarlierOneInTime":  {l.JudgeMarks(before, []byte(`{"name":"Deal ~0v1~"}`)), ""},
		"NeverWritten":        {l.JudgeMarks(before, []byte(`{"name":"Deal ~0v7~"}`)), "never written"},
		"Unknown":             {l.JudgeMarks(before, []byte(`{"name":"Deal ~9v1~"}`)), "does not exist"},
		"NoMark":              {l.JudgeMarks(after, []byte(`a ~ b ~ c ~0v2~`)), ""},
		"TheSecondMark":       {l.JudgeMarks(after, []byte(`~ ~0v2~~0v1~`)), "at version 1"},
		"Removed":             {l.JudgeMarks(after, []byte(`~0v3~`)), "which removed it"},
		"InItsList":           {l.JudgeScope(after, []byte(`~0v2~`), bobs), ""},
		"InAnothersList":      {l.JudgeScope(after, []byte(`~0v2~`), anns), "does not belong"},
		"InItsOldList":        {l.JudgeScope(before, []byte(`~0v1~`), anns), ""},
		"PerhapsRemoved":      {l.JudgeScope(after, nil, bobs), ""},
		"PerhapsNotFound":     {l.JudgeAbsence(after, deal), ""},
		"TheSum":              {l.JudgeSum(after, value(2)), ""},
		"TheSumWithoutIt":     {l.JudgeSum(after, value(0)), ""},
		"TheSumFromBefore":    {l.JudgeSum(before, value(1)), ""},
		"ASumThatNeverWas":    {l.JudgeSum(after, value(3)), "can be 0 to 2"},
		"ANegativeSumIsFound": {l.JudgeSum(after, value(-1)), "can be 0 to 2"},
		"MarkedByItsID":       {l.JudgeNames(after, []byte(`{"id":"`+id+`","name":"Deal ~0v2~"}`), map[string]Thing{id: deal}), ""},
		"UnmarkedByItsID":     {l.JudgeNames(after, []byte(`{"id":"`+id+`","name":"Deal"}`), map[string]Thing{id: deal}), "first name"},
		"NotYetMarked":        {l.JudgeNames(nil, []byte(`{"id":"`+id+`","name":"Deal"}`), map[string]Thing{id: deal}), ""},
	} {
		got := strings.Join(test.found, "; ")
		if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: found %q, want %q", name, got, test.want)
		}
	}

	// A later acknowledged write makes the outcome known.
	l.Acknowledge(deal, doubtful)
	l.Acknowledge(deal, write(State{There: true, Value: 5, Owner: "bob"}))
	now := l.Floors()
	for name, found := range map[string][]string{
		"Missing":  l.JudgeScope(now, nil, bobs),
		"NotFound": l.JudgeAbsence(now, deal),
		"OldSum":   l.JudgeSum(now, value(2)),
		"OldMark":  l.JudgeMarks(now, []byte("~0v2~")),
	} {
		if len(found) != 1 {
			t.Errorf("%s: found %q, want one thing", name, found)
		}
	}
}
