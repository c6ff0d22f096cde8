// Package day holds what the days of calls by the generated clients share.
package day

import (
	"crypto/rand"
	"os"
	"testing"
)

// Setting returns an environment variable that scripts/clients sets.
func Setting(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run make clients", name)
	}
	return value
}

// Mark returns a text that no other run puts into its records.
func Mark() string { return rand.Text()[:10] }

// Money are amounts that binary floating-point numbers of 32 bits cannot hold.
var Money = []float64{1234567.89, 0.01, 999999999.99}
