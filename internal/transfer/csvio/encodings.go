package csvio

import (
	"fmt"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/transform"
)

// ParseEncoding returns the encoding of a name: those of the WHATWG Encoding
// Standard, those that IANA has registered, and the ways in which people write
// them (cp1250, win1250, latin-2). "" is Auto.
func ParseEncoding(name string) (Encoding, error) {
	plain := strings.ToLower(strings.TrimSpace(name))
	switch strings.NewReplacer("-", "", "_", "", " ", "").Replace(plain) {
	case "", "auto":
		return Auto, nil
	case "utf8", "utf8sig", "utf8bom", "ascii", "usascii":
		return UTF8, nil
	case "utf16", "ucs2", "unicode":
		return anyUTF16, nil
	case "utf16le":
		return UTF16LE, nil
	case "utf16be":
		return UTF16BE, nil
	case "ansi", "latin1":
		return Windows1252, nil
	}
	for _, spelling := range spellings(plain) {
		if e := lookUp(spelling); e != nil {
			if e == charmap.Windows1252 {
				return Windows1252, nil
			}
			return Encoding(spelling), nil
		}
	}
	return Auto, fmt.Errorf("there is no encoding %q; there are utf-8, utf-16, windows-1250 to windows-1258, iso-8859-1 to iso-8859-16, koi8-r, macintosh, cp437, cp850, shift_jis, gbk, big5, euc-kr and others", name)
}

// spellings returns the names that plain may stand for.
func spellings(plain string) []string {
	all := []string{plain, strings.ReplaceAll(plain, "_", "-"), strings.NewReplacer("-", "", "_", "", " ", "").Replace(plain)}
	bare := all[2]
	for _, prefix := range []string{"windows", "win", "cp", "ibm", "iso8859", "mac"} {
		rest, ok := strings.CutPrefix(bare, prefix)
		if !ok {
			continue
		}
		switch prefix {
		case "mac":
			if rest == "roman" || rest == "" {
				all = append(all, "macintosh")
			}
		case "iso8859":
			all = append(all, "iso-8859-"+rest)
		default:
			all = append(all, "windows-"+rest, "ibm"+rest, "ibm00"+rest, "cp"+rest)
		}
	}
	return all
}

// lookUp returns the encoding of a name, and nil if there is none. The standards'
// "replacement" stands for encodings that are not decoded.
func lookUp(name string) encoding.Encoding {
	e, err := htmlindex.Get(name)
	if err != nil {
		e, err = ianaindex.IANA.Encoding(name)
	}
	if err != nil || e == encoding.Replacement {
		return nil
	}
	return e
}

// newDecoder returns a decoder that lets what is broken be seen.
func newDecoder(e Encoding) transform.Transformer {
	found := lookUp(strings.ToLower(string(e)))
	if single, ok := found.(*charmap.Charmap); ok {
		return charmapDecoder{of: single}
	}
	return strictDecoder{found.NewDecoder().Transformer}
}
