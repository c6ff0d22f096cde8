// Package ratelimit says how often somebody may come. A request is charged to
// several limits at once: for each of its tiers that of whoever asks (an address, or
// a principal who is signed in), and for a principal also the ceiling of the
// organisation. It is charged to all of them or to none.
//
// A limit is kept by the generic cell rate algorithm (GCRA, ITU-T I.371): of each it
// is known at what time all that was taken will have grown back, and a request is
// allowed if what it costs does not move that time more than a window away. So a
// limit of N in a window lets N through at once and then N in every window, evenly;
// nobody gets twice as many where two windows meet.
//
// Whoever goes on asking when a limit is used up violates it. The violator is held
// up, longer each time, and in the end blocked for a while (see [Penalties]).
//
// With Redis, instances share the limits: one script charges a request, by the
// server's clock. For a caller who asks often it charges some requests more, which the
// instance then lets through without asking (see lease). Memory learns what came of it.
// It decides alone where there is no Redis, and while Redis does not answer, from what
// it has learnt; and whenever it asks it tells Redis what it knows. So neither losing
// Redis nor getting it back empty hands out a fresh allowance.
package ratelimit
