package jobs

import "time"

// An Observer is told of the jobs that a runner runs. It must not block.
type Observer interface {
	// JobStarted is called when an attempt begins, with the time since the job was due.
	JobStarted(kind Kind, waited time.Duration)
	// JobEnded is called when an attempt has ended, with the state that it leaves the job in.
	JobEnded(kind Kind, state State, took time.Duration)
}

// unobserved is the Observer of a runner that has none.
type unobserved struct{}

func (unobserved) JobStarted(Kind, time.Duration)      {}
func (unobserved) JobEnded(Kind, State, time.Duration) {}
