/* view.h - the store as plain structs, read-only: everything a report knows.
 *
 * view_load reads what is small (runs, variants, jobs, tasks, groups, results); what is large
 * (scores, divergences, samples, items, responses) is fetched cell by cell, so that a report of a
 * million scores holds one cell at a time.  All SQL of the report half is in view.c.  Nothing here
 * computes: numbers are the store's own.  Unknown integers are VIEW_NONE, unknown reals NAN. */
#ifndef VIEW_H
#define VIEW_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct assay_err;
struct view;

enum { VIEW_NONE = -1 };
enum { VIEW_KEY_BYTES = 16 };                /* of a request */

enum view_source { VIEW_PACKAGE, VIEW_DRAM, VIEW_SOURCES };  /* rapl-package, rapl-dram */
extern const char *const view_source_names[VIEW_SOURCES];
struct view_idle {                           /* power before the run began its work */
    bool is_there;                           /* false: nothing is known, not even why */
    int64_t uj, ns, n_windows;               /* uj VIEW_NONE: not measured, reason says why */
    double sd_watts;
    const char *reason;
};
struct view_run {
    int64_t id;
    const char *uid, *plan_uid, *suite, *command, *version, *status;
    const char *machine, *machine_uid, *machine_class, *machine_key, *environment;
    int64_t seed, started_ns, ended_ns;
    int64_t n_variants, n_failed;            /* failed: failed, crashed, timeout */
    struct view_idle idle[VIEW_SOURCES];     /* of a loaded set only */
};
struct view_task {
    int64_t id;
    const char *uid, *name, *alias, *version, *output_type;    /* alias, version: may be NULL */
    const char *config_uid, *dataset_uid, *dataset;
    int64_t n_fewshot;
    const char *code;                  /* files of Python that ran for it, with their sha256; NULL: none */
    const char *chat_template, *chat_source; /* sha256 of its text; "default", a name or a file; NULL: the
                                                prompts are plain text */
    const char *system_instruction;          /* of the run; NULL: none */
};
struct view_scenario {
    int64_t id;
    const char *uid, *name, *kind, *params;  /* kind: "prefill", "decode"; params: JSON */
};
struct view_measure {
    int64_t id;
    const char *metric, *filter;
};
struct view_group {
    int64_t id;
    size_t run;                              /* index into view_set.runs */
    const char *name, *alias;
    const char *const *leaves;               /* names of leaf tasks */
    size_t n_leaves;
};
struct view_notice {                         /* what makes a score doubtful, counted */
    const char *kind, *detail;               /* words of the store: notice.h says them */
    int64_t n, n_of;                         /* items it is true of, items it was asked of */
};
struct view_energy {                         /* gross, of one source in one round of a job */
    enum view_source source;
    int64_t round, uj, ns, n_blocks, n_tokens;         /* uj VIEW_NONE: reason */
    const char *reason;
};
struct view_job {
    int64_t id;
    const char *kind, *name, *status, *reason, *warning;
    const struct view_task *task;            /* NULL: none */
    const struct view_scenario *scenario;    /* NULL: none */
    int64_t n_items, n_done, n_asked, n_reused, n_tokens, n_cut, wall_ns, cpu_ns;
    const struct view_notice *notices;
    size_t n_notices;
    const struct view_energy *energy;        /* by source and round */
    size_t n_energy;
};
struct view_result {
    const struct view_job *job;              /* NULL: of a group */
    const struct view_group *group;          /* NULL: of a job */
    const struct view_measure *measure;
    double value, stderr_;                   /* NAN: none */
    int64_t n;
    int higher_is_better;                    /* -1: not said */
    const char *aggregation;
};
struct view_decision {                       /* early stopping: columns of the table `decision` */
    const char *verdict;
    double margin, alpha;
    int64_t n_subjects, n_items, n_seen, losses, gains;
};
struct view_variant {                        /* a row of the report: one variant in one run */
    int64_t id, variant_id;                  /* variant_id 0: never opened */
    size_t run;                              /* index into view_set.runs */
    const char *name;                        /* as the suite calls it */
    const char *label;                       /* name; several runs loaded: "name@run" */
    const char *status, *reason;             /* reason: NULL when done */
    bool is_reference, is_done;
    int64_t signal, exit_code;
    /* what was really loaded; "" and VIEW_NONE when never opened */
    const char *uid, *model, *model_uid, *model_path, *arch, *backend, *backend_version;
    const char *precision, *kernel, *device, *options;
    int64_t model_bytes, n_params;
    int64_t load_ns, weight_bytes, file_bytes, kv_bytes, kv_bytes_per_token;
    int64_t peak_rss_bytes, anon_bytes, file_rss_bytes, n_evaluated, n_reused;
    bool asked_less;                         /* than the suite holds: earlier runs had answers, or it was
                                                stopped early.  What the suite needs is unknown then: KV
                                                cache, peak, private and file-backed are VIEW_NONE */
    const struct view_decision *decision;    /* NULL: its run does not stop early */
    const struct view_job *jobs;             /* in the order of the plan */
    size_t n_jobs;
    const struct view_result *results;       /* jobs first, then groups, each in stored order */
    size_t n_results;
};
struct view_set {                            /* what a report is about */
    const char *path;                        /* of the database */
    const struct view_run *runs;
    size_t n_runs;
    const struct view_variant *variants;     /* runs in the order asked, variants as in the suite */
    size_t n_variants;
    const struct view_task *tasks;
    size_t n_tasks;
    const struct view_group *groups;
    size_t n_groups;
    const struct view_measure *measures;
    size_t n_measures;
};

