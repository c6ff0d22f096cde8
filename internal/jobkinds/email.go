package jobkinds

import (
	"context"
	"encoding/json"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/mail"
)

// SendEmail sends the messages of the outbox. It is added by what writes a message, and not over the API.
// reset writes the message to who has lost their password.
func SendEmail(messages *mail.Service, reset func(ctx context.Context, email, organisation string) error) jobs.Spec {
	return complete(jobs.Spec{
		Kind: jobs.SendEmail,
		Check: func(context.Context, crm.Actor, json.RawMessage) error {
			return crm.Forbidden("Messages are sent by what writes them.")
		},
		Run: func(ctx context.Context, t *jobs.Task) (any, error) { return sendEmail(ctx, t, messages, reset) },
	})
}

// sentMessage is the result of a job that sends a message.
type sentMessage struct {
	Message crm.ID     `json:"message"`
	State   mail.State `json:"state"`
}

func sendEmail(ctx context.Context, t *jobs.Task, messages *mail.Service, reset func(ctx context.Context, email, organisation string) error) (any, error) {
	var args mail.Args
	if err := t.Args(&args); err != nil {
		return nil, err
	}
	if args.Reset != nil {
		return nil, reset(ctx, args.Reset.Email, args.Reset.Organisation)
	}
	_, update, err := messages.Deliver(ctx, t.Job.OrgID, args.Message)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err // it goes on elsewhere, or is cancelled
		}
		failed := mail.Update{State: mail.Waiting, Error: new(err.Error())}
		if mail.IsPermanent(err) || t.Job.Attempt >= t.Job.MaxAttempts {
			failed.State = mail.Failed
		}
		if noting := messages.Note(ctx, t.By, args.Message, failed); noting != nil {
			return nil, noting
		}
		if mail.IsPermanent(err) {
			err = jobs.Permanent(err)
		}
		return nil, err
	}
	result := sentMessage{args.Message, update.State}
	// When the process is killed before this is committed, the message is sent again, with the same
	// Message-ID.
	return result, t.Complete(ctx, result, func(ctx context.Context) error { return messages.Note(ctx, t.By, args.Message, update) })
}
