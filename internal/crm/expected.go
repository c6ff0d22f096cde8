package crm

import "slices"

// VersionCondition is what whoever changes or deletes a thing takes it to be, so that nobody
// undoes a change that they have not seen (RFC 9110 section 13.1.1). A use case compares
// it with the row that it has locked, in the transaction that changes it; CodePrecondition
// if it is another. Who may not write is told so instead, whatever they expect (section
// 13.2.1). The zero value takes the thing as it is.
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

// VersionIn expects a thing in one of these versions.
func VersionIn(versions ...int64) VersionCondition { return VersionCondition{expectOneOf, versions} }

// VersionNotIn expects a thing in any version but these.
func VersionNotIn(versions ...int64) VersionCondition {
	return VersionCondition{expectNoneOf, versions}
}

// check refuses a thing in a version that is not expected.
func (e VersionCondition) Check(version int64) error {
	if e.rule == expectAnything || slices.Contains(e.versions, version) == (e.rule == expectOneOf) {
		return nil
	}
	return Precondition("This has changed since you read it. Read it again, and then repeat your change.")
}
