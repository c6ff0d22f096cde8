package crm

import (
	"bytes"
	"encoding/json"
)

// Field is a member of a body that changes a record: absent, an explicit null, or a value (RFC
// 7396, merge patch).
type Field[T any] struct {
	Set   bool // the member was sent
	Null  bool // it was sent as null
	Value T
}

// Of returns a member that was sent with a value.
func Of[T any](v T) Field[T] { return Field[T]{Set: true, Value: v} }

// Null returns a member that was sent as null.
func Null[T any]() Field[T] { return Field[T]{Set: true, Null: true} }

// UnmarshalJSON notes that the member was there, and reads it.
func (f *Field[T]) UnmarshalJSON(b []byte) error {
	f.Set = true
	if bytes.Equal(b, []byte("null")) {
		f.Null = true
		return nil
	}
	return json.Unmarshal(b, &f.Value)
}

// DecodeErrors is what is wrong with members that were sent but could not be read (text
// where a number belongs, a name that nothing has). The edge that reads a patch fills it;
// the use case refuses the patch with these and whatever else it finds, all at once.
type DecodeErrors []FieldError
