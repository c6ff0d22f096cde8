package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a setting that must not be shown: however it is printed, logged or
// encoded, "[secret]" comes out. Only Reveal gives the text.
type Secret string

const hidden = "[secret]"

// Reveal gives the text.
func (s Secret) Reveal() string { return string(s) }

// String gives "[secret]".
func (s Secret) String() string { return hidden }

// GoString gives "[secret]", for %#v.
func (s Secret) GoString() string { return hidden }

// Format writes "[secret]" for every verb, %x and %d included, which would
// otherwise go round String.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText gives "[secret]"; JSON takes it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON gives "[secret]" as a string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// LogValue gives "[secret]" to structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
