package sqlite

import (
	"strconv"
	"strings"
)

// positional writes a statement's placeholders $1, $2, … as plain question marks
// when they stand in that order, each once. SQLite looks named parameters up one by
// one, which for an INSERT of many rows takes longer than the INSERT.
func positional(text string) string {
	var b strings.Builder
	rest := text
	for n := 1; ; n++ {
		i := strings.IndexByte(rest, '$')
		if i < 0 {
			break
		}
		name := "$" + strconv.Itoa(n)
		if !strings.HasPrefix(rest[i:], name) || i+len(name) < len(rest) && isDigit(rest[i+len(name)]) {
			return text
		}
		b.WriteString(rest[:i])
		b.WriteByte('?')
		rest = rest[i+len(name):]
	}
	b.WriteString(rest)
	return b.String()
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
