package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxBody bounds a request's body, in bytes, unless its operation says otherwise.
	maxBody = 1 << 20
	// maxDepth bounds how deeply objects and arrays of a body may be nested.
	maxDepth = 64
)

// ReadJSON returns the JSON text of a request's body: complete, of bounded size and
// depth, valid, and UTF-8. The error is a problem.
func ReadJSON(r *http.Request) ([]byte, error) {
	if err := checkContentType(r); err != nil {
		return nil, err
	}
	text, err := readAll(r)
	switch {
	case err != nil:
		return nil, err
	case len(bytes.TrimSpace(text)) == 0:
		return nil, BadRequest("The body is empty; it must be a JSON object.")
	case !utf8.Valid(text):
		return nil, BadRequest("The body is not valid UTF-8.")
	case tooDeep(text):
		return nil, BadRequest(fmt.Sprintf("The body is nested more than %d levels deep.", maxDepth))
	}
	if err := checkSyntax(text); err != nil {
		return nil, err
	}
	if at := loneSurrogate(text); at >= 0 {
		return nil, BadRequest(fmt.Sprintf(`The body has half of a character: %s, at byte %d, is one of a pair of surrogates without the other.`, text[at:at+6], at+1))
	}
	return text, nil
}

// readAll returns a request's body, complete; limitBody has bounded its size.
func readAll(r *http.Request) ([]byte, error) {
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(min(r.ContentLength, maxBody)) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(r.Body); err != nil {
		var big *http.MaxBytesError
		var problem *Problem
		switch {
		case errors.As(err, &problem):
			return nil, problem
		case errors.As(err, &big):
			return nil, tooLarge(int(big.Limit))
		case r.Context().Err() != nil:
			return nil, r.Context().Err()
		}
		return nil, BadRequest("The body could not be read to its end.")
	}
	return buf.Bytes(), nil
}

func tooLarge(limit int) *Problem {
	return &Problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("The body is larger than %d bytes.", limit)}
}

// patchFormats are the types of a PATCH's body, as Accept-Patch lists them (RFC 5789 section 3.1).
const (
	acceptPatch  = "Accept-Patch"
	patchFormats = "application/merge-patch+json, application/json"
)

// checkContentType accepts JSON, under its own name and those built on it (such as
// application/merge-patch+json), in UTF-8 (RFC 8259 section 8.1) or the part of it that is
// ASCII. A body without a type is taken as JSON. A JSON patch (RFC 6902) means something else.
func checkContentType(r *http.Request) error {
	header := r.Header.Get("Content-Type")
	if header == "" {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(header)
	isJSON := media == "application/json" ||
		strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json") && media != "application/json-patch+json"
	isUTF8 := true
	if charset, sent := parameters["charset"]; sent {
		isUTF8 = slices.Contains([]string{"", "utf-8", "utf8", "us-ascii"}, strings.ToLower(charset))
	}
	if err == nil && isJSON && isUTF8 {
		return nil
	}
	p := &Problem{
		Status: http.StatusUnsupportedMediaType,
		Detail: "The body must be JSON in UTF-8 (Content-Type: application/json).",
		Header: "Accept: application/json", // RFC 9110 section 15.5.16
	}
	if r.Method == http.MethodPatch {
		p.Detail = "The body must be a merge patch: JSON in UTF-8 with the members to change (Content-Type: application/merge-patch+json or application/json)."
		p.Header = acceptPatch + ": " + patchFormats // RFC 5789 section 2.2
	}
	return p
}

// tooDeep reports whether a JSON text is nested beyond maxDepth. It runs before anything
// is parsed, so that no parser's own limit is reached.
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

// loneSurrogate returns the offset at which a valid JSON text escapes one of a pair of
// surrogates without the other (RFC 8259 section 8.2); -1 if there is none. Decoders would
// replace it by U+FFFD, and another text would be stored than was sent.
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

// checkSyntax returns an error that names the offset at which a text stops being JSON.
func checkSyntax(text []byte) error {
	var whole json.RawMessage
	err := json.Unmarshal(text, &whole)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return BadRequest(fmt.Sprintf("The body is not valid JSON: %s, at byte %d.", syntax, syntax.Offset))
	default:
		return BadRequest("The body is not valid JSON.")
	}
}

// EachMember calls visit with the members of a JSON object, in their order, for as
// long as it returns true. The text is known to be valid JSON.
func EachMember(text []byte, visit func(name string, value json.RawMessage) bool) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return BadRequest("The body must be a JSON object.")
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
