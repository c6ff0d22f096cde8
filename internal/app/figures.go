package app

import (
	"sixty/internal/config"
	"sixty/internal/httpapi"
	"sixty/internal/telemetry"
)

// figures returns what the instance has counted since it was started. Behind a pooler of
// transactions, statements are described once, and not prepared.
func (a *App) figures(pooler string) httpapi.Figures {
	core := a.core
	open, inUse, _ := core.engine.Stats()
	process := telemetry.Process()
	f := httpapi.Figures{
		Open: open, InUse: inUse, Redis: a.serving.redis != nil,
		Prepared: pooler != config.PoolerTransaction,
		Uptime:   core.Clock().Sub(a.started),
		Resident: process.Resident, HeapTotal: process.HeapTotal, HeapUsed: process.HeapUsed, CPU: process.CPU,
	}
	for _, s := range core.statements.Stats() {
		f.Statements = append(f.Statements, httpapi.StatementFigures(s))
	}
	return f
}
