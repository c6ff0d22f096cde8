package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a setting that must not be shown: however it is printed, logged or encoded, the
// result is "[secret]". Only Reveal returns the text.
type Secret string

const hidden = "[secret]"

// Reveal returns the text.
func (s Secret) Reveal() string { return string(s) }

// String returns "[secret]".
func (s Secret) String() string { return hidden }

// GoString returns "[secret]", for %#v.
func (s Secret) GoString() string { return hidden }

// Format writes "[secret]" for every verb, including %x and %d, which do not call String.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText returns "[secret]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON returns "[secret]" as a string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// LogValue returns "[secret]" for structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
