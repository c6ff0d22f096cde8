package reports

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"

	"sixty/internal/crm"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{"shown": shown, "number": isNumber, "groups": (*Section).groups}).Parse(page))

// writeHTML writes a page without scripts and without anything from elsewhere, which prints on A4.
func (r *Report) writeHTML(w io.Writer) error {
	return pageTemplate.Execute(w, struct {
		*Report
		Made string
	}{r, r.Now.Time().Format("2006-01-02 15:04 UTC")})
}

// shown returns a value as people read it: 1,234,567.50, 47.35 %.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "–"
	case string:
		return v
	case int64:
		return grouped(strconv.FormatInt(v, 10))
	case crm.Money:
		return grouped(v.String())
	case crm.Ratio:
		return plain(crm.Days(v)) + " %"
	}
	return plain(v)
}

// grouped separates the thousands of a number.
func grouped(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "−", s[1:]
	}
	whole, rest, found := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if found {
		whole += "." + rest
	}
	return sign + whole
}

func isNumber(v any) bool {
	switch v.(type) {
	case int64, crm.Money, crm.Ratio, crm.Days:
		return true
	}
	return false
}

// A group is the bars of one currency.
type group struct {
	Currency string
	Standing bool
	Height   int
	Bars     []bar
}

type bar struct {
	Label, Value  string
	X, Y          int
	Width, Height int
	Color         string
}

// The measures of a chart, in its own units.
const (
	chartWidth  = 640
	labelWidth  = 170
	valueWidth  = 110
	lineHeight  = 26
	barHeight   = 16
	chartHeight = 190
	baseLine    = 158
	topSpace    = 18
	mostBars    = 24
	mostMonths  = 12
	mostGroups  = 4
)

const accent = "#2f5bd8"

// groups returns the bars of the section's chart, of the first currencies.
func (s *Section) groups() []group {
	if s.Chart == nil {
		return nil
	}
	at := func(name string) int {
		return slices.IndexFunc(s.Columns, func(c Column) bool { return c.Name == name })
	}
	label, value, currency := at(s.Chart.Label), at(s.Chart.Value), at("currency")
	var out []group
	for i, row := range s.Rows {
		name := ""
		if currency >= 0 {
			name, _ = row[currency].(string)
		}
		g := slices.IndexFunc(out, func(g group) bool { return g.Currency == name })
		if g < 0 {
			if len(out) == mostGroups {
				continue
			}
			out, g = append(out, group{Currency: name, Standing: s.Chart.Columns}), len(out)
		}
		b := bar{Label: plain(row[label]), Value: shown(row[value]), Color: accent}
		if i < len(s.Chart.Colors) && s.Chart.Colors[i] != "" {
			b.Color = s.Chart.Colors[i]
		}
		b.Width = i // the row, until it is measured
		out[g].Bars = append(out[g].Bars, b)
	}
	for i := range out {
		out[i].measure(func(row int) float64 { return size(s.Rows[row][value]) })
	}
	return out
}

// size returns a value as a length.
func size(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case crm.Money:
		return float64(v)
	}
	return 0
}

// measure sets where the bars are.
func (g *group) measure(of func(row int) float64) {
	if g.Standing {
		g.Bars = g.Bars[max(0, len(g.Bars)-mostMonths):] // the latest
	} else {
		g.Bars = g.Bars[:min(len(g.Bars), mostBars)]
	}
	greatest := 0.0
	for _, b := range g.Bars {
		greatest = max(greatest, of(b.Width))
	}
	for i := range g.Bars {
		b := &g.Bars[i]
		part := 0.0
		if greatest > 0 {
			part = max(of(b.Width), 0) / greatest
		}
		if g.Standing {
			slot := chartWidth / max(len(g.Bars), 1)
			b.Height = int(part * (baseLine - topSpace))
			b.Width, b.X, b.Y = min(slot*6/10, 44), i*slot+slot/2, baseLine-b.Height
			continue
		}
		b.Width = int(part * (chartWidth - labelWidth - valueWidth))
		b.X, b.Y, b.Height = labelWidth, i*lineHeight, barHeight
	}
	if g.Height = chartHeight; !g.Standing {
		g.Height = len(g.Bars) * lineHeight
	}
}

// Left returns where a standing bar begins, whose middle is at X.
func (b bar) Left() int { return b.X - b.Width/2 }

// Short returns the label, cut to what fits.
func (b bar) Short() string {
	const most = 24
	if r := []rune(b.Label); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return b.Label
}

// Text returns the heights of the texts of a lying bar.
func (b bar) Text() int { return b.Y + barHeight - 4 }

// End returns where the value of a lying bar is written.
func (b bar) End() int { return b.X + b.Width + 8 }

// Compact returns the value of a standing bar, short.
func (b bar) Compact() string { return strings.TrimSuffix(b.Value, ".00") }

// Describe returns the chart in words.
func (g group) Describe() string {
	parts := make([]string, len(g.Bars))
	for i, b := range g.Bars {
		parts[i] = fmt.Sprintf("%s %s", b.Label, b.Value)
	}
	return strings.Join(parts, ", ")
}
