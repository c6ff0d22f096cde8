package crm

// Op says what happened to a thing.
type Op string

// The operations of the change log.
const (
	OpCreated Op = "created"
	OpUpdated Op = "updated"
	OpDeleted Op = "deleted"
	OpBulk    Op = "bulk" // many things of the kind at once; the entry names none of them
)

// The kinds of things that the change log speaks of.
const (
	EntityOrganisation = "organisation"
	EntityOwner        = "owner"
	EntityAPIKey       = "api_key"
	EntitySession      = "session"
	EntityCompany      = "company"
	EntityContact      = "contact"
	EntityDeal         = "deal"
	EntityStage        = "deal_stage"
	EntityActivity     = "activity"
	EntityTask         = "task"
	// EntityCache is entered when an admin has a cache cleared: the whole of it, or
	// (EntityCache + "." + its name) one of its tiers.
	EntityCache = "cache"
)

// Refs are the things that a change concerns, before and after it, so that a reader
// of the change log need not ask again.
type Refs struct {
	// PreviousOwners are those of Owner whose it was and is not any more. What it refers to now is
	// not for them to know.
	PreviousOwners []ID `json:"lost_by,omitempty"`
	Owner          []ID `json:"owner_id,omitempty"`
	Company        []ID `json:"company_id,omitempty"`
	Contact        []ID `json:"contact_id,omitempty"`
	Stage          []ID `json:"stage_id,omitempty"`
	Deal           []ID `json:"deal_id,omitempty"`
}

// LogEntry is a row of an organisation's change log.
type LogEntry struct {
	Seq     int64   `json:"seq" doc:"Ascends by one with every change of the organisation, in the order of the commits."`
	Entity  string  `json:"entity" doc:"The kind of thing that changed."`
	ID      *ID     `json:"id" doc:"The thing; null when op is bulk."`
	Op      Op      `json:"op" enum:"created,updated,deleted,bulk"`
	ActorID *ID     `json:"actor_id" doc:"Who changed it; null for the command line."`
	At      Instant `json:"at"`
	Refs    Refs    `json:"refs" doc:"The things that it refers to, before and after."`
}

// CommitListener hears of the transactions of this process that enter changes,
// before their Write returns. It must not block.
type CommitListener interface {
	// Committed hears what was entered, in order, as LogSince gives it. Nobody changes
	// the entries any more.
	Committed(org ID, entries []LogEntry)
	// CommitUnknown hears that it is not known whether a transaction was committed.
	CommitUnknown(org ID)
	// Unchanged hears of a transaction that had nothing to change, and saw the log up to
	// seq at least: what it found as it was to be may be of others, of whom nobody here
	// has heard yet.
	Unchanged(org ID, seq int64)
}

// TagScope is what a Tag narrows a kind by.
type TagScope uint8

// The aspects of a tag.
const (
	ByAll   TagScope = iota // the whole kind
	ByID                    // one thing
	ByOwner                 // the things of an owner, and so on
	ByCompany
	ByContact
	ByStage
	ByDeal
)

// Tag names what an answer of an organisation was made from: things of one kind, all of
// them or those that an aspect narrows them to. An entry of the change log raises the
// tags of what it has changed; an answer holds as long as none of its tags is raised.
type Tag struct {
	Entity string
	By     TagScope
	ID     ID // zero if By is ByAll
}

// Tags calls each with the tags that the entry raises. One that is bulk, or names
// nothing, raises the whole kind and with it every tag of the kind: each is called
// with ByAll alone, and whole is true.
func (e *LogEntry) Tags(each func(Tag)) (whole bool) {
	each(Tag{Entity: e.Entity})
	if e.ID == nil || e.Op == OpBulk {
		return true
	}
	each(Tag{e.Entity, ByID, *e.ID})
	for _, r := range [...]struct {
		by  TagScope
		ids []ID
	}{{ByOwner, e.Refs.Owner}, {ByCompany, e.Refs.Company}, {ByContact, e.Refs.Contact}, {ByStage, e.Refs.Stage}, {ByDeal, e.Refs.Deal}} {
		for _, id := range r.ids {
			each(Tag{e.Entity, r.by, id})
		}
	}
	return false
}