/* Opens a database for reading only; a writer may be at work meanwhile, and what is read is one
 * consistent state.  Errors: ASSAY_EIO (absent, unreadable), ASSAY_EFORMAT (not an assay database),
 * ASSAY_EUNSUPPORTED (schema not the one this program knows). */
int view_open(const char *path, struct view **, struct assay_err *);
void view_close(struct view *);
/* All runs, newest first; they live until view_close. */
int view_runs(struct view *, const struct view_run **, size_t *n, struct assay_err *);
/* Loads the named runs: a uid, or a prefix or ending of at least 4 characters that only one run has;
 * "latest"; "previous", the newest before it with the same plan on the same class of machine;
 * "machines" alone, the newest of every machine.  n 0: the newest.  The set lives until view_close.
 * Errors: ASSAY_EUSAGE unknown or ambiguous run, or a database without runs. */
int view_load(struct view *, const char *const *runs, size_t n, const struct view_set **,
              struct assay_err *);
/* The same with jobs of some kinds only: speeds (scenarios), or tasks, divergences, groups, results.
 * 0: variants alone.  VIEW_SPEEDS alone does not know asked_less. */
enum { VIEW_SPEEDS = 1, VIEW_TASKS = 2 };
int view_load_parts(struct view *, const char *const *runs, size_t n, uint32_t parts,
                    const struct view_set **, struct assay_err *);
/* Narrows a loaded set to the variants whose name or label matches one of the patterns (fnmatch), and
 * the suite's reference.  ASSAY_EUSAGE: a pattern that nothing matches. */
int view_keep(struct view *, const char *const *patterns, size_t n, const struct view_set **,
              struct assay_err *);

/* -- by the cell; everything lives in `arena` -------------------------------------------------- */
struct view_scores {                         /* one measure of one job, by ascending idx */
    const struct view_measure *measure;
    size_t n;
    const int32_t *idx;
    const double *value;                     /* NAN: not a number (detail says) */
    const double *weight;                    /* NULL: none of them has one */
};
/* One measure of it; n 0: none stored. */
int view_scores_of(struct view *, const struct view_job *, const struct view_measure *,
                   struct arena *, struct view_scores *, struct assay_err *);
int view_scores(struct view *, const struct view_job *, struct arena *, const struct view_scores **,
                size_t *n, struct assay_err *);
struct view_clusters {                       /* items that share a text, by ascending idx */
    size_t n;                                /* 0: none is noted */
    const int32_t *idx;
    const int64_t *key;                      /* equal: the same text */
};
int view_clusters(struct view *, const struct view_task *, struct arena *, struct view_clusters *,
                  struct assay_err *);
struct view_divergence {                     /* positions of one job, by ascending item */
    size_t n;
    const int32_t *idx;                      /* item of each position */
    const double *kl, *delta_p, *nll, *nll_ref;
    const uint8_t *same_top, *is_true;       /* is_true: not of a wrong choice */
};
int view_divergence(struct view *, const struct view_job *, struct arena *,
                    struct view_divergence *, struct assay_err *);
struct view_sample {
    int64_t round, rep, n_prompt, n_generated, wall_ns, cpu_ns, ttft_ns, switches;
    bool is_warmup, is_dirty;
    const int64_t *token_ns;                 /* since start, per generated token */
    size_t n_token_ns;
};
int view_samples(struct view *, const struct view_job *, struct arena *,
                 const struct view_sample **, size_t *n, struct assay_err *);
struct view_response {
    bool is_present;                         /* false: the store holds no answer */
    double logprob;                          /* NAN: generation */
    int64_t n_tokens;
    const char *text, *finish;               /* NULL: scoring */
    size_t text_n;
};
struct view_item {
    const char *prompt, *target;             /* target: JSON */
    const char *const *choices;              /* texts; NULL: none */
    size_t n_choices;
    const uint8_t *requests;                 /* [n_requests][VIEW_KEY_BYTES] */
    size_t n_requests;
};
/* An item that is absent has prompt NULL. */
int view_item(struct view *, const struct view_task *, int32_t idx, struct arena *,
              struct view_item *, struct assay_err *);
int view_response(struct view *, const struct view_variant *, const uint8_t *request,
                  struct arena *, struct view_response *, struct assay_err *);
#endif
