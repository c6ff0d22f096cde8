package transfer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Notice tells what an import made of rows that a reader of the summary should know about.
type Notice struct {
	File  string `json:"file,omitempty"` // "" is about all files
	Text  string `json:"text"`
	Count int64  `json:"count,omitempty"` // of rows or cells; 0: it is not about rows
	Lines []int  `json:"lines,omitempty"` // the first ones

	kind string // of notices that are told as one, whose texts have examples; "" is that of the text
}

// String returns the notice as one line.
func (n Notice) String() string {
	var s strings.Builder
	if n.File != "" {
		s.WriteString(n.File + ": ")
	}
	s.WriteString(n.Text)
	if n.Count > 0 {
		lines := make([]string, len(n.Lines))
		for i, line := range n.Lines {
			lines[i] = strconv.Itoa(line)
		}
		fmt.Fprintf(&s, " (%d", n.Count)
		if len(lines) > 0 {
			fmt.Fprintf(&s, "; line %s", strings.Join(lines, ", "))
			if int64(len(lines)) < n.Count {
				s.WriteString(", …")
			}
		}
		s.WriteString(")")
	}
	return s.String()
}

// The bounds of what is told: the lines of a notice, and the notices.
const (
	maxLines   = 5
	maxNotices = 200
)

// notices collects what is to be told. It is safe for concurrent use.
type notices struct {
	mu      sync.Mutex
	list    []Notice
	dropped int64
}

// add notes a row, under a text that all rows of its kind share.
func (n *notices) add(file, text string, line int) {
	n.tell(Notice{File: file, Text: text, Count: 1, Lines: []int{line}})
}

// tell adds a notice, or adds to one of the same kind.
func (n *notices) tell(notice Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if notice.kind == "" {
		notice.kind = notice.Text
	}
	i := slices.IndexFunc(n.list, func(o Notice) bool { return o.kind == notice.kind && o.File == notice.File })
	switch {
	case i >= 0:
		o := &n.list[i]
		o.Count += notice.Count
		o.Lines = append(o.Lines, notice.Lines[:min(len(notice.Lines), maxLines-len(o.Lines))]...)
	case len(n.list) < maxNotices:
		notice.Lines = slices.Clip(notice.Lines[:min(len(notice.Lines), maxLines)])
		n.list = append(n.list, notice)
	default:
		n.dropped++
	}
}

// mark returns a function that restores the notices as they are now, for a reading that begins anew.
func (n *notices) mark() (restore func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list, dropped := slices.Clone(n.list), n.dropped
	for i := range list {
		list[i].Lines = slices.Clip(list[i].Lines)
	}
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.list, n.dropped = slices.Clone(list), dropped
	}
}

// all returns the notices.
func (n *notices) all() []Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := append([]Notice{}, n.list...)
	if n.dropped > 0 {
		list = append(list, Notice{Text: "further notices are left out", Count: n.dropped})
	}
	return list
}
