// Package crm is the domain: the things a sales team works with, the rules they
// keep, who may do what, and the use cases. It needs storage and describes what
// it needs as ports (Store, Tx); it knows no engine, no wire and no file format.
//
// Everything belongs to an organisation. Every use case takes the Actor on whose
// behalf it runs, and the organisation is always the actor's own: another
// organisation's things cannot be named, they are simply not found.
package crm
