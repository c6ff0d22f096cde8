package crm

import (
	"errors"
	"strings"
)

// Code says what kind of failure an Error is. The edges (HTTP, GraphQL, the
// command line) turn codes into their own words in one place each.
type Code string

// The kinds of failure.
const (
	CodeMalformed       Code = "malformed"                 // cannot be read at all
	CodeInvalid         Code = "invalid"                   // reads, but members break rules
	CodeConflict        Code = "conflict"                  // collides with what is stored
	CodePrecondition    Code = "precondition"              // is not in the state that the caller expects
	CodeNotFound        Code = "not_found"                 // does not exist, or belongs to another organisation
	CodeGone            Code = "gone"                      // existed, and is no longer kept
	CodeUnauthenticated Code = "unauthenticated"           // the caller is not known
	CodeForbidden       Code = "forbidden"                 // the caller is known and may not
	CodeReauthenticate  Code = "reauthentication.required" // the caller must first prove again who they are
	CodeUnavailable     Code = "unavailable"               // the database cannot be reached, is too slow, or has no room
	CodeCommitUnknown   Code = "commit.unknown"            // it is not known whether the change was made; see UnknownCommit
	CodeInternal        Code = "internal"                  // a defect
)

// FieldError is what is wrong with one member of what was sent.
type FieldError struct {
	Field   string // JSON name of the member; for nested members with slashes
	Message string // "must …", without the name
}

// Error is the one error type of this package and the ports. Message and Fields are safe to
// show to the caller; Cause is for the log alone.
type Error struct {
	Code    Code
	Reason  string // a stable name of the failure, where the code does not say enough; "" otherwise
	Message string
	Fields  []FieldError
	Cause   error
}

// Error returns the message with every field error, and without the cause.
func (e *Error) Error() string {
	if len(e.Fields) == 0 {
		return e.Message
	}
	fields := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		fields[i] = f.Field + " " + f.Message
	}
	return e.Message + ": " + strings.Join(fields, "; ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// CodeOf returns the code of an error: CodeInternal for one that is not an Error, and "" for
// nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// NotFound says that there is no such record in the actor's organisation.
func NotFound(what string) *Error {
	return &Error{Code: CodeNotFound, Message: "There is no such " + what + "."}
}

// Forbidden says why the actor may not.
func Forbidden(why string) *Error { return &Error{Code: CodeForbidden, Message: why} }

// Malformed says that something cannot be read.
func Malformed(message string, fields ...FieldError) *Error {
	return &Error{Code: CodeMalformed, Message: message, Fields: fields}
}

// Invalid says that members break rules.
func Invalid(fields ...FieldError) *Error {
	return &Error{Code: CodeInvalid, Message: "Some members are not valid", Fields: fields}
}

// Conflict says that members collide with what is stored.
func Conflict(message string, fields ...FieldError) *Error {
	return &Error{Code: CodeConflict, Message: message, Fields: fields}
}

// InUse returns the conflict of members whose values other records have.
func InUse(fields ...FieldError) *Error { return Conflict("Value already in use", fields...) }

// UsedElsewhere says that another record has the value of a member.
func UsedElsewhere(field string) FieldError {
	return FieldError{field, "is already used by another record"}
}

// Precondition says that a record is not in the state that the caller expects.
func Precondition(message string) *Error {
	return &Error{Code: CodePrecondition, Message: message}
}

// Full says that storage has no space for what was to be written.
func Full(cause error) *Error {
	return &Error{Code: CodeUnavailable, Message: "The disk of the database is full: nothing can be written until there is room.", Cause: cause}
}

// ReadOnly says that storage can be read, and not written.
func ReadOnly(cause error) *Error {
	return &Error{Code: CodeUnavailable, Message: "The database accepts no writes at the moment. Try again shortly.", Cause: cause}
}

// Unavailable says that storage could not be reached or was too slow.
func Unavailable(cause error) *Error {
	return &Error{Code: CodeUnavailable, Message: "The database cannot be reached at the moment. Try again shortly.", Cause: cause}
}
