// Package architecture contains the import rules of the module: which packages may import
// which, each rule with its reason. It has tests only, which read the imports of the whole
// module and fail on an import that no rule allows, and on a package without a rule.
package architecture
