/* store_gate.h - what the nightly gate keeps: canaries, measurements in turns, findings, verdicts and
 * baselines.  Conventions of store.h; a put replaces the row of the same key. */
#ifndef STORE_GATE_H
#define STORE_GATE_H
#include "harness/store/store.h"

struct store_canary {
    int64_t run_id, rep;
    const char *name, *unit;
    double value;                      /* more is faster */
};
int store_put_canary(struct store *, const struct store_canary *, struct assay_err *);
/* Every canary of the database, by run, name and repetition. */
int store_get_canaries(struct store *, struct arena *, struct store_canary **, size_t *n,
                       struct assay_err *);

struct store_rerun {
    int64_t run_id, block;
    const char *kind;                  /* "a/a", "a/b", "again" */
    const char *variant, *scenario;
    double a, b;                       /* a NAN: the other side is what is stored */
};
int store_put_rerun(struct store *, const struct store_rerun *, struct assay_err *);
/* All of a run, by kind, variant, scenario and block. */
int store_get_reruns(struct store *, int64_t run_id, struct arena *, struct store_rerun **, size_t *n,
                     struct assay_err *);

struct store_finding {
    int64_t id, run_id, seen_id, until_ns, changed_ns;
    const char *uid, *series, *name, *class_uid, *direction, *state, *tag, *reason;
    double before, after;
};
int store_put_finding(struct store *, const struct store_finding *, struct assay_err *);
/* Of one machine class (NULL: of all), oldest first. */
int store_get_findings(struct store *, const char *class_uid, struct arena *, struct store_finding **,
                       size_t *n, struct assay_err *);

struct store_gate {
    int64_t run_id, exit_code, judged_ns;
    const char *verdict, *headline, *binary_uid;
};
int store_put_gate(struct store *, const struct store_gate *, struct assay_err *);
int store_get_gates(struct store *, struct arena *, struct store_gate **, size_t *n, struct assay_err *);

struct store_baseline {
    int64_t run_id, set_ns;
    const char *class_uid, *reason;
};
int store_put_baseline(struct store *, const struct store_baseline *, struct assay_err *);
int store_get_baselines(struct store *, struct arena *, struct store_baseline **, size_t *n,
                        struct assay_err *);
/* The class of the machine a run was made on. */
int store_get_class(struct store *, int64_t run_id, char class_uid[65], struct assay_err *);
#endif
