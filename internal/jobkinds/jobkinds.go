// Package jobkinds holds what the jobs of each kind do: a constructor of its jobs.Spec for each.
package jobkinds

import (
	"slices"

	"sixty/internal/jobs"
)

// complete returns a spec with the defaults of its kind.
func complete(s jobs.Spec) jobs.Spec {
	i := slices.IndexFunc(jobs.Kinds, func(d jobs.Default) bool { return d.Kind == s.Kind })
	s.Limits, s.System = jobs.Kinds[i].Limits, jobs.Kinds[i].System
	return s
}
