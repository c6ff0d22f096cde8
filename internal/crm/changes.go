package crm

import (
	"context"
	"slices"
	"strings"
)

// ChangeLog is the change log of every organisation, numbered by seq in the order of the
// commits, without gaps. Errors are those of Store.
type ChangeLog interface {
	// LogEnds returns the seq of the last entry of each of these organisations, 0 for
	// one without any; organisations that do not exist are left out. What was
	// committed before LogEnds was called is counted in.
	LogEnds(ctx context.Context, orgs []ID) (map[ID]int64, error)
	// LogSince returns the entries after seq, oldest first, at most limit of them.
	LogSince(ctx context.Context, org ID, seq int64, limit int) ([]LogEntry, error)
}

// ChangePage is a stretch of the change log.
type ChangePage struct {
	Entries []LogEntry // those that the actor may hear of
	HasMore bool       // there are more after these
	Last    int64      // the seq of the last entry, of whatever it tells, or what was asked for when there is none
	// Reset tells that the log does not go on from where it was asked: entries are
	// missing that have been removed since, or there never were any.
	Reset bool
}

// Changes gives the entries of the change log after since, oldest first; at most limit.
func (s *Service) Changes(ctx context.Context, by Actor, since int64, limit int) (ChangePage, error) {
	page := ChangePage{Last: since}
	// The end comes first: what is entered meanwhile is read, and what is not read up to
	// there is not kept any more.
	ends, err := s.store.LogEnds(ctx, []ID{by.Org})
	if err != nil {
		return page, err
	}
	if page.Entries, err = s.store.LogSince(ctx, by.Org, since, limit+1); err != nil {
		return page, err
	}
	if page.HasMore = len(page.Entries) > limit; page.HasMore {
		page.Entries = page.Entries[:limit]
	}
	if n := len(page.Entries); n > 0 {
		page.Reset, page.Last = page.Entries[0].Seq != since+1, page.Entries[n-1].Seq
	} else {
		page.Last = ends[by.Org]
		page.Reset = since != page.Last
	}
	if by.OwnerScope() != nil {
		page.Entries = slices.DeleteFunc(page.Entries, func(e LogEntry) bool {
			_, shown := by.VisibleEntry(e)
			return !shown
		})
		for i := range page.Entries {
			page.Entries[i], _ = by.VisibleEntry(page.Entries[i])
		}
	}
	return page, nil
}

// VisibleEntry gives what the actor may hear of an entry of the change log; false: nothing.
// Whoever sees only what they own hears of what is theirs and of what is nobody's; what
// they lose is deleted to them, and when a thing has changed hands they do not hear what
// else it refers to, or did. That many things of a kind have changed at once, everybody
// hears: it names none of them.
func (a Actor) VisibleEntry(e LogEntry) (LogEntry, bool) {
	own := a.OwnerScope()
	if own == nil || e.ID == nil || e.Op == OpBulk {
		return e, true
	}
	switch {
	case e.Entity == EntityOrganisation, e.Entity == EntityOwner, e.Entity == EntityStage, strings.HasPrefix(e.Entity, EntityCache):
		return e, true
	case !slices.Contains(e.Refs.Owner, *own):
		return LogEntry{}, false
	case slices.Contains(e.Refs.PreviousOwners, *own):
		e.Op, e.Refs = OpDeleted, Refs{Owner: []ID{*own}}
	case len(e.Refs.Owner) > 1:
		e.Refs = Refs{Owner: []ID{*own}}
	}
	return e, true
}
