/* idle.h - the power of the machine before a run gives it work: what is taken off to get the net
 * energy of a job.
 *
 * Measured as ten windows, whose spread says how far the figure can be trusted.  Where there is no
 * meter nothing is waited for, and the reason is kept in its place. */
#ifndef IDLE_H
#define IDLE_H
#include <signal.h>
#include "harness/machine/energy.h"
#include "harness/store/store_energy.h"

enum { IDLE_WINDOWS = 10, IDLE_TEXT = 160 };
struct idle {
    struct energy_meter meter;
    struct energy_total total[ENERGY_SOURCES];
    double sd_watts[ENERGY_SOURCES];
    int64_t n_windows;
    bool is_asked;                     /* false: seconds were 0 */
};
void idle_open(struct idle *);
bool idle_takes_time(const struct idle *, double seconds);
void idle_measure(struct idle *, double seconds, const volatile sig_atomic_t *stop);
/* "idle 12.3 W rapl-package, 1.20 W rapl-dram"; "": nothing was measured. */
void idle_say(const struct idle *, char text[IDLE_TEXT]);
/* Inside a transaction. */
int idle_save(const struct idle *, struct store *, int64_t run_id, struct assay_err *);
#endif
