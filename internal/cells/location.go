package cells

import (
	"fmt"
	"time"
	_ "time/tzdata" // a container image need not have the database of time zones
)

// ParseLocation returns the place of a name in the IANA database of time zones, such as
// Europe/Berlin.
func ParseLocation(name string) (*time.Location, error) {
	place, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" { // which depend on where the program runs
		return nil, fmt.Errorf("%q must be a time zone such as Europe/Berlin or UTC", name)
	}
	return place, nil
}
