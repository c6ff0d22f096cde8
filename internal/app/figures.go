package app

import (
	"sixty/internal/httpapi"
	"sixty/internal/telemetry"
)

// figures returns what the instance has counted since it was started. Behind a pooler of
// transactions, statements are described once, and not prepared.
func (s *serving) figures() httpapi.Figures {
	core := s.core
	open, inUse, _ := core.engine.Stats()
	process := telemetry.Process()
	f := httpapi.Figures{
		Open: open, InUse: inUse, Redis: s.redis != nil,
		Prepared: core.prepared,
		Uptime:   core.Clock().Sub(s.started),
		Resident: process.Resident, HeapTotal: process.HeapTotal, HeapUsed: process.HeapUsed, CPU: process.CPU,
	}
	for _, of := range core.statements.Stats() {
		f.Statements = append(f.Statements, httpapi.StatementFigures(of))
	}
	return f
}
