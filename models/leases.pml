/* Who may run a resource: three nodes, their run leases, and the takeover from a node that is lost.
 *
 * Asserts that the gates of two nodes are never open at once. Takes from elections.pml what that asserts: at most one
 * coordinator acts, and it was elected at least E after every round that its predecessors' leases are dated by. So one
 * coordinator is enough here, and terms need no numbers: what is not of the newest term is old, however many there were.
 * How to read and run it: models/README.md; the argument in words: docs/protocols/leases.md.
 *
 * Every step may wait for ever, so that pauses, freezes, dead daemons and late or lost messages are runs like all others.
 */
#include "timers.pml"

#ifndef STAYS
#define STAYS 2 /* admissions of one node by one coordinator; after that another one must be elected */
#endif

/* Errors that can be sown by -D, one at a time: the search must find each. */
#ifdef BUG_RUN_LEASE_BEYOND_BOUND
#define R_USED (RUN_LEASE + 1)
#else
#define R_USED RUN_LEASE
#endif
#ifdef BUG_INHERITED_NOT_AWAITED
#define INHERITED_USED 0
#else
#define INHERITED_USED INHERITED
#endif
#ifdef BUG_NO_MARGIN_FOR_DRIFT
#define MARGIN 0
#else
#define MARGIN DRIFT
#endif

#define N 3

/* What the coordinator knows of the resource on a node. */
#define MAY_RUN 0
#define RUNS 1
#define STOPPED 2

/* How a node stands with the coordinator. */
#define LOST 0
#define PENDING 1 /* admitted again; its lease is renewed when it has reported */
#define MEMBER 2

/* The nodes. */
byte lease[N]; /* how long the gate still holds, in true time */
bool runs[N]; /* the resource is started; its gate is open while the lease lasts, and opens again if it is renewed in time */
bool fresh[N]; /* this start of the daemon has not been admitted */
bool follows[N] = true; /* the newest coordinator; else an older one */
byte stay[N]; /* number of the admission it holds; 0 = none */

/* The newest coordinator. */
bool leads = true; /* it has not given up and not started again */
byte acked = ELECTION; /* age of its newest round that a majority has answered; ELECTION = so old that it is worth nothing */
byte bound[N]; /* how long it must wait for a lease of that node */
byte known[N];
byte admission[N] = 1;
byte standing[N] = MEMBER;

/* What is sent arrives at once or is lost, and one message at a time is late: it stays until another takes its place or
 * nobody would take it any more, so it may arrive never, once or often. (Rounds, answers and requests are late without
 * this: `acked` may be as old as you like.)
 */
mtype = {nothing, grant, order, report};
mtype late = nothing;
bool late_is_old; /* sent by, or to, a coordinator that is not the newest */
byte late_node, late_stay, late_worth;

byte k; /* a counter inside of steps, 0 between them */
byte x; /* for exchanges inside of steps, 0 between them */

#define acts (leads && acked < COORDINATOR_LEASE)
#define open(i) (runs[i] && lease[i] > 0)
#define awaits_report(i) (standing[i] == PENDING || (standing[i] == MEMBER && known[i] == MAY_RUN))
#define is_reached(i) (late_is_old != follows[i])

inline check_owners() {
    assert(open(0) + open(1) + open(2) <= 1)
}

inline drop_late() {
    late = nothing; late_is_old = false; late_node = 0; late_stay = 0; late_worth = 0
}

inline send_late(kind, i, number, value) {
    late = kind; late_is_old = false; late_node = i; late_stay = number; late_worth = value
}

#define exchange(array, i, j) x = array[i]; array[i] = array[j]; array[j] = x

inline swap_nodes(i, j) {
    exchange(lease, i, j); exchange(runs, i, j); exchange(fresh, i, j); exchange(follows, i, j); exchange(stay, i, j);
    exchange(bound, i, j); exchange(known, i, j); exchange(admission, i, j); exchange(standing, i, j); x = 0;
    if
    :: late != nothing && late_node == i -> late_node = j
    :: late != nothing && late_node == j -> late_node = i
    :: else
    fi
}

/* All that is known of a node and to it, as one number. */
#define weight(i) ((((((((lease[i] * 2 + runs[i]) * 2 + fresh[i]) * 2 + follows[i]) * 4 + stay[i]) * 32 + bound[i]) * 3 + \
    known[i]) * 4 + admission[i]) * 3 + standing[i])

/* States that differ only in what cannot matter any more, or in the names of nodes, are made one: the coordinator is
 * node 0, and the other two stand in order.
 */
