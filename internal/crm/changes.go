package crm

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// LogPosition is a position in an organisation's change log: that of the entry seq, or 0
// for the beginning. Positions of two epochs cannot be compared.
type LogPosition struct {
	Epoch string
	Seq   int64
}

// String returns the position as clients receive it: EPOCH.SEQ.
func (p LogPosition) String() string {
	return string(p.Append(make([]byte, 0, len(p.Epoch)+20)))
}

// Append appends the position as String returns it.
func (p LogPosition) Append(b []byte) []byte {
	return strconv.AppendInt(append(append(b, p.Epoch...), '.'), p.Seq, 10)
}

// ConsistencyToken returns the token that stands for a position in the log of an organisation.
// The form is opaque to clients:
//
//	<epoch>.<organisation>.<seq>
func (p LogPosition) ConsistencyToken(org ID) string {
	var room [96]byte
	b := append(append(room[:0], p.Epoch...), '.')
	b = append(append(b, org.String()...), '.')
	return string(strconv.AppendInt(b, p.Seq, 10))
}

// minEpoch is the least length of an epoch.
const minEpoch = 8

// ParseLogPosition parses a position, or a seq alone, whose epoch is then "". ok is false if
// the text has the form of neither.
func ParseLogPosition(text string) (p LogPosition, ok bool) {
	epoch, number, found := strings.Cut(text, ".")
	if !found {
		epoch, number = "", text
	}
	odd := func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }
	seq, err := strconv.ParseInt(number, 10, 64)
	ok = err == nil && seq >= 0 && (!found || len(epoch) >= minEpoch && !strings.ContainsFunc(epoch, odd))
	return LogPosition{epoch, seq}, ok
}

// ChangeLog is the change log of every organisation, numbered by seq in the order of the
// commits, without gaps. Its epoch is a random name: there is a new one when entries may have
// been lost, because a backup was restored or another server has taken over. While the epoch
// is not established, reads return CodeUnavailable. Other errors are those of Store.
type ChangeLog interface {
	// LogEnds returns the epoch, and the seq of the last entry of each of these organisations,
	// 0 for one without any; organisations that do not exist are left out. What was
	// committed before LogEnds was called is counted in.
	LogEnds(ctx context.Context, orgs []ID) (LogEnds, error)
	// LogSince returns the epoch, and the entries after seq, oldest first, at most limit of them.
	LogSince(ctx context.Context, org ID, seq int64, limit int) (LogEntries, error)
}

// LogEnds are the ends of logs.
type LogEnds struct {
	Epoch string
	Seqs  map[ID]int64
}

// LogEntries are entries of one log.
type LogEntries struct {
	Epoch   string
	Entries []LogEntry
}

// LogGrowth is what has been entered since a mark.
type LogGrowth struct {
	LogEnds        // of the organisations whose logs have grown since the mark
	Mark    string // of the read; opaque
}

// LogTails are the last entries of logs.
type LogTails struct {
	Epoch string
	Tails map[ID]LogTail // of the organisations that exist
}

// LogTail is the end of one log.
type LogTail struct {
	End     int64
	Entries []LogEntry // the last ones, oldest first
}

// ChangePage is a page of the change log.
type ChangePage struct {
	Entries []LogEntry // those that the actor may see
	HasMore bool       // there are more after these
	// Last is the position of the last entry, visible or not, or the requested one when there is
	// none.
	Last LogPosition
	// Reset is true when the log does not continue at the requested position: entries have been
	// removed since, there never were any, or it is of another epoch.
	Reset bool
}

// errEpoch is the cause of a read that another epoch has begun under.
var errEpoch = errors.New("the change log has just got a new epoch")

// Changes returns the entries of the change log after since, oldest first; at most limit.
// Without an epoch, since is a position of the current one.
func (s *Service) Changes(ctx context.Context, by Actor, since LogPosition, limit int) (ChangePage, error) {
	var page ChangePage
	// The end comes first: what is entered meanwhile is read, and entries up to there that are
	// not read have been removed.
	ends, err := s.store.LogEnds(ctx, []ID{by.Org})
	if err != nil {
		return page, err
	}
	end := LogPosition{ends.Epoch, ends.Seqs[by.Org]}
	if since.Epoch != "" && since.Epoch != ends.Epoch {
		return ChangePage{Last: end, Reset: true}, nil
	}
	read, err := s.store.LogSince(ctx, by.Org, since.Seq, limit+1)
	if err != nil {
		return page, err
	}
	if read.Epoch != ends.Epoch {
		return page, Unavailable(errEpoch)
	}
	page.Entries = read.Entries
	if page.HasMore = len(page.Entries) > limit; page.HasMore {
		page.Entries = page.Entries[:limit]
	}
	if n := len(page.Entries); n > 0 {
		page.Reset, page.Last = page.Entries[0].Seq != since.Seq+1, LogPosition{read.Epoch, page.Entries[n-1].Seq}
	} else {
		page.Reset, page.Last = since.Seq != end.Seq, end
	}
	visible := make([]LogEntry, 0, len(page.Entries))
	for _, e := range page.Entries {
		if e, shown := by.VisibleEntry(e); shown {
			visible = append(visible, e)
		}
	}
	page.Entries = visible
	return page, nil
}

type followerKey struct{}

// WithFollowsLog returns the context of what follows the change log, on which the validity of
// everything cached depends: its reads come before those of requests.
func WithFollowsLog(ctx context.Context) context.Context {
	return context.WithValue(ctx, followerKey{}, true)
}

// FollowsLog reports whether a context is of what follows the change log.
func FollowsLog(ctx context.Context) bool { return ctx.Value(followerKey{}) != nil }

type epochKey struct{}

// WithEpochObserver returns a context in which each read of the database calls observe with
// the epoch of the change log of the server that it was answered by; with "" if that is not
// established. A database without servers that take over from each other does not call it.
func WithEpochObserver(ctx context.Context, observe func(epoch string)) context.Context {
	return context.WithValue(ctx, epochKey{}, observe)
}

// ObserveEpoch calls the context's observer of epochs, if it has any.
func ObserveEpoch(ctx context.Context, epoch string) {
	if observe, ok := ctx.Value(epochKey{}).(func(string)); ok {
		observe(epoch)
	}
}

// VisibleEntry returns what the actor may see of an entry of the change log; false: nothing.
// Entries of what only admins may read, such as keys, are visible to them alone, and a session's
// also to its person. An actor with an OwnerScope sees entries of their own records. A record that
// they lose is deleted to them, and when the owner has changed they do not see what else it refers
// to. Bulk entries of records are visible to everyone: they name none.
func (a Actor) VisibleEntry(e LogEntry) (LogEntry, bool) {
	own, shared := a.OwnerScope(), isShared(e.Entity)
	switch {
	case !shared && !IsOwned(e.Entity):
		return e, a.Role == RoleAdmin && (a.Key == (ID{}) || a.Scopes.Has(ScopeAdmin)) || e.Entity == EntitySession && slices.Contains(e.Refs.Owner, a.User)
	case shared, own == nil, e.ID == nil, e.Op == OpBulk:
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
