package cells

// percentage is what a cell of percentages shows.
type percentage int

const (
	notPercentage percentage = iota
	signedPercent            // 50%
	betweenOnes              // 0.5: less than a percent, or a fraction
	oneOrNone                // 0, 1, 0.0, 1.00
	beyondOne                // 50, also 100.0
)

// percentOf reads a percentage. It has no groups, so that either decimal sign is clear.
func percentOf(cell string) (v number, kind percentage, decimals bool) {
	n, err := cut(cell)
	if err != nil || n.currency != "" {
		return v, notPercentage, false
	}
	v, ok := n.parse('.')
	if !ok || v.grouped {
		v, ok = n.parse(',')
	}
	if !ok || v.grouped {
		return v, notPercentage, false
	}
	decimals = v.count > v.whole
	if n.percent {
		return v, signedPercent, decimals
	}
	w, exact, ok := v.scaled(0)
	switch fraction, _, _ := v.scaled(9); {
	case exact && (w == 0 || w == 1):
		return v, oneOrNone, decimals
	case ok && fraction >= 0 && fraction < 1e9:
		return v, betweenOnes, decimals
	}
	return v, beyondOne, decimals
}

// Percent returns a percentage: 50% and 50 are the same, and so is 0.5 in a column of
// fractions. Of one that is not whole the error is an *Inexact, and the value is rounded.
func (r *Reader) Percent(cell string) (int, error) {
	cell = clean(cell)
	v, kind, _ := percentOf(cell)
	switch {
	case kind == notPercentage:
		return 0, rejected(cell, "must be a percentage")
	case kind == signedPercent:
		return whole(cell, &v, 0)
	case r.fraction && kind == beyondOne:
		return 0, rejected(cell, "must be from 0 to 1, as the column is one of fractions")
	case r.fraction:
		return whole(cell, &v, 2)
	case kind == betweenOnes:
		return 0, rejected(cell, "must be a whole percentage, as not all cells of the column are fractions from 0 to 1")
	}
	return whole(cell, &v, 0)
}
