package jobs

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"sixty/internal/crm"
)

const (
	// pollPeriod is the time between two claims that nothing has announced: announcements may be
	// lost.
	pollPeriod = time.Second
	// pulsePeriod is the time between two looks at what clients want of the running jobs.
	pulsePeriod = 500 * time.Millisecond
	// renewPeriod is the time between two renewals of the leases.
	renewPeriod = LeaseTime / 3
	// claimLimit bounds a claim, so that a database that does not respond is asked again.
	claimLimit = 10 * time.Second
)

// RunnerOptions configure a Runner. The first three are required.
type RunnerOptions struct {
	Store Store
	Specs []Spec
	// Rights returns the actor of a job, with the rights that they have now; an error ends the
	// attempt, like one of the handler. It is not asked for jobs of the system.
	Rights func(context.Context, Job) (crm.Actor, error)

	// Handover tells of jobs that other instances have added; nil: none does.
	Handover Handover
	// Places are where the runner finds files; see NewJob.Place.
	Places   []string
	Logger   *slog.Logger // nil: nothing is logged
	Observer Observer     // nil: nothing is observed
	// StopLimit is how long running jobs may take to reach a checkpoint when the runner stops.
	StopLimit time.Duration
	// Schedules are the system's, by kind, as cron expressions. Those of other kinds are disabled.
	Schedules map[Kind]string
}

// A Runner claims jobs and runs them. It is safe for concurrent use.
type Runner struct {
	o        RunnerOptions
	specs    map[Kind]Spec
	wake     chan struct{}
	stopping chan struct{} // closed when the runner begins to stop

	mu      sync.Mutex
	running map[crm.ID]*attempt // by job
	used    map[Kind]int        // slots
	ended   sync.WaitGroup      // attempts
}

// NewRunner returns a runner, which Run starts.
func NewRunner(o RunnerOptions) *Runner {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	r := &Runner{
		o: o, specs: make(map[Kind]Spec, len(o.Specs)), wake: make(chan struct{}, 1), stopping: make(chan struct{}),
		running: map[crm.ID]*attempt{}, used: map[Kind]int{},
	}
	for _, spec := range o.Specs {
		r.specs[spec.Kind] = spec
	}
	return r
}

// Wake makes the runner look for jobs at once. It does not block.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Run claims and runs jobs until ctx ends. Then running jobs have StopLimit to reach a checkpoint,
// before they are interrupted, and all are returned to the queue. Run returns when none is left.
func (r *Runner) Run(ctx context.Context) {
	work, interrupt := context.WithCancelCause(context.WithoutCancel(ctx))
	defer interrupt(nil)
	var helpers sync.WaitGroup
	keeping, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	defer stopKeeping()
	helpers.Go(func() { r.keepLeases(keeping) })
	helpers.Go(func() { r.pulse(keeping) })
	helpers.Go(func() { r.sweep(ctx) })
	helpers.Go(func() { r.watch(ctx) })
	if r.o.Handover != nil {
		helpers.Go(func() { r.pop(ctx) })
	}
	poll := time.NewTicker(pollPeriod)
	defer poll.Stop()
	for ctx.Err() == nil {
		r.claim(ctx, work)
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-poll.C:
		}
	}
	close(r.stopping)
	r.await(interrupt)
	stopKeeping()
	helpers.Wait()
}

// await waits for the running attempts, and interrupts them after the limit.
func (r *Runner) await(interrupt context.CancelCauseFunc) {
	ended := make(chan struct{})
	go func() {
		r.ended.Wait()
		close(ended)
	}()
	limit := time.NewTimer(r.o.StopLimit)
	defer limit.Stop()
	select {
	case <-ended:
		return
	case <-limit.C:
	}
	interrupt(ErrStopping)
	<-ended
}

// claim claims as many jobs as there are free slots, and starts them.
func (r *Runner) claim(ctx, work context.Context) {
	for {
		wants := r.wants()
		if len(wants) == 0 || ctx.Err() != nil {
			return
		}
		limited, cancel := context.WithTimeout(ctx, claimLimit)
		claimed, err := r.o.Store.Claim(limited, wants, r.o.Places)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				r.o.Logger.Log(ctx, levelOf(err), "no jobs could be claimed", "error", err)
			}
			return
		}
		for _, c := range claimed {
			r.start(work, c)
		}
		if !filled(wants, claimed) {
			return
		}
		r.handOn(ctx, claimed)
	}
}

// handOn tells other instances of kinds that may have more jobs than this one can take.
func (r *Runner) handOn(ctx context.Context, claimed []Claimed) {
	if r.o.Handover == nil {
		return // they are told of each job
	}
	free := r.free()
	var more []Kind
	for i := range claimed {
		if kind := claimed[i].Job.Kind; !slices.Contains(free, kind) && !slices.Contains(more, kind) {
			more = append(more, kind)
		}
	}
	if len(more) > 0 {
		_ = r.o.Handover.Push(ctx, more) // or they find them
	}
}

// filled reports whether any kind got as many jobs as it wanted, so that there may be more.
func filled(wants []Want, claimed []Claimed) bool {
	return slices.ContainsFunc(wants, func(w Want) bool {
		n := 0
		for i := range claimed {
			if claimed[i].Job.Kind == w.Kind {
				n++
			}
		}
		return n == w.Free
	})
}

// wants returns the kinds with free slots.
func (r *Runner) wants() []Want {
	r.mu.Lock()
	defer r.mu.Unlock()
	wants := make([]Want, 0, len(r.o.Specs))
	for _, spec := range r.o.Specs {
		if free := spec.Concurrency - r.used[spec.Kind]; free > 0 {
			wants = append(wants, Want{Kind: spec.Kind, Free: free, Slots: spec.Concurrency, Held: r.held(spec.Kind)})
		}
	}
	return wants
}

// held returns how many jobs of a kind run, by organisation. The caller has the lock.
func (r *Runner) held(kind Kind) map[crm.ID]int {
	held := map[crm.ID]int{}
	for _, a := range r.running {
		if a.task.Job.Kind == kind {
			held[a.task.Job.OrgID]++
		}
	}
	return held
}

// free returns the kinds with free slots.
func (r *Runner) free() []Kind {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kinds []Kind
	for _, spec := range r.o.Specs {
		if r.used[spec.Kind] < spec.Concurrency {
			kinds = append(kinds, spec.Kind)
		}
	}
	return kinds
}

// repeat calls work periodically until ctx ends.
func repeat(ctx context.Context, period time.Duration, work func()) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			work()
		}
	}
}

// levelOf returns the level that a failure is logged at: a database that is away is told of
// elsewhere.
func levelOf(err error) slog.Level {
	if crm.CodeOf(err) == crm.CodeUnavailable {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// watch wakes the runner when the storage tells of jobs, until ctx ends.
func (r *Runner) watch(ctx context.Context) {
	for ctx.Err() == nil {
		err := r.o.Store.Watch(ctx, r.Wake)
		if ctx.Err() != nil {
			return
		}
		r.o.Logger.Log(ctx, levelOf(err), "new jobs are not announced by the database; they are looked for periodically", "error", err)
		pause(ctx, pollPeriod)
	}
}

// pop wakes the runner when another instance hands a job over, until ctx ends.
func (r *Runner) pop(ctx context.Context) {
	for ctx.Err() == nil {
		kinds := r.free()
		if len(kinds) == 0 {
			pause(ctx, pulsePeriod)
			continue
		}
		handed, err := r.o.Handover.Pop(ctx, kinds)
		switch {
		case err != nil: // it is told by the connection
			pause(ctx, pollPeriod)
		case handed:
			r.Wake()
		}
	}
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
