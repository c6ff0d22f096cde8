package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxBody is the most bytes of a request's body.
	maxBody = 1 << 20
	// maxDepth is how deeply objects and arrays of a body may be nested.
	maxDepth = 64
)

// readBody reads the JSON text of a request's body: complete, of bounded size and
// depth, valid, and UTF-8.
func readBody(r *http.Request) ([]byte, error) {
	if err := checkContentType(r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	text, err := takeBody(r)
	switch {
	case err != nil:
		return nil, err
	case len(bytes.TrimSpace(text)) == 0:
		return nil, malformed("The body is empty; it must be a JSON object.")
	case !utf8.Valid(text):
		return nil, malformed("The body is not valid UTF-8.")
	case tooDeep(text):
		return nil, malformed(fmt.Sprintf("The body is nested more than %d levels deep.", maxDepth))
	}
	if err := checkSyntax(text); err != nil {
		return nil, err
	}
	if at := loneSurrogate(text); at >= 0 {
		return nil, malformed(fmt.Sprintf(`The body has half of a character: %s, at byte %d, is one of a pair of surrogates without the other.`, text[at:at+6], at+1))
	}
	return text, nil
}

// takeBody reads a request's body, whatever it is: complete, and of bounded size.
func takeBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, tooLarge()
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(r.Body); err != nil {
		var big *http.MaxBytesError
		var undecoded *problem
		switch {
		case errors.As(err, &undecoded):
			return nil, undecoded
		case errors.As(err, &big):
			return nil, tooLarge()
		case r.Context().Err() != nil:
			return nil, r.Context().Err()
		}
		return nil, malformed("The body could not be read to its end.")
	}
	return buf.Bytes(), nil
}

func malformed(detail string) *problem {
	return &problem{status: http.StatusBadRequest, detail: detail}
}

func tooLarge() *problem {
	return &problem{status: http.StatusRequestEntityTooLarge, detail: fmt.Sprintf("The body is larger than %d bytes.", maxBody)}
}

// checkContentType accepts JSON, under its own name and those built on it (such as
// application/merge-patch+json), in UTF-8 (RFC 8259 section 8.1). A body without a
// type is taken for JSON.
func checkContentType(header string) error {
	if header == "" {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(header)
	isJSON := media == "application/json" ||
		strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
	charset := parameters["charset"]
	if err != nil || !isJSON || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return &problem{
			status: http.StatusUnsupportedMediaType,
			detail: "The body must be JSON in UTF-8 (Content-Type: application/json).",
			header: "Accept: application/json", // RFC 9110 section 15.5.16
		}
	}
	return nil
}

// tooDeep tells whether a JSON text is nested beyond maxDepth. It looks before
// anything is parsed, so that no parser's own limit is met.
func tooDeep(text []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// loneSurrogate gives where a valid JSON text escapes one of a pair of surrogates without
// the other (RFC 8259 section 8.2); -1 if nowhere. Decoders would take it for U+FFFD, and
// what was sent would not be what is kept.
func loneSurrogate(text []byte) int {
	unit := func(i int) uint64 { // that an escape at i stands for; 0 if there is none
		if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
			return 0
		}
		n, _ := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
		return n
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		switch n := unit(i); {
		case n >= 0xD800 && n < 0xDC00 && unit(i+6)&^0x3FF == 0xDC00:
			i += 11
		case n >= 0xD800 && n < 0xE000:
			return i
		default:
			i++ // what is escaped
		}
	}
	return -1
}

// checkSyntax says where a text stops being JSON.
func checkSyntax(text []byte) error {
	var whole json.RawMessage
	err := json.Unmarshal(text, &whole)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return malformed(fmt.Sprintf("The body is not valid JSON: %s, at byte %d.", syntax, syntax.Offset))
	default:
		return malformed("The body is not valid JSON.")
	}
}

// eachMember calls visit with the members of a JSON object, in their order, for as
// long as it returns true. The text is known to be valid JSON.
func eachMember(text []byte, visit func(name string, value json.RawMessage) bool) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return malformed("The body must be a JSON object.")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fmt.Errorf("read a member's name of valid JSON: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read a member of valid JSON: %w", err)
		}
		if text, ok := name.(string); ok && !visit(text, value) {
			return nil
		}
	}
	return nil
}
