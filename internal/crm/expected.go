package crm

import "slices"

// VersionCondition is the version that a caller expects of a record that they change or
// delete, so that changes that they have not seen are not overwritten (RFC 9110 section
// 13.1.1). A use case compares it with the row that it has locked, in the transaction that
// changes it; CodePrecondition if it differs. A caller who may not write gets CodeForbidden
// instead (section 13.2.1). The zero value accepts any version.
type VersionCondition struct {
	rule      expectation
	versions  []int64
	existence Existence
}

// Existence is whether a caller expects that there is a record at all, whatever its version.
type Existence byte

// The expectations of existence.
const (
	MayExist Existence = iota
	MustExist
	MustNotExist
)

type expectation byte

const (
	expectAnything expectation = iota
	expectOneOf
	expectNoneOf
)

// VersionIn expects a record in one of these versions.
func VersionIn(versions ...int64) VersionCondition {
	return VersionCondition{rule: expectOneOf, versions: versions}
}

// VersionNotIn expects a record in any version but these.
func VersionNotIn(versions ...int64) VersionCondition {
	return VersionCondition{rule: expectNoneOf, versions: versions}
}

// Existing returns the condition with another: that there is a record.
func (e VersionCondition) Existing() VersionCondition {
	e.existence = MustExist
	return e
}

// New returns the condition with another: that there is no record yet.
func (e VersionCondition) New() VersionCondition {
	e.existence = MustNotExist
	return e
}

// OfPart splits the condition on a part of a record: its version is the record's, but the part
// may not exist yet.
func (e VersionCondition) OfPart() (record VersionCondition, part Existence) {
	part, e.existence = e.existence, MayExist
	return e, part
}

// Check rejects what exists, or does not, against the expectation.
func (e Existence) Check(exists bool) error {
	switch {
	case e == MustExist && !exists:
		return Precondition("This does not exist yet, and you expect that it does.")
	case e == MustNotExist && exists:
		return Precondition("This exists already, and you expect that it does not.")
	}
	return nil
}

// Check rejects a version that is not expected.
func (e VersionCondition) Check(version int64) error {
	if err := e.existence.Check(true); err != nil {
		return err
	}
	if e.rule == expectAnything || slices.Contains(e.versions, version) == (e.rule == expectOneOf) {
		return nil
	}
	return Precondition("This has changed since you read it. Read it again, and then repeat your change.")
}
