package crm

// What the change log holds:
//
//   - A transaction of a use case has an entry for each record that it changed, also for
//     those that refer to a deleted record and were cleared, for a company's former primary
//     contact, and for records that change hands. Of a transaction that changes more than
//     10,000 records, the entity with most of them has one entry that is bulk instead.
//   - A batch of an import has one entry for each entity, which is bulk and has the import's
//     id. bulk.Store.ImportedRecords returns the records.
//   - Sessions and keys that end, settings of the organisation, and caches that are cleared
//     have entries; the audit trail, passwords and last uses have none.
//
// Entries are numbered in the order of the commits, without gaps, and are part of the
// transaction that makes the change.

// Op says what happened to a record.
type Op string

// The operations of the change log.
const (
	OpCreated Op = "created"
	OpUpdated Op = "updated"
	OpDeleted Op = "deleted"
	OpBulk    Op = "bulk" // many records of the type at once; the entry names none of them
)

// The types of records in the change log.
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
	// EntityCache is entered when an admin clears the cache: the whole of it, or
	// (EntityCache + "." + its name) one of its tiers.
	EntityCache = "cache"
)

// Refs are the records that a change concerns, before and after it, so that readers of the
// change log need no further query.
type Refs struct {
	// PreviousOwners are those of Owner who no longer own the record. What it refers to now is
	// hidden from them.
	PreviousOwners []ID `json:"lost_by,omitempty"`
	Owner          []ID `json:"owner_id,omitempty"`
	Company        []ID `json:"company_id,omitempty"`
	Contact        []ID `json:"contact_id,omitempty"`
	Stage          []ID `json:"stage_id,omitempty"`
	Deal           []ID `json:"deal_id,omitempty"`
	Import         *ID  `json:"import_id,omitempty"` // the import that an entry is a batch of
}

// LogEntry is a row of an organisation's change log.
type LogEntry struct {
	Seq     int64   `json:"seq" doc:"Ascends by one with every change of the organisation, in the order of the commits."`
	Entity  string  `json:"entity" doc:"The type of the record that changed."`
	ID      *ID     `json:"id" doc:"The record; null when op is bulk."`
	Op      Op      `json:"op" enum:"created,updated,deleted,bulk" schema:"ChangeOperation"`
	ActorID *ID     `json:"actor_id" doc:"Who changed it; null for the command line."`
	KeyID   *ID     `json:"key_id" doc:"The API key that they used; null for none."`
	At      Instant `json:"at"`
	Refs    Refs    `json:"refs" doc:"The records that it refers to, before and after."`
}

// CommitListener is told of the transactions of this process that enter changes, before their
// Write returns. It must not block.
type CommitListener interface {
	// Committed receives the epoch, and the entries in order, as LogSince returns them. They do
	// not change any more.
	Committed(org ID, epoch string, entries []LogEntry)
	// CommitUnknown is called when it is not known whether a transaction was committed.
	CommitUnknown(org ID)
	// Unchanged is called after a transaction that had nothing to change, and saw the log up to
	// a position at least: what it found may have been written by another process, whose entries
	// are not read here yet.
	Unchanged(org ID, at LogPosition)
}

// TagScope is what a Tag narrows a type by.
type TagScope uint8

// The scopes of a tag.
const (
	ByAll   TagScope = iota // the whole type
	ByID                    // one record
	ByOwner                 // the records of an owner, and so on
	ByCompany
	ByContact
	ByStage
	ByDeal
)

// Tag names what an answer of an organisation depends on: records of one type, all of them or
// those of a scope. An entry of the change log invalidates the tags of what it changed; an
// answer is valid while none of its tags is invalidated.
type Tag struct {
	Entity string
	By     TagScope
	ID     ID // zero if By is ByAll
}

// Tags calls each with the tags that the entry invalidates. A bulk entry, or one that names no
// record, invalidates the whole type and with it every tag of the type: each is called with
// ByAll alone, and whole is true.
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
