/* gate.h - the `gate:` of a suite file, and what the gate measures beside the suite.
 *
 *   gate:
 *     metrics: [prefill, decode, memory, accuracy]    # nothing said: all there are
 *     speed: 2                   # least effect that matters, per cent
 *     margin: 1                  # loss of accuracy that is still a pass, points
 *     baseline: 0193a5c2         # a run; nothing said: the one set, else the last good one
 *
 * Every key is a flag of `assay gate` too.  `suite: other.yaml` names the suite instead of holding it. */
#ifndef GATE_H
#define GATE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/run/suite.h"

struct gate_settings {
    double speed, memory, perplexity;        /* least effects, per cent */
    double margin, ppl_margin, alpha, discovery;
    const char *metrics, *metric, *baseline, *segments;  /* lists: comma-separated */
    int64_t aa_blocks, ab_blocks;
    int32_t use_dirty, strict_two_sided, canary;
};
extern const struct assay_field gate_fields[];

/* Loads the file: the suite (not finished yet) and the settings, defaults where it says nothing.
 * Errors: ASSAY_EUSAGE, ASSAY_EFORMAT "file:line:col: ...". */
int gate_load(struct suite *, struct gate_settings *, const char *path, struct assay_err *);
/* One setting from a flag. */
int gate_set(struct gate_settings *, const char *key, const char *text, struct arena *, struct assay_err *);
/* "a, b" -> {"a", "b"}; every word must be among `allowed` ("x|y|z"). */
int gate_words(const char *list, const char *allowed, const char *where, struct arena *,
               const char *const **words, size_t *n, struct assay_err *);

/* sha256 of this program's own file; "" when it cannot be read. */
void gate_binary(char uid[65]);
/* Measures the canaries and stores them beside the run. */
int gate_canaries(const char *db, const char *run_uid, struct assay_err *);

struct gate_side {                     /* a variant as it was opened */
    const char *backend, *options;     /* options: JSON, "model" among them */
};
struct gate_turns {                    /* the same scenario on both sides, block by block */
    const struct gate_side *a, *b;     /* a NULL: only b */
    const struct suite_scenario *scenario;
    int64_t blocks, timeout_s;
    const char *db;                    /* of its own: a run per block, variants "a" and "b" */
    const char *version;
};
/* Every other block begins with the other side.  Errors: those of run_suite; ASSAY_ESTATE a side did
 * not finish; ASSAY_ECANCELED. */
int gate_run_turns(const struct gate_turns *, struct assay_err *);
#endif
