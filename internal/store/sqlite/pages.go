package sqlite

import (
	"sync"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	writerCache = 16_000 // KiB of pages that the connection that writes keeps
	readerCache = 4_000  // and one that reads
	// pageSlot is what a page takes there, in bytes: itself, of the size that SQLite
	// chooses, and what is kept with it (SQLITE_CONFIG_PCACHE_HDRSZ).
	pageSlot = 4096 + 272
)

// initialised is done when SQLite has been: whatever it is configured with comes before.
var initialised sync.Once

// initialise initialises SQLite, for the whole process. With bulk it gets the memory for
// the pages of the writer and of one reader as one block of slots
// (https://www.sqlite.org/malloc.html#_page_cache_memory). Otherwise it allocates page by
// page, and the allocator rounds each, with its header, up to 8 KiB: fine where there are
// many readers, which mostly keep little, and a waste of time and of half the memory
// where one connection fills its cache again and again.
func initialise(bulk bool) {
	initialised.Do(func() {
		tls := libc.NewTLS()
		defer tls.Close()
		if bulk {
			reservePages(tls)
		}
		sqlite3.Xsqlite3_initialize(tls) // when it fails, so does opening
	})
}

// reservePages hands SQLite its block. If there is no memory for one, it does without.
func reservePages(tls *libc.TLS) {
	const slots = (writerCache + readerCache) * 1024 / pageSlot
	block := libc.Xmalloc(tls, slots*pageSlot)
	args := libc.Xmalloc(tls, 3*8)
	if block != 0 && args != 0 {
		sqlite3.Xsqlite3_config(tls, sqlite3.SQLITE_CONFIG_PAGECACHE, libc.VaList(args, block, int32(pageSlot), int32(slots)))
	}
	libc.Xfree(tls, args)
}
