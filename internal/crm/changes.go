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

// ChangePage is a page of the change log.
type ChangePage struct {
	Entries []LogEntry // those that the actor may see
	HasMore bool       // there are more after these
	Last    int64      // the seq of the last entry, visible or not, or the requested one when there is none
	// Reset is true when the log does not continue at the requested seq: entries have been
	// removed since, or there never were any.
	Reset bool
}

// Changes returns the entries of the change log after since, oldest first; at most limit.
func (s *Service) Changes(ctx context.Context, by Actor, since int64, limit int) (ChangePage, error) {
	page := ChangePage{Last: since}
	// The end comes first: what is entered meanwhile is read, and entries up to there that are
	// not read have been removed.
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

// VisibleEntry returns what the actor may see of an entry of the change log; false: nothing.
// An actor with an OwnerScope sees entries of their own records. A record that they lose is
// deleted to them, and when the owner has changed they do not see what else it refers to. Bulk
// entries are visible to everyone: they name no record.
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
