// Package cache caches responses that are built from an organisation's data, without ever
// returning a stale one. Coherence rests on the change log: an entry carries the tags of
// the data it was built from and the log's position from before it was built, and is valid
// while none of its tags has been invalidated after that position. No keys are scanned or
// deleted. Lifetimes (see Tier) only bound how long an entry is cached.
//
// Entries are in memory, bounded in bytes, and behind that in a tier that instances share,
// if there is one (see Shared and package redis). Callers of the same key share one query
// as long as nothing of their organisation has changed between them.
//
// Entries are representations: status, header fields and body as they are sent, each
// content coding compressed at most once.
package cache
