package jobkinds_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sixty/internal/crm"
	"sixty/internal/jobs"
	"sixty/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var silent = slog.New(slog.DiscardHandler)

// A run is a job of the system that is claimed.
type run struct {
	t        *testing.T
	db       *store.Store
	spec     jobs.Spec
	claimed  jobs.Claimed
	stopping chan struct{}
}

// claim adds a job of the system, and claims it.
func claim(t *testing.T, db *store.Store, spec jobs.Spec) *run {
	t.Helper()
	spec.Attempts = 5
	if _, err := jobs.NewService(db.Jobs(), spec).Add(t.Context(), crm.Actor{}, jobs.NewJob{Kind: spec.Kind}); err != nil {
		t.Fatal(err)
	}
	r := &run{t: t, db: db, spec: spec}
	r.again()
	return r
}

// again claims the job that is ready.
func (r *run) again() {
	r.t.Helper()
	claimed, err := r.db.Jobs().Claim(r.t.Context(), []jobs.Want{{Kind: r.spec.Kind, Free: 1, Slots: 1}}, nil)
	if err != nil || len(claimed) != 1 {
		r.t.Fatalf("claimed %v, %v", claimed, err)
	}
	r.claimed, r.stopping = claimed[0], make(chan struct{})
}

// giveBack ends the attempt as one does that must stop, and claims the job again.
func (r *run) giveBack() {
	r.t.Helper()
	if err := r.db.Jobs().End(r.t.Context(), r.claimed.Lease, jobs.Outcome{State: jobs.Ready, Unused: true}); err != nil {
		r.t.Fatal(err)
	}
	r.again()
}

// do runs the handler.
func (r *run) do() (any, error) {
	r.t.Helper()
	task := jobs.NewTask(r.db.Jobs(), r.claimed, crm.Actor{}, r.stopping)
	return r.spec.Run(jobs.WithLease(r.t.Context(), r.claimed.Lease), task)
}

// result decodes what the handler has returned.
func (r *run) result(result any, err error, into any) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	text, err := jobs.Encode(result)
	if err = errors.Join(err, text.Decode(into)); err != nil {
		r.t.Fatal(err)
	}
}

// organisation makes an organisation with a service for its records.
func organisation(t *testing.T, db *store.Store, now func() time.Time) (*crm.Service, crm.Actor) {
	t.Helper()
	org := crm.Organisation{ID: crm.NewID(), Name: "Home " + t.Name(), DefaultCurrency: "GBP", RepsSee: crm.RepsSeeAll, CreatedAt: crm.InstantOf(now())}
	by := crm.Operator(org.ID)
	stage := crm.Stage{OrgID: org.ID, ID: crm.NewID(), Name: "Lead", Outcome: crm.OutcomeOpen, CreatedAt: org.CreatedAt, UpdatedAt: org.CreatedAt, Version: 1}
	err := db.Write(t.Context(), by, org.CreatedAt, func(tx store.Tx) error {
		return errors.Join(tx.PutOrganisation(t.Context(), org), tx.Stages().Insert(t.Context(), []crm.Stage{stage}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return crm.NewService(db.CRM(), now), by
}

// deal makes a deal.
func deal(ctx context.Context, t *testing.T, s *crm.Service, by crm.Actor) crm.Deal {
	t.Helper()
	d, err := s.CreateDeal(ctx, by, crm.DealPatch{Name: crm.Field[string]{Set: true, Value: "Ship"}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
