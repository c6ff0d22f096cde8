// Package ratelimit limits the rate of requests. A request is charged to several limits
// at once: for each of its tiers, the limit of the caller (an address or a signed-in
// principal) and, for a principal, also the ceiling of its organisation. It is charged
// to all of them or to none.
//
// A limit follows the generic cell rate algorithm (GCRA, ITU-T I.371): its state is the
// time at which everything taken will have been replenished. A request is allowed if its
// cost does not move that time more than one window into the future. A limit of N per
// window thus allows a burst of N and then a steady N per window, without the doubled
// burst at the boundary of fixed windows.
//
// Requests beyond a used-up limit are violations. They are delayed, longer each time, and
// finally the caller is blocked for a while (see [Penalties]).
//
// With Redis, instances share the limits: one script charges a request, by the server's
// clock. For a frequent caller it charges some further requests in advance, which the
// instance then allows without asking Redis again (see lease). The memory source records
// every result. It decides alone without Redis and while Redis does not answer, starting
// from what it has recorded; and each call reports the recorded state to Redis. So
// neither losing Redis nor finding it empty resets an allowance.
package ratelimit
