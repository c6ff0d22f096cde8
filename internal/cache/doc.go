// Package cache keeps answers that are made from an organisation's data, and gives
// none that is out of date. It is coherent by the change log: an entry carries the
// tags of what it was made from and the log's position from before it was made, and
// is valid while none of its tags was raised after that position. Nothing scans or
// deletes keys. Lifetimes (see Tier) only bound how long an entry is kept.
//
// Entries are kept in memory, bounded in bytes, and behind that in a tier that
// instances share, if there is one (see Shared and the package redis). Callers of
// one key share one query as long as nothing of their organisation has changed
// between them.
//
// What it keeps are representations: status, header fields and body as they go out,
// with each content coding made at most once.
package cache
