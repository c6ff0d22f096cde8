package jobkinds

import (
	"sixty/internal/crm"
	"sixty/internal/imports"
	"sixty/internal/jobs"
)

// BulkImport returns the kind that imports files, and undoes imports.
func BulkImport(s *imports.Service) jobs.Spec {
	return complete(jobs.Spec{Kind: jobs.BulkImport, Scope: crm.ScopeImport, Check: s.CheckJob, Run: s.Run})
}
