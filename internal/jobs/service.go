package jobs

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"sixty/internal/crm"
)

// Service adds jobs, and answers what is known of them.
type Service struct {
	// Trail enters what is done to jobs in the audit trail; nil: nothing is entered. It is set before
	// the service is used.
	Trail Trail

	store Store
	specs map[Kind]Spec
}

// NewService returns the use cases over a store, for the kinds of the specs.
func NewService(store Store, specs ...Spec) *Service {
	s := &Service{store: store, specs: make(map[Kind]Spec, len(specs))}
	for _, spec := range specs {
		s.specs[spec.Kind] = spec
	}
	return s
}

// Add adds jobs of the actor's organisation: as part of the transaction that the context has joined
// (crm.Service.Atomic), or in one of its own. It checks no arguments. See Store.Insert.
func (s *Service) Add(ctx context.Context, by crm.Actor, jobs ...NewJob) ([]Job, error) {
	rows := make([]Job, len(jobs))
	for i, n := range jobs {
		row, err := newJob(s.specs, by, n)
		if err != nil {
			return nil, err
		}
		rows[i] = row
	}
	return s.store.Insert(ctx, by, rows)
}

// newJob returns the job as it is inserted; the storage completes its times.
func newJob(specs map[Kind]Spec, by crm.Actor, n NewJob) (Job, error) {
	spec, ok := specs[n.Kind]
	if !ok {
		return Job{}, fmt.Errorf("there are no jobs of the kind %q", n.Kind)
	}
	args, err := Encode(n.Args)
	if err != nil {
		return Job{}, fmt.Errorf("the arguments of a job: %w", err)
	}
	if !utf8.ValidString(string(args)) {
		return Job{}, errors.New("the arguments of a job are not UTF-8")
	}
	j := Job{
		OrgID: by.Org, ID: crm.NewID(), Kind: n.Kind, State: Ready, Priority: n.Priority, MaxAttempts: spec.Attempts, Args: args,
		ActorID: by.UserID(), KeyID: by.KeyID(), ScheduleID: n.ScheduleID, Slot: n.Slot, Delay: n.Delay, RunAt: n.RunAt,
	}
	if n.Delay > 0 || n.RunAt > 0 {
		j.State = Scheduled
	}
	if n.UniqueKey != "" {
		j.UniqueKey = &n.UniqueKey
	}
	if n.Place != "" {
		j.Place = &n.Place
	}
	return j, nil
}
