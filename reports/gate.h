/* gate.h - the verdict on a night: every series of the newest run against its own history, accuracy
 * by paired tests against the last good run, and what became of earlier findings.
 *
 *   suspect       tonight is outside its prediction limit and the effect matters: inconclusive
 *   confirmed     a change point, or a measurement in turns (a/b) tonight, or a failed paired test
 *   acknowledged  somebody said why and until when: not counted until then
 *   fixed         back within the least effect of the level before, two nights running
 *   expected      accepted by `assay baseline set`
 *
 * A confirmed shift is tagged `environment` when the program, model and settings were the same on both
 * sides of it, or when a canary of the machine shifted the same night; then it says nothing about
 * the code and the night is inconclusive.  It is tagged `dataset` or `config` when that hash changed
 * where the shift lies: of the series itself where it goes on across the change, and for memory of
 * any task or scenario the variant had to do.  That explains a shift and does not excuse it.  What cannot be decided is never a pass.
 * Pure: reads the store, writes nothing (cli/gate_keep.h does). */
#ifndef GATE_REPORT_H
#define GATE_REPORT_H
#include "harness/store/store_gate.h"
#include "reports/compare.h"
#include "reports/history.h"

struct buf;

enum gate_verdict {              /* the number is the program's exit status */
    GATE_PASS = 0,
    GATE_FAILED = 3,             /* something was not measured */
    GATE_REGRESSION = 10,
    GATE_INCONCLUSIVE = 11,
    GATE_INCOMPARABLE = 12,      /* nothing to compare with (yet) */
    GATE_IMPROVEMENT = 13        /* only when improvements are to be said too */
};
enum gate_state { GATE_OK, GATE_SUSPECT, GATE_CONFIRMED, GATE_ACKNOWLEDGED, GATE_FIXED, GATE_EXPECTED,
                  GATE_UNDECIDED, GATE_NO_BASELINE, GATE_MISSING, GATE_STATES };
const char *gate_verdict_name(enum gate_verdict);    /* "pass", "regression" ... */
const char *gate_state_name(enum gate_state);        /* "ok", "suspect", ... "no baseline", "missing" */

struct gate_rules {
    double min_effect[HISTORY_KINDS];        /* fractions; 0: history_min_effect */
    double q;                    /* false discovery rate of suspicion; 0: 0.05 */
    double margin, ppl_margin, alpha;        /* of the paired test: compare.h */
    const char *metric;          /* of the paired test; NULL: each task's first */
    const char *const *metrics;  /* prefill, decode, ttft, memory, perplexity, accuracy; n 0: all */
    size_t n_metrics;
    const char *baseline;        /* run to compare with; NULL: the one set, else the last good one */
    uint32_t segments;           /* HISTORY_*; 0: all */
    bool use_dirty;              /* judge nights on which others used the machine */
    bool two_sided;              /* improvements have a verdict of their own */
};
struct gate_row {
    struct history_series key;   /* id, metric, task, variant, unit, kind; points may be none */
    const char *name;
    enum gate_state state;
    bool is_improvement;         /* of suspect, confirmed, acknowledged, fixed */
    bool is_new;                 /* the state is tonight's */
    const char *tag;             /* "code", "environment", "dataset", "config"; NULL: none */
    const char *reason;          /* one sentence; never NULL */
    double before, after;        /* levels; NAN: none */
    double effect, lo, hi;       /* after / before - 1; key.kind HISTORY_ACCURACY: difference.  NAN:
                                    unknown */
    const char *since;           /* run that began it; NULL: none */
    int64_t from_ns, to_ns;      /* between these nights it began; 0: unknown */
    bool can_rerun;              /* a suspect speed that measuring in turns could settle */
    const struct view_variant *good, *tonight;     /* of can_rerun: what to measure */
    struct store_finding next;   /* to be kept; uid NULL: nothing changes */
};
struct gate_night {
    enum gate_verdict verdict;
    const char *headline;
    const struct view_run *run, *good;       /* tonight's; what accuracy was mostly paired with or NULL */
    const char *path;            /* of the database */
    struct gate_row *rows;       /* what is not ok first, worst first */
    size_t n_rows, n[GATE_STATES];
    size_t n_regressions, n_environment, n_improvements, n_gone;
    const char *canary;          /* what the canaries say; NULL: none measured */
    bool canary_shifted;
    double floor;                /* A/A noise: median |b/a - 1|; NAN: not measured */
    size_t n_floor;              /* blocks */
};
struct gate_input {
    struct view *view;
    const char *path;            /* of the database */
    const struct gate_rules *rules;
    const char *run;             /* uid; NULL: the newest that ended */
    const char *binary_uid;      /* of the program that measured tonight; NULL: what is stored */
    int64_t now_ns;              /* acknowledgements end */
};
/* Everything lives in `arena` and in the view.  Errors: ASSAY_EUSAGE no such run or baseline. */
int gate_judge(const struct gate_input *, struct arena *, struct gate_night *, struct assay_err *);

/* The same verdict for different readers.  Names come from outside: each writer escapes them. */
void gate_terminal(const struct gate_night *, bool colors, struct buf *);   /* one screen, 80 columns */
void gate_markdown(const struct gate_night *, struct buf *);
void gate_json(const struct gate_night *, struct buf *);
#endif
