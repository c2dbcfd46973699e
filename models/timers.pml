/* Intervals in units of D / DEAD_AFTER: the same arithmetic as ha_core/timers.py, which tests/core/test_model.py ties to
 * this file. E, L and R of docs/protocols/leases.md.
 */
#ifndef DEAD_AFTER
#define DEAD_AFTER 10
#endif
#define ELECTION (DEAD_AFTER / 2)
#define COORDINATOR_LEASE (DEAD_AFTER * 45 / 100)
#define RUN_LEASE (DEAD_AFTER * 9 / 10)
#define DRIFT 1 /* a lease may last so long beyond what its holder counts: slow clocks, late guardians */
#define INHERITED (RUN_LEASE + DRIFT - ELECTION)

/* What a run shows when spin replays it. */
#define say(text, a, b) printf(text, a, b); printf("\n")

#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define age(what, limit) if :: what < (limit) -> what++ :: else fi
#define wane(what) if :: what > 0 -> what-- :: else fi
