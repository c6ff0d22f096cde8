package bulk

import (
	"html"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"sixty/internal/crm"
)

// referenceText returns a text that refers to a record as it is compared; "" if it says nothing.
func referenceText(text string) string {
	if text == "" {
		return ""
	}
	if text = crm.Text(text); isNullID(text) {
		return ""
	}
	return text
}

// isNullID reports whether a text is what other systems write where there is no id: a UUID of
// zeros, or 15 of them, with or without a checksum.
func isNullID(text string) bool {
	text = strings.TrimSuffix(text, "AAA")
	return len(text) >= 15 && strings.Trim(text, "0-") == ""
}

// identity are the functions that return the value of a key that a text may be; "" for none.
var identity = map[crm.Key]func(text string) string{
	crm.KeyExternalID: func(text string) string { return text },
	crm.KeyDomain:     domainOf,
	crm.KeyEmail:      emailOf,
	crm.KeyName:       crm.NameKey,
}

func emailOf(text string) string {
	email, violation := crm.NormalEmail(text)
	if violation != "" {
		return ""
	}
	return email
}

// domainOf returns the domain that a text is, or that it names as a web address; "" for none.
func domainOf(text string) string {
	if !strings.Contains(text, ".") {
		return ""
	}
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		if err != nil {
			return ""
		}
		text = u.Hostname()
	}
	domain, violation := crm.NormalDomain(text)
	if violation != "" {
		return ""
	}
	if short := strings.TrimPrefix(domain, "www."); strings.Contains(short, ".") {
		domain = short
	}
	if top := domain[strings.LastIndexByte(domain, '.')+1:]; len(top) < 2 || strings.Trim(top, "0123456789") == "" {
		return "" // a number or an abbreviation
	}
	return domain
}

// visible returns a name as it is seen: with the characters that HTML writes by name, and without
// invisible ones, but for those that join or vary what is beside them.
func visible(name string) string {
	if strings.Contains(name, "&") && strings.Contains(name, ";") {
		name = html.UnescapeString(name)
	}
	return crm.Text(strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf && isHidden(r) {
			return -1
		}
		return r
	}, name))
}

// isHidden reports whether a character is never seen: controls of direction, zero-width spaces,
// soft hyphens and the like.
func isHidden(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return unicode.Is(unicode.Cf, r) && r != nonJoiner && r != joiner && (r < 0xE0020 || r > 0xE007F)
}

// visibleName returns the NameKey of a name as it is seen; "" if it is the name's own.
func visibleName(name string) string {
	key := crm.NameKey(visible(name))
	if key == crm.NameKey(name) {
		return ""
	}
	return key
}

// identityOf returns what texts have in common that mean the same new record.
func identityOf(ref Reference, text string) string {
	if address := addressOf(ref, text); address != "" {
		return address
	}
	return crm.NameKey(visible(text))
}

// addressOf returns the domain of a company or the e-mail address of a person that a text is: no
// two records have the same. "" is none.
func addressOf(ref Reference, text string) string {
	switch ref {
	case RefCompany:
		return domainOf(text)
	case RefOwner, RefCreator, RefContact:
		return emailOf(text)
	}
	return ""
}

// alsoCreators returns the references that name the records that are created.
func alsoCreators(create []Reference) (from []Reference) {
	for _, ref := range create {
		if from = append(from, ref); ref == RefOwner {
			from = append(from, RefCreator)
		}
	}
	return from
}
