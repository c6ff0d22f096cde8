package app

import (
	"maps"
	"slices"

	"sixty/internal/config"
	"sixty/internal/jobs"
)

// withSettings returns specs with the limits of the settings.
func withSettings(specs []jobs.Spec, c config.Jobs) []jobs.Spec {
	set := c.ByKind()
	specs = slices.Clone(specs)
	for i := range specs {
		l, name := &specs[i].Limits, string(specs[i].Kind)
		override(&l.Concurrency, set.Concurrency, name)
		override(&l.Total, set.Total, name)
		override(&l.Attempts, set.Attempts, name)
		if b, ok := set.Backoff[name]; ok {
			l.Backoff = jobs.Backoff{First: b.First, Exponential: b.Exponential}
		}
	}
	return specs
}

func override(limit *int, by map[string]int, name string) {
	if n, ok := by[name]; ok {
		*limit = n
	}
}

// systemSchedules returns the cron expressions of the system's jobs, "" for those without one. The
// error is a *config.Invalid.
func systemSchedules(c config.Jobs) (map[jobs.Kind]string, error) {
	all := map[jobs.Kind]string{}
	set := c.ByKind().Schedules
	var problems []string
	for _, d := range jobs.Kinds {
		if d.System {
			all[d.Kind] = d.Cron
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		_, system := all[jobs.Kind(name)]
		problem := ""
		if !system {
			problem = "must be a kind of the system: organisations have schedules of their own"
		} else if set[name] != "" {
			if err := jobs.ValidCron(set[name], 0); err != nil {
				problem = err.Error()
			}
		}
		if problem != "" {
			problems = append(problems, config.NameOf(c, "JobSchedules")+" of "+name+" "+problem)
			continue
		}
		all[jobs.Kind(name)] = set[name]
	}
	if len(problems) > 0 {
		return nil, &config.Invalid{Problems: problems}
	}
	return all, nil
}

// replaced returns specs, with those of the same kind that others has instead, and its further ones.
func replaced(specs, others []jobs.Spec) []jobs.Spec {
	specs = slices.DeleteFunc(slices.Clone(specs), func(s jobs.Spec) bool {
		return slices.ContainsFunc(others, func(o jobs.Spec) bool { return o.Kind == s.Kind })
	})
	return append(specs, others...)
}
