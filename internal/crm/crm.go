// Package crm is the domain: the records of a sales team, their rules, the roles, and the use
// cases. What it needs of storage are its ports (Store, Reads, Tx), which internal/store
// implements (Store.CRM) and internal/changes wraps (Tracked). It knows no engine, no protocol
// and no file format.
//
// Everything belongs to an organisation. Every use case takes the Actor that it runs for, and
// works in the actor's own organisation: records of others are not found.
package crm
