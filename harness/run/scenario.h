/* scenario.h - measuring speed: prefill and decode of one request at a time.
 *
 * A process measures one round: repetitions until they are stable (the last five within a coefficient
 * of variation of 3 %, two in later rounds) or a cap, then this round's share of the counted ones;
 * one that others disturbed is done again, three tries for each at most.
 * What a process was dealt (its pages, the neighbours' load) is the same for all its repetitions, so
 * only rounds tell how far a speed can be trusted, and the variants take turns in them.
 * Every repetition is kept raw; the host stamps every token itself.
 * A repetition is dirty when others used the processor meanwhile. */
#ifndef SCENARIO_H
#define SCENARIO_H
#include <signal.h>
#include "harness/machine/energy.h"
#include "harness/run/plugin.h"
#include "harness/run/suite.h"
#include "harness/store/store.h"

struct scenario {
    const struct suite_scenario *what;
    const struct engine *engine;
    struct energy_meter *meter;        /* begun with the first counted repetition, ended with the last */
    struct store *store;
    int64_t job_id, round;
    int64_t n_before;              /* repetitions of earlier rounds: numbers go on */
    uint64_t seed;
    const volatile sig_atomic_t *stop;
    void (*tick)(void *user, bool is_waiting, uint64_t n_done, uint64_t n_total);
    void *user;
    /* out */
    uint64_t n_done, n_total;
    int64_t n_tokens;                  /* of the counted repetitions: of the prompt in prefill, else generated */
};
/* Inside a transaction.  ASSAY_EUNSUPPORTED: this model cannot be measured so, the text says
 * why. */
int scenario_run(struct scenario *, struct assay_err *);
#endif
