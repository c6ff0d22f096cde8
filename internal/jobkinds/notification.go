package jobkinds

import (
	"context"
	"encoding/json"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/webhooks"
)

// Notification returns the kind that sends changes to webhooks. Its jobs are added by the
// webhooks' Feeder, and cannot be asked for.
func Notification(hooks *webhooks.Service) jobs.Spec {
	return complete(jobs.Spec{
		Kind: jobs.SendNotification,
		Check: func(context.Context, crm.Actor, json.RawMessage) error {
			return crm.Invalid(crm.FieldError{Field: "kind", Message: "must not be " + string(jobs.SendNotification) + ": webhooks have their jobs added"})
		},
		Run: hooks.Deliver,
	})
}