inline tidy() {
    bound[0] = 0;
    if
    :: late == nothing
    :: late != nothing && late != report && !is_reached(late_node) && late_is_old -> drop_late()
    :: late == grant && (late_worth == 0 || fresh[late_node]) -> drop_late()
#ifndef BUG_ORDER_OF_ANOTHER_STAY
    :: late == order && fresh[late_node] -> drop_late()
#endif
#ifdef BUG_REPORT_OF_A_LOST_NODE
    :: late == report && (!leads || late_stay != admission[late_node]) -> drop_late()
#else
    :: late == report && (!leads || late_stay != admission[late_node] || !awaits_report(late_node)) -> drop_late()
#endif
    :: else
    fi;
    if
    :: !leads && (acked < ELECTION || standing[0] + standing[1] + standing[2] + bound[0] + bound[1] + bound[2] > 0) ->
        /* acked goes on: it dates the leases that are still out. */
        for (k : 0 .. N - 1) { bound[k] = 0; known[k] = MAY_RUN; admission[k] = 0; standing[k] = LOST }
        k = 0
    :: else
    fi;
    for (k : 0 .. N - 1) { if :: !follows[k] && late != order -> stay[k] = 0 :: else fi }
    k = 0;
    if
    :: weight(1) < weight(2) || (weight(1) == weight(2) && late != nothing && late_node == 2) -> swap_nodes(1, 2)
    :: else
    fi
}

inline pass_time() {
    for (k : 0 .. N - 1) {
        wane(lease[k]);
        wane(bound[k]);
    }
    k = 0;
    age(acked, ELECTION);
#ifndef BUG_LEASE_DATED_BY_RECEIPT
    if :: late == grant -> late_worth-- :: else fi
#endif
}

/* A lease that has lapsed lets out again what was behind the gate only in the same stay. */
#ifdef BUG_LAPSED_GOES_ON_IN_ANOTHER_STAY
#define end_what_lapsed(i) skip
#else
#define end_what_lapsed(i) if :: lease[i] == 0 -> runs[i] = false :: else fi
#endif

inline take_grant(i, number, value) {
    if
    :: !fresh[i] && number >= stay[i] ->
        if :: number != stay[i] -> end_what_lapsed(i) :: else fi;
        stay[i] = number; lease[i] = MAX(lease[i], value); check_owners()
    :: else
    fi
}

/* No error but a question that must be answered: can it happen at all that a resource moves from a node that is lost? */
#ifdef FIND_TAKEOVER
#define seen_takeover(i) assert(standing[0] != LOST && standing[1] != LOST && standing[2] != LOST)
#else
#define seen_takeover(i) skip
#endif

inline take_order(i, number) {
    if
#ifdef BUG_ORDER_OF_ANOTHER_STAY
    :: lease[i] > 0 -> runs[i] = true; check_owners()
#else
    :: lease[i] > 0 && !fresh[i] && number == stay[i] -> runs[i] = true; check_owners(); seen_takeover(i)
#endif
    :: else
    fi
}

inline take_report(i, is_running) {
    standing[i] = MEMBER;
    if
    :: known[i] == RUNS
    :: else -> known[i] = (is_running -> RUNS : STOPPED)
    fi
}

/* A majority has answered a round. That the answer is late needs no step of its own: it is as if it had come at once and
 * the coordinator had not looked at it.
 */
#define ANSWERED :: d_step { leads && acked > 0 -> say("a round of %d is answered at once (age %d)", 0, 0); acked = 0; tidy() }

#define FOLLOW(i) \
    :: d_step { leads && !follows[i] -> say("%d follows %d", i, 0); follows[i] = true; stay[i] = 0; tidy() }

#define GRANT(i) \
    :: d_step { acts && standing[i] == MEMBER && follows[i] && !fresh[i] && \
        (lease[i] < R_USED + DRIFT - acked || stay[i] != admission[i]) -> say("%d takes a lease from %d", i, 0); \
        bound[i] = MAX(bound[i], RUN_LEASE - acked + MARGIN); take_grant(i, admission[i], R_USED + DRIFT - acked); tidy() } \
    :: d_step { acts && standing[i] == MEMBER -> say("the lease for %d from %d is late", i, 0); \
        bound[i] = MAX(bound[i], RUN_LEASE - acked + MARGIN); send_late(grant, i, admission[i], R_USED + DRIFT - acked); tidy() }

#define LATE_GRANT(i) \
    :: d_step { late == grant && late_node == i && is_reached(i) && (lease[i] < late_worth || late_stay > stay[i]) -> \
        say("the late lease reaches %d (worth %d)", i, late_worth); take_grant(i, late_stay, late_worth); tidy() }

/* How long a node has been silent is left out: the proof must not need it. */
#define LOSE(i) \
    :: d_step { acts && i != 0 && bound[i] == 0 && standing[i] != LOST -> say("%d counts as lost for %d", i, 0); \
        known[i] = STOPPED; standing[i] = LOST; tidy() }

