/* gate_impl.h - what the files of the gate's judge share. */
#ifndef GATE_IMPL_H
#define GATE_IMPL_H
#include "harness/stats/nightly.h"
#include "reports/gate.h"

struct judging {
    const struct gate_input *in;
    struct arena *a;
    struct gate_night *out;
    struct history history;
    const struct view_run *run;              /* tonight's */
    size_t at;                               /* its place among the history's runs */
    struct store_finding *findings;          /* of this machine class */
    struct store_gate *gates;
    struct store_rerun *reruns;              /* of tonight */
    struct store_baseline *baselines;
    size_t n_findings, n_gates, n_reruns, n_baselines, cap_rows;
    struct {
        size_t run;
        bool is_slow;
    } canary_steps[32];                      /* where canaries of this machine shifted */
    size_t n_canary_steps;
    const struct view_run *pinned;           /* the baseline that was set or named; NULL: none */
};
struct gate_row *gate_add_row(struct judging *, const struct history_series *);
/* The newest finding about this series in this direction that is not fixed or expected; NULL: none. */
const struct store_finding *gate_open_finding(const struct judging *, const char *series,
                                              const char *direction);
/* Puts the finding that a row stands for into row->next. */
void gate_set_next(struct judging *, struct gate_row *, const struct store_finding *old,
                   const char *state, int64_t first_run);
bool gate_wants(const struct judging *, const char *metric);
/* Whether the verdict on this run was a pass. */
bool gate_was_good(const struct judging *, const struct view_run *);
/* An acknowledgement that still holds. */
bool gate_is_excused(const struct judging *, const struct store_finding *);
/* What the gate said about a run; NULL: nothing. */
const struct store_gate *gate_verdict_on(const struct judging *, int64_t run_id);
/* Canaries first: they tell what is the machine's. */
void gate_judge_canaries(struct judging *);
void gate_judge_series(struct judging *);
int gate_judge_accuracy(struct judging *, struct assay_err *);
#endif
