package app

import (
	"context"
	"slices"
	"sync/atomic"

	"sixty/internal/config"
	"sixty/internal/crm"
	"sixty/internal/httpapi"
	"sixty/internal/jobs"
	"sixty/internal/mail"
	"sixty/internal/webhooks"
)

// grown is where the follower of the change log tells of changes: the feeder of webhooks, once
// there is one.
type grown struct {
	feeder atomic.Pointer[webhooks.Feeder]
}

// tell is a changes.Options.Grown.
func (g *grown) tell(orgs ...crm.ID) {
	if f := g.feeder.Load(); f != nil {
		f.Wake(orgs...)
	}
}

// jobAdder adds jobs to the core's service, which is made from what adds them.
type jobAdder struct{ core *Core }

func (j jobAdder) Add(ctx context.Context, by crm.Actor, add ...jobs.NewJob) ([]jobs.Job, error) {
	return j.core.Jobs.Add(ctx, by, add...)
}

// openWebhooks sets up what sends changes to webhooks.
func (s *serving) openWebhooks(cfg config.Server) error {
	hosts, addresses, err := webhooks.CheckAllowed(cfg.WebhookAllow)
	if err != nil {
		return &config.Invalid{Problems: []string{config.NameOf(cfg, "WebhookAllow") + " " + err.Error()}}
	}
	core := s.core
	s.hookClient = webhooks.NewClient(&webhooks.Guard{HTTP: !core.production, Hosts: hosts, Addresses: addresses}, nil)
	s.hooks = webhooks.NewService(webhooks.Options{
		Store: core.Store.Webhooks(), Log: core.Service, Jobs: jobAdder{core}, Client: s.hookClient,
		Encoder: httpapi.WebhookEncoder{Service: core.Service}, Now: core.Clock, Slots: slotsOf(jobs.SendNotification, cfg.Jobs),
		Disabled: core.tellOfDisabled,
	})
	s.hooks.Feeder.Logger = core.Log
	return nil
}

// slotsOf returns how many jobs of a kind the process runs at once.
func slotsOf(kind jobs.Kind, c config.Jobs) int {
	i := slices.IndexFunc(jobs.Kinds, func(d jobs.Default) bool { return d.Kind == kind })
	return withSettings([]jobs.Spec{{Kind: kind, Limits: jobs.Kinds[i].Limits}}, c)[0].Concurrency
}

// feedWebhooks adds jobs for what changes, until ctx ends.
func (s *serving) feedWebhooks(ctx context.Context) {
	s.core.grown.feeder.Store(s.hooks.Feeder)
	s.hooks.Feeder.Run(ctx)
}

// tellOfDisabled sends the admins of an organisation a message that a webhook was disabled.
func (c *Core) tellOfDisabled(ctx context.Context, by crm.Actor, e webhooks.Endpoint) error {
	var all []mail.Message
	q := crm.List[crm.OwnerFilter]{Sort: crm.Owners.Sorts.Default, Limit: crm.MaxLimit}
	for more := true; more; {
		page, err := c.Store.Reads(by).Owners().Page(ctx, by.Org, q)
		if err != nil {
			return err
		}
		for _, o := range page.Rows {
			if o.Role != crm.RoleAdmin || o.DeactivatedAt != nil || o.Email == nil || len(all) == maxTold {
				continue
			}
			all = append(all, mail.Message{
				To: *o.Email, Subject: "A webhook was disabled",
				Text: "The webhook " + e.URL + " does not receive changes any more. " + *e.StateReason +
					"\n\nWhat has changed since is sent once an admin enables it: POST /api/webhooks/" + e.ID.String() + "/enable\n",
			})
		}
		q.From, more = page.Last, page.HasMore
	}
	_, err := c.Mail.Send(ctx, by, all...)
	return err
}

// maxTold bounds the admins who are told of a webhook.
const maxTold = 20
