/* scenario.h - measuring speed: prefill and decode of one request at a time.
 *
 * Repetitions run until they are stable (the last five within a coefficient of variation of 3 %) or
 * a cap, then the counted ones.  Every repetition is kept raw; the host stamps every token itself.
 * A repetition is dirty when others used the processor meanwhile. */
#ifndef SCENARIO_H
#define SCENARIO_H
#include <signal.h>
#include "harness/run/plugin.h"
#include "harness/run/suite.h"
#include "harness/store/store.h"

struct scenario {
    const struct suite_scenario *what;
    const struct engine *engine;
    struct store *store;
    int64_t job_id;
    uint64_t seed;
    const volatile sig_atomic_t *stop;
    void (*tick)(void *user, bool is_waiting, uint64_t n_done, uint64_t n_total);
    void *user;
    /* out */
    uint64_t n_done, n_total;
};
/* Inside a transaction.  ASSAY_EUNSUPPORTED: this model cannot be measured so, the text says
 * why. */
int scenario_run(struct scenario *, struct assay_err *);
#endif
