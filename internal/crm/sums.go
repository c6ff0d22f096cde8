package crm

// Records are added up as they change, so that a dashboard need not read them all. These are of the
// check that the kept sums are right.

// SumsDue is an organisation whose kept sums are to be checked, and the end of its change log.
type SumsDue struct {
	Org ID
	Seq int64
}

// SumDifference is a row of the kept sums that is not what it should be.
type SumDifference struct {
	Organisation ID     `json:"organisation"`
	Sum          string `json:"sum"`
	// Of names the row: stage or type, period, its first day, owner, and what else tells sums apart.
	Of   string `json:"of"`
	Kept string `json:"kept"` // its numbers by name
	True string `json:"true"`
}

// SumCheck is what checking the sums of an organisation has found.
type SumCheck struct {
	Records     int64           // that were added up
	Differing   int             // rows
	Differences []SumDifference // the first of them
}
