package crm

import "slices"

// VersionCondition is the version that a caller expects of a record that they change or
// delete, so that changes that they have not seen are not overwritten (RFC 9110 section
// 13.1.1). A use case compares it with the row that it has locked, in the transaction that
// changes it; CodePrecondition if it differs. A caller who may not write gets CodeForbidden
// instead (section 13.2.1). The zero value accepts any version.
type VersionCondition struct {
	rule     expectation
	versions []int64
}

type expectation byte

const (
	expectAnything expectation = iota
	expectOneOf
	expectNoneOf
)

// VersionIn expects a record in one of these versions.
func VersionIn(versions ...int64) VersionCondition { return VersionCondition{expectOneOf, versions} }

// VersionNotIn expects a record in any version but these.
func VersionNotIn(versions ...int64) VersionCondition {
	return VersionCondition{expectNoneOf, versions}
}

// Check rejects a version that is not expected.
func (e VersionCondition) Check(version int64) error {
	if e.rule == expectAnything || slices.Contains(e.versions, version) == (e.rule == expectOneOf) {
		return nil
	}
	return Precondition("This has changed since you read it. Read it again, and then repeat your change.")
}
