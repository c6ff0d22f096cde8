package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sixty/internal/crm"
)

// Bounds of what is asked for over the API.
const (
	MaxPriority     = 10 // and its negative
	MaxAhead        = 366 * 24 * time.Hour
	MaxUniqueLength = 100 // characters of a unique key
)

// ReasonScope is the reason of an error because a credential lacks the scope of a kind.
const ReasonScope = "key.scope"

// RequestPatch is a job as it is asked for over the API.
type RequestPatch struct {
	Kind         crm.Field[string]          `json:"kind"`
	Args         crm.Field[json.RawMessage] `json:"args" doc:"What it is to do, by kind."`
	Priority     crm.Field[int]             `json:"priority"`
	RunAt        crm.Field[crm.Instant]     `json:"run_at" nullable:"true"`
	UniqueKey    crm.Field[string]          `json:"unique_key" nullable:"true"`
	DecodeErrors crm.DecodeErrors           `json:"-"`
}

// KindsOverAPI returns the kinds that can be asked for over the API, in their order.
func (s *Service) KindsOverAPI() []string {
	var names []string
	for _, d := range Kinds {
		if spec, ok := s.specs[d.Kind]; ok && spec.Scope != 0 {
			names = append(names, string(d.Kind))
		}
	}
	return names
}

// Request adds a job that is asked for over the API. If the person has another one of the kind with
// the same unique key, which has not ended, that one is returned.
func (s *Service) Request(ctx context.Context, by crm.Actor, p RequestPatch) (Job, error) {
	now, err := s.store.Now(ctx)
	if err != nil {
		return Job{}, err
	}
	r := crm.Rules{Bad: p.DecodeErrors}
	n := NewJob{Kind: Kind(p.Kind.Value), Args: p.Args.Value, Priority: p.Priority.Value}
	if p.Priority.Null {
		r.Add("priority", "must be a whole number")
	}
	if n.Priority < -MaxPriority || n.Priority > MaxPriority {
		r.Add("priority", "must be between %d and %d, not %d", -MaxPriority, MaxPriority, n.Priority)
	}
	if at := p.RunAt; at.Set && !at.Null {
		if at.Value > now+crm.Instant(MaxAhead.Microseconds()) {
			r.Add("run_at", "must be within %d days, not at %s", int(MaxAhead.Hours())/24, at.Value)
		}
		n.RunAt = at.Value
	}
	if key := p.UniqueKey; key.Set && !key.Null {
		if n := utf8.RuneCountInString(key.Value); n == 0 || n > MaxUniqueLength || strings.ContainsRune(key.Value, 0) {
			r.Add("unique_key", "must have from 1 to %d characters, and no NUL", MaxUniqueLength)
		}
		// Its person's own: jobs that the program itself adds, and those of others, do not collide.
		n.UniqueKey = "of " + by.User.String() + ": " + key.Value
	}
	if err := s.check(ctx, by, p.Kind, p.Args, &r); err != nil {
		return Job{}, err
	}
	added, err := s.Add(ctx, by, n)
	if err != nil {
		return Job{}, err
	}
	return added[0], nil
}

// check checks the kind and the arguments of what a person asks for, and returns all that is wrong
// with it: also what r has.
func (s *Service) check(ctx context.Context, by crm.Actor, kind crm.Field[string], args crm.Field[json.RawMessage], r *crm.Rules) error {
	spec := s.specs[Kind(kind.Value)]
	if spec.Scope == 0 {
		r.Add("kind", "must be one of %s", strings.Join(s.KindsOverAPI(), ", "))
		return r.Err()
	}
	if err := s.requireScope(by, spec.Kind); err != nil {
		return err
	}
	switch text := strings.TrimSpace(string(args.Value)); {
	case !args.Set || args.Null:
		r.Add("args", "must be given")
	case !strings.HasPrefix(text, "{"):
		r.Add("args", "must be an object")
	}
	if slices.ContainsFunc(r.Bad, func(b crm.FieldError) bool { return b.Field == "args" }) {
		return r.Err()
	}
	err := spec.Check(ctx, by, args.Value)
	var invalid *crm.Error
	if errors.As(err, &invalid) && invalid.Code == crm.CodeInvalid {
		for _, f := range invalid.Fields {
			r.Bad = append(r.Bad, crm.FieldError{Field: "args/" + f.Field, Message: f.Message})
		}
		if len(invalid.Fields) == 0 {
			r.Add("args", "must be those of the kind %s: %s", kind.Value, invalid.Message)
		}
		err = nil
	}
	if err != nil {
		return err
	}
	return r.Err()
}

// requireScope returns CodeForbidden for a credential that lacks the scope of a kind: to write, if
// the kind has none. The command line has no scopes, and needs none.
func (s *Service) requireScope(by crm.Actor, kind Kind) error {
	scope := cmp.Or(s.specs[kind].Scope, crm.ScopeWrite)
	if by.Scopes == 0 || by.Scopes.Has(scope) {
		return nil
	}
	return &crm.Error{
		Code: crm.CodeForbidden, Reason: ReasonScope, Message: "Jobs of the kind " + string(kind) + " need the scope " + scope.String() + ".",
	}
}
