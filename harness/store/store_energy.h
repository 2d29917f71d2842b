/* store_energy.h - energy: what a job took, and the power of the machine doing nothing. */
#ifndef STORE_ENERGY_H
#define STORE_ENERGY_H
#include "harness/store/store.h"

struct store_energy {                  /* a row of the table `energy` */
    int64_t job_id, round;
    const char *source, *reason;       /* "rapl-package"; why uj is STORE_NULL */
    int64_t uj, ns, n_blocks, n_reads;
    int64_t n_tokens;                  /* STORE_NULL: of a job that isn't counted in tokens */
};
struct store_idle {                    /* of the table `idle` */
    int64_t run_id;
    const char *source, *reason;
    int64_t uj, ns, n_windows;
    double sd_watts;                   /* NAN: unknown */
};
/* In the place of what was there.  Inside a transaction. */
int store_put_energy(struct store *, const struct store_energy *, struct assay_err *);
int store_put_idle(struct store *, const struct store_idle *, struct assay_err *);
int store_has_idle(struct store *, int64_t run_id, bool *has, struct assay_err *);
/* Whether the variant has answers. */
int store_has_responses(struct store *, int64_t variant_id, bool *has, struct assay_err *);
#endif
