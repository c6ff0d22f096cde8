// Package architecture holds the import rules of the house: which room may import
// which, each with the reason beside it. It has tests only; they read the imports
// of the whole module and fail on one that no rule allows, and on a room that has
// no rule yet.
package architecture
