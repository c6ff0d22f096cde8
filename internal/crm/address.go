package crm

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Addresses that mean the same are stored alike, and no two that mean something else are: what
// identifies people and companies is compared byte by byte.

const (
	notEmail  = "must be an e-mail address"
	notDomain = "must be a host name such as example.com"
)

// NormalEmail returns an e-mail address as it is stored and compared, and what is wrong with
// it, "" if nothing is. The local part is in lower case as far as it is ASCII: other letters
// are different ones in their other case, and some become ASCII in lower case. The domain is
// as NormalDomain returns it.
func NormalEmail(s string) (normal, violation string) {
	s = Text(s)
	if utf8.RuneCountInString(s) > maxEmail {
		return s, tooLong(maxEmail)
	}
	if violation := hidden(s); violation != "" {
		return s, violation
	}
	local, domain, found := strings.Cut(s, "@")
	if !found || !isDotAtom(local) {
		return s, notEmail
	}
	host, ok := normalHost(domain)
	if !ok {
		return s, notEmail
	}
	local = lowerASCII(local)
	if strings.HasPrefix(s, local) && domain == host {
		return s, "" // without an allocation
	}
	if s = local + "@" + host; utf8.RuneCountInString(s) > maxEmail {
		return s, tooLong(maxEmail)
	}
	return s, ""
}

// emailText returns an e-mail address as NormalEmail does, and any other text as it is, unless
// it has invisible characters, which may make it look like an address that it is not.
func emailText(s string) (normal, violation string) {
	if normal, violation := NormalEmail(s); violation == "" {
		return normal, ""
	}
	return s, hidden(s)
}

// NormalDomain returns a domain as it is stored and compared, and what is wrong with it, "" if
// nothing is: mapped by UTS 46 (not transitional), in Unicode, with more than one label.
func NormalDomain(s string) (normal, violation string) {
	s = Text(s)
	if utf8.RuneCountInString(s) > maxDomain {
		return s, tooLong(maxDomain)
	}
	if violation := hidden(s); violation != "" {
		return s, violation
	}
	host, ok := normalHost(s)
	if !ok || !strings.Contains(host, ".") {
		return s, notDomain
	}
	return host, ""
}

// StoredEmails returns what an e-mail address may be stored as: its normal form, and the one
// that was stored before there was NormalEmail. That is no identity, since different addresses
// may have the same. Each is "" if no address is stored so.
func StoredEmails(s string) (normal, legacy string) {
	normal, violation := NormalEmail(s)
	if violation != "" {
		normal = ""
	}
	if utf8.ValidString(s) && !strings.ContainsRune(s, 0) {
		legacy = strings.ToLower(strings.TrimSpace(s))
	}
	return normal, legacy
}

// An AddressCollision says that a member of a record would be that of another, which no two may
// have, if it were stored as NormalEmail, NormalDomain or Text returns it.
type AddressCollision struct {
	Org    ID
	Entity string
	ID     ID
	Member string
	Other  ID
}

// hosts maps and validates host names. Hyphens in the third and fourth place occur in names
// that are registered.
var hosts = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.CheckHyphens(false), idna.VerifyDNSLength(true))

// normalHost returns a host name of one label or more, mapped by UTS 46; false if it is not
// valid.
func normalHost(s string) (string, bool) {
	s = lowerASCII(s)
	if isASCII(s) && !strings.Contains(s, "xn--") {
		return s, isHost(s)
	}
	ascii, err := hosts.ToASCII(s)
	if err != nil || !isHost(ascii) {
		return "", false
	}
	host, err := hosts.ToUnicode(ascii)
	if err != nil || hidden(host) != "" || Text(host) != host {
		return "", false
	}
	return host, true
}

// isHost reports whether an ASCII text in lower case is a host name (RFC 1123, 2.1).
func isHost(s string) bool {
	if len(s) > maxDomain {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			switch c := label[i]; {
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-':
			default:
				return false
			}
		}
	}
	return true
}

// isDotAtom reports whether a text is the local part of an address (RFC 5322, 3.2.3; beyond
// ASCII as RFC 6532 has it).
func isDotAtom(s string) bool {
	dot := true // at the start, and after a dot, another dot is not allowed
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.' && dot:
			return false
		case c == '.', c >= utf8.RuneSelf, 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) < 0:
			return false
		}
		dot = c == '.'
	}
	return !dot && utf8.ValidString(s)
}

// lowerASCII returns a text with the letters A to Z in lower case.
func lowerASCII(s string) string {
	if strings.IndexFunc(s, isUpperASCII) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isUpperASCII(r) {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}

func isUpperASCII(r rune) bool { return 'A' <= r && r <= 'Z' }
