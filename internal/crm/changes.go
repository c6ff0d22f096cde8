package crm

import "context"

// ChangePage is a stretch of the change log.
type ChangePage struct {
	Entries []LogEntry
	HasMore bool  // there are more after these
	Last    int64 // the seq of the last entry, or what was asked for when there is none
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
	return page, nil
}
