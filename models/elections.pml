/* Who may coordinate: three voters, rounds, votes and the coordinator's lease.
 *
 * Asserts that at most one coordinator acts, that no term has two leaders, and GAP: when a coordinator is elected, all
 * rounds of its predecessors that a majority has answered were sent at least E ago, and none is answered later. leases.pml
 * goes on from there. How to read and run it: models/README.md; the argument in words: docs/protocols/leases.md.
 *
 * Every step may wait for ever, so that pauses, freezes, dead daemons and late or lost messages are runs like all others.
 */
#include "timers.pml"

#ifndef TERMS
#define TERMS 3
#endif

/* Errors that can be sown by -D, one at a time: the search must find each. */
#ifdef BUG_ELECTION_TOO_SHORT
#define E_USED COORDINATOR_LEASE
#else
#define E_USED ELECTION
#endif

#define N 3
#define NOBODY 3
#define NEVER ELECTION /* of an age: so old that it is worth nothing */
#define AT(t, i) (((t) - 1) * N + (i))
#define is_majority(set) ((set) == 3 || (set) == 5 || (set) == 6 || (set) == 7)
#define acts(t) (leads[t] && acked[t] < COORDINATOR_LEASE)

byte term[N] = 1; /* on disk */
byte voted[N]; /* in this term; on disk */
byte heard[N] = ELECTION; /* age of the last sign of life of a leader, or of the daemon's start */
byte votes[N]; /* of a candidate: the set of its voters; 0 = no candidate */

byte leader[TERMS + 1] = NOBODY; /* who was ever elected */
bool leads[TERMS + 1]; /* it still believes so */
byte sent[TERMS + 1] = NEVER; /* age of its newest round, which may still arrive */
byte acked[TERMS + 1] = NEVER; /* age of its newest round that it knows a majority has answered */
byte got[TERMS * N] = NEVER; /* age (of sending) of the newest round that the node heard: its answer may still arrive */

byte k; /* a counter inside of steps, 0 between them */

inline check_coordinators() {
    assert(acts(1) + acts(2) + acts(TERMS) * (TERMS > 2) <= 1)
}

inline forget(t) {
    leads[t] = false; sent[t] = NEVER;
    got[AT(t, 0)] = NEVER; got[AT(t, 1)] = NEVER; got[AT(t, 2)] = NEVER
}

inline stop_leading(i) {
    for (k : 1 .. TERMS) { if :: leads[k] && leader[k] == i -> forget(k) :: else fi }
    k = 0; votes[i] = 0
}

inline enter(i, t) {
    if :: term[i] < t -> stop_leading(i); term[i] = t; voted[i] = NOBODY :: else fi
}

inline pass_time() {
    for (k : 0 .. N - 1) { age(heard[k], ELECTION) }
    for (k : 1 .. TERMS) { age(sent[k], NEVER); age(acked[k], NEVER) }
    for (k : 0 .. TERMS * N - 1) { age(got[k], NEVER) }
    k = 0
}

inline check_gap(t) {
    for (k : 1 .. TERMS) {
        assert(k >= t || (acked[k] >= ELECTION && got[AT(k, 0)] >= ELECTION && got[AT(k, 1)] >= ELECTION && got[AT(k, 2)] >= ELECTION))
    }
    k = 0
}

inline check_late(t) {
    for (k : 1 .. TERMS) { assert(k <= t || leader[k] == NOBODY || sent[t] >= ELECTION) }
    k = 0
}

#ifdef BUG_OWN_ROUNDS_NOT_COUNTED
#define own_round(t) skip
#else
#define own_round(t) heard[leader[t]] = 0
#endif
#define ROUND(t) \
    :: d_step { leads[t] && (sent[t] > 0 || heard[leader[t]] > 0) -> say("%d sends a round in term %d", leader[t], t); \
        sent[t] = 0; own_round(t) }

/* A round arrives, late or again; what it is worth to its sender is how old it is. */
#define HEAR(t, i) \
    :: d_step { leader[t] != NOBODY && leader[t] != i && term[i] <= t && \
        (heard[i] > 0 || term[i] < t || got[AT(t, i)] > sent[t]) -> say("%d hears a round of term %d", i, t); \
        enter(i, t); votes[i] = 0; heard[i] = 0; \
        if :: leads[t] -> got[AT(t, i)] = MIN(got[AT(t, i)], sent[t]); check_late(t) :: else fi }

/* An answer arrives. With three voters one answer and the coordinator itself are a majority. */
#ifdef BUG_ROUND_DATED_BY_ITS_ANSWER
#define worth(t, i) 0
#else
#define worth(t, i) got[AT(t, i)]
#endif
#define ANSWER(t, i) \
    :: d_step { leads[t] && got[AT(t, i)] < NEVER && worth(t, i) < acked[t] -> \
        say("the answer of %d arrives in term %d", i, t); acked[t] = worth(t, i); check_coordinators() }

#define STEP_DOWN(t) :: d_step { leads[t] -> say("%d gives up term %d", leader[t], t); stop_leading(leader[t]) }

/* A daemon that is dead is one that does nothing for a while; what counts is that it starts and has forgotten. */
#ifdef BUG_VOTE_NOT_ON_DISK
#define forget_vote(i) voted[i] = NOBODY
#else
#define forget_vote(i) skip
#endif
#ifdef BUG_NO_WAIT_AFTER_RESTART
#define wait_from_start(i) heard[i] = ELECTION
#else
#define wait_from_start(i) heard[i] = 0
#endif
#define RESTART(i) \
    :: d_step { true -> say("the daemon of %d starts again (%d)", i, term[i]); stop_leading(i); forget_vote(i); wait_from_start(i) }

#define CAMPAIGN(i) \
    :: d_step { heard[i] >= E_USED && term[i] < TERMS && !(leads[term[i]] && leader[term[i]] == i) -> \
        say("%d campaigns for term %d", i, term[i] + 1); enter(i, term[i] + 1); voted[i] = i; votes[i] = 1 << i }

/* A vote counts from the moment it is given; its candidate may hear of it late or never. */
#define VOTE(i, c) \
    :: d_step { votes[c] > 0 && heard[i] >= E_USED && (term[i] < term[c] || (term[i] == term[c] && voted[i] == NOBODY)) -> \
        say("%d votes for %d", i, c); enter(i, term[c]); voted[i] = c; votes[c] = votes[c] | (1 << i) }

#define ELECT(i, t) \
    :: d_step { term[i] == t && is_majority(votes[i]) -> say("%d leads term %d", i, t); \
        assert(leader[t] == NOBODY); check_gap(t); leader[t] = i; leads[t] = true; votes[i] = 0; heard[i] = 0 }

#define OF_TERM(t) ROUND(t) STEP_DOWN(t) HEAR(t, 0) HEAR(t, 1) HEAR(t, 2) ANSWER(t, 0) ANSWER(t, 1) ANSWER(t, 2) \
    ELECT(0, t) ELECT(1, t) ELECT(2, t)
#define OF_NODE(i) RESTART(i) CAMPAIGN(i)

init {
    /* The first coordinator is node 0; by symmetry it could be any. */
    d_step { leader[1] = 0; leads[1] = true }
    do
    :: d_step { true -> say("time passes", 0, 0); pass_time() }
    OF_TERM(1)
    OF_TERM(2)
#if TERMS > 2
    OF_TERM(3)
#endif
    OF_NODE(0) OF_NODE(1) OF_NODE(2)
    VOTE(0, 1) VOTE(0, 2) VOTE(1, 0) VOTE(1, 2) VOTE(2, 0) VOTE(2, 1)
    od
}