/* The node and its coordinator agree on a new stay; a report must follow before its lease is renewed. */
#define ADMIT(i) \
    :: d_step { acts && follows[i] && (fresh[i] || standing[i] == LOST) && admission[i] < STAYS -> \
        say("%d begins another stay with %d", i, 0); \
        admission[i]++; standing[i] = PENDING; \
        if :: fresh[i] -> known[i] = MAY_RUN :: else fi; \
        fresh[i] = false; stay[i] = admission[i]; end_what_lapsed(i); tidy() }

#ifdef BUG_REPORT_OF_A_LOST_NODE
#define is_taken(i) true
#else
#define is_taken(i) awaits_report(i)
#endif
#define REPORT(i) \
    :: d_step { leads && follows[i] && !fresh[i] && stay[i] == admission[i] && is_taken(i) && \
        (standing[i] != MEMBER || known[i] == MAY_RUN) -> say("%d reports to %d", i, 0); take_report(i, runs[i]); tidy() } \
    :: d_step { leads && follows[i] && !fresh[i] && stay[i] == admission[i] && is_taken(i) -> \
        say("the report of %d to %d is late", i, 0); send_late(report, i, stay[i], runs[i]); tidy() }

#define LATE_REPORT(i) \
    :: d_step { late == report && late_node == i && !late_is_old && (standing[i] != MEMBER || known[i] == MAY_RUN) -> \
        say("the late report of %d reaches %d", i, 0); take_report(i, late_worth); tidy() }

#define OTHERS_STOPPED(i) \
    ((i == 0 || known[0] == STOPPED) && (i == 1 || known[1] == STOPPED) && (i == 2 || known[2] == STOPPED))

#define START(i) \
    :: d_step { acts && standing[i] == MEMBER && OTHERS_STOPPED(i) && known[i] != MAY_RUN && follows[i] && !runs[i] && \
        lease[i] > 0 -> say("%d is told by %d to start the resource", i, 0); known[i] = RUNS; take_order(i, admission[i]); tidy() } \
    :: d_step { acts && standing[i] == MEMBER && OTHERS_STOPPED(i) && known[i] != MAY_RUN -> \
        say("the order to %d by %d is late", i, 0); known[i] = RUNS; send_late(order, i, admission[i], 0); tidy() }

#define LATE_ORDER(i) \
    :: d_step { late == order && late_node == i && is_reached(i) && !runs[i] && lease[i] > 0 -> \
        say("the late order reaches %d (%d)", i, late_stay); take_order(i, late_stay); tidy() }

/* A guardian, that ends what it holds at the end of the lease, is the case in which this follows at once. */
#define STOP(i) :: d_step { runs[i] && lease[i] == 0 -> say("%d stops the resource (%d)", i, 0); runs[i] = false }

/* The daemon may have been dead for as long as you like, while the gate went on by itself. Whatever its last start left
 * behind is ended before anything else.
 */
#define RESTART(i) \
    :: d_step { !fresh[i] || (leads && i == 0) -> say("the daemon of %d starts again (%d)", i, 0); \
        if :: i == 0 -> leads = false :: else fi; \
        runs[i] = false; lease[i] = 0; fresh[i] = true; stay[i] = 0; tidy() }

#define STEP_DOWN :: d_step { leads -> say("%d gives up (%d)", 0, 0); leads = false; tidy() }

/* Elections take their time: see GAP in elections.pml. */
#define ELECT(i) \
    :: d_step { acked >= ELECTION -> say("%d is elected, and called %d from now on", i, 0); leads = true; \
        if :: i > 0 -> swap_nodes(0, i) :: else fi; \
        for (k : 0 .. N - 1) { \
            bound[k] = INHERITED_USED; known[k] = MAY_RUN; admission[k] = 1; standing[k] = MEMBER; follows[k] = false \
        } \
        k = 0; \
        follows[0] = true; stay[0] = 0; \
        if :: late != nothing -> late_is_old = true :: else fi; \
        if :: late == report -> drop_late() :: else fi; \
        tidy() }

#define OF_NODE(i) FOLLOW(i) GRANT(i) LATE_GRANT(i) LOSE(i) ADMIT(i) REPORT(i) LATE_REPORT(i) START(i) \
    LATE_ORDER(i) STOP(i) RESTART(i) ELECT(i)

init {
    do
    :: d_step { true -> say("time passes", 0, 0); pass_time(); tidy() }
    ANSWERED
    STEP_DOWN
    OF_NODE(0) OF_NODE(1) OF_NODE(2)
    od
}
