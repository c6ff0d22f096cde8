//go:build !race

package sqlite_test

// planDeals is the number of deals that plans are read on.
const planDeals = 50_000
