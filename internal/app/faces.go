package app

import (
	"context"

	"sixty/internal/accounts"
	"sixty/internal/auth"
	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/files"
	"sixty/internal/httpapi"
	"sixty/internal/ratelimit"
	"sixty/internal/server"
)

// faces returns the HTTP pipeline with all that it serves.
func (a *App) faces(cfg config.Config, proxies ratelimit.Proxies) (*server.Server, error) {
	core := a.core
	s, err := server.New(server.Options{
		Bearers:          auth.BearerTokens{Keys: core.Keys, Tokens: a.serving.tokens},
		Sessions:         a.serving.sessions,
		Writes:           core.Service,
		Cache:            a.serving.cache,
		Changes:          core.changes,
		Shared:           a.serving.sharedWrites(),
		Seal:             a.serving.seal,
		Logger:           core.Log,
		Devices:          a.serving.devices,
		Limits:           a.serving.limits,
		Proxies:          proxies,
		MaxRequests:      cfg.MaxRequests,
		Connections:      cfg.MaxConns,
		PrincipalStreams: cfg.StreamsPerPrincipal, OrganisationStreams: cfg.StreamsPerOrganisation,
		Denied: func(ctx context.Context, by crm.Actor, operation string) {
			core.failures.Record(ctx, accounts.FailedForbidden, by, accounts.AuditEvent{
				Action: accounts.ActionForbidden, Details: map[string]string{"operation": operation},
			})
		},
		FrontendOrigins: cfg.Origins(),
		Development:     cfg.Env == config.Development,
		StrictTransport: cfg.SecureTransport(),
	})
	if err != nil {
		return nil, err
	}
	if _, err := httpapi.New(httpapi.Options{
		Server:     s,
		Service:    core.Service,
		Accounts:   core.Accounts,
		Keys:       core.Keys,
		Sessions:   a.serving.sessions,
		Identities: a.serving.people,
		Tokens:     a.serving.tokens,
		Sealer:     a.sealer,
		Files:      core.Files,
		Links:      files.NewLinks(derivedKey(a.serving.seal, "download links"), core.Clock),
		Jobs:       core.Jobs,
		Imports:    core.Imports, ImportMaxBytes: cfg.ImportMaxBytes,
		Mail:         core.Mail,
		FrontEnd:     core.frontEnd,
		Webhooks:     a.serving.hooks,
		ListLimit:    cfg.ListLimit,
		Health:       health{a},
		Figures:      a.serving.figures,
		Analyses:     core.analyses,
		ObserveVital: func(v httpapi.WebVital) { core.metrics.ObserveVital(v.Name, v.Value) },
		Docs:         true,
	}); err != nil {
		return nil, err
	}
	// A proxy on this host forwards what is under /api, and may not say that it does.
	for path, local := range map[string]bool{"/metrics": true, "/api/metrics": cfg.Env != config.Production} {
		s.HandleInternal("GET "+path, local, func(ctx context.Context, by crm.Actor) error {
			return core.Accounts.RequireOperator(ctx, by, "read the metrics")
		}, core.metrics.Handler())
	}
	return s, nil
}
