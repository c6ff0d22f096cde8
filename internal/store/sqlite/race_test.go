//go:build race

package sqlite_test

// planDeals is the number of deals that plans are read on. SQLite is Go here, and
// thirty times slower under the race detector; its plans hardly go by sizes.
const planDeals = 5_000
