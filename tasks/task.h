/* task.h - a task: how to ask and how to grade.  lm-eval's YAML format, its scores to the last bit.
 *
 * A task is loaded once and then pure: documents in, requests out; responses in, scores out; scores
 * in, aggregates out.  Nothing here reads rows, talks to a backend or writes the store.
 *
 *   task_index_open -> task_select -> task_load
 *   task_begin(pool); for each doc: task_ask -> (somebody answers) -> task_grade; task_aggregate */
#ifndef TASK_H
#define TASK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/value.h"

struct arena;
struct assay_err;
struct chat;
struct task_host;
struct task_item;

/* -- index: names of tasks, groups and tags below some folders --------------------------------- */
struct task_index;
enum task_entry_kind { TASK_ENTRY_TASK, TASK_ENTRY_GROUP, TASK_ENTRY_TAG };
struct task_entry {
    const char *name, *path;               /* path NULL for tags */
    uint8_t kind;
    bool is_class;                         /* a task written in Python */
    int32_t n_fewshot;                     /* as its file says; -1: not said */
    const char *output, *dataset, *dataset_name;   /* as written; NULL: not said */
};
/* cache: folder in which what was read is remembered, made when absent; NULL: nothing is. */
int task_index_open(const char *const *roots, size_t n_roots, const char *cache,
                    struct task_index **, struct assay_err *);
/* Sorted by name. */
const struct task_entry *task_index_entries(struct task_index *, size_t *n);
/* Files that could not be read as YAML; returns why the first could not, NULL when all could. */
const char *task_index_broken(const struct task_index *, size_t *n);
void task_index_close(struct task_index *);

/* What a selector names: leaf tasks to run, and the groups that aggregate them.
 * A selector is a comma list of names, globs over names, *.yaml files (globs too) and directories.
 * Of what one glob or directory holds, tasks that a group among them holds are not roots again;
 * else a leaf below two roots is an error.  Entries must be asked for anew after a selection. */
struct task_node {
    const char *name, *alias;
    bool is_group;
    const char *path;                      /* the YAML file it comes from */
    const struct value *overrides;         /* dict pushed down by groups; NULL: none */
    const struct value *config;            /* group: its dict; leaf: NULL, or its dict if inline */
    size_t *children;                      /* group: indices into the plan's nodes, in order */
    size_t n_children;
};
struct task_plan {
    struct task_node *nodes;
    size_t n;
    size_t *roots;                         /* what was asked for, in order */
    size_t n_roots;
};
/* Errors: ASSAY_EUSAGE unknown name with suggestion; ASSAY_EFORMAT file:line:col. */
int task_select(struct task_index *, const char *selector, struct arena *, struct task_plan *,
                struct assay_err *);
/* The leaves below node `at` (itself, if it is one), each once, in order. */
const size_t *task_plan_leaves(const struct task_plan *, size_t at, struct arena *, size_t *n);

/* -- one task ---------------------------------------------------------------------------------- */
enum task_output { TASK_MULTIPLE_CHOICE, TASK_LOGLIKELIHOOD, TASK_ROLLING, TASK_GENERATE };
struct task_settings {                     /* what the command line may change */
    int n_fewshot;                         /* -1: as the task says */
    uint64_t fewshot_seed;                 /* 1234 unless said */
    int bootstrap_iters;                   /* 100000; 0: none */
    const char *system_instruction;        /* in front of every description; NULL: none */
    const char *gen_prefix;                /* in place of every task's; NULL: as the task says */
    bool applies_chat;                     /* prompts are conversations; task_set_chat before asking */
    bool shots_as_turns;                   /* ... each example a turn of its own, else one message */
    const struct value *gen_kwargs;        /* dict over generation_kwargs of generate_until, or NULL */
    bool naive_sum;                        /* add as Python before 3.12 does */
    bool strict_fewshot;                   /* never show a document as its own example (upstream
                                              does for some splits; a warning is logged) */
    const struct task_host *host;          /* runs Python functions that are not built in; NULL: they
                                              are refused */
};
struct task {
    const char *name, *alias, *path, *version;   /* version: metadata.version as text, or NULL */
    enum task_output output;
    int n_fewshot;                         /* resolved */
    int repeats;
    const char *dataset_path, *dataset_name;     /* NULL: none */
    const struct value *dataset_kwargs;
    const char *eval_split;                /* the split whose documents are evaluated */
    const char *fewshot_split;             /* the pool's split; NULL: no pool needed (n_fewshot 0,
                                              or examples written in the task) */
    bool naive_sum;                        /* as in the settings */
    bool excludes_self;                    /* sampler draws one more and drops the evaluated doc */
    const char *base_dir;                  /* folder of the task file */
    const struct value *config;            /* resolved: includes and overrides applied */
    char config_uid[65];                   /* sha256 of the canonical config, settings, chat template */
    size_t n_without_system;               /* prompts whose system message the chat template refused,
                                              since task_begin */
    struct task_impl *impl;                /* compiled templates, filters, metrics */
};
/* Everything lives in `arena`; compiled regexes are released by task_release. */
int task_load(struct task_index *, const struct task_node *, const struct task_settings *,
              struct arena *, struct task **, struct assay_err *);
void task_release(struct task *);
/* The template that makes text of this task's conversations, borrowed; it enters config_uid.
 * Without applies_chat it does nothing. */
void task_set_chat(struct task *, const struct chat *);
bool task_awaits_chat(const struct task *);            /* it applies one and has none yet */

/* -- about a task, without loading it (describe.c) --------------------------------------------- */
/* What it would be loaded from: its file, what that includes, what its groups override. */
int task_config(struct task_index *, const struct task_node *, struct arena *, const struct value **,
                struct assay_err *);
/* "path:line:col" of a value of a configuration, into out; "" when it was made in memory. */
enum { TASK_PLACE = 512 };
const char *task_where(const struct task_index *, const struct value *, char out[TASK_PLACE]);
/* Whether the function that a configuration names under `key` is built in; the error says why not. */
int task_function(struct task_index *, const struct value *func, const char *key, struct arena *,
                  struct assay_err *);
const struct task_entry *task_index_find(struct task_index *, const char *name);      /* or NULL */
const char *const *task_index_members(struct task_index *, const char *tag, size_t *n);   /* sorted */
/* Tags that hold a task, then groups that name it or one of these tags. */
const char *const *task_index_holders(struct task_index *, const char *name, struct arena *, size_t *n);

/* -- rows -------------------------------------------------------------------------------------- */
/* Whether rows of the evaluated split (is_shot: of the few-shot pool) must go through task_row. */
bool task_has_rows(const struct task *, bool is_shot);
/* process_docs: the row in place of `row`; *out NULL: the row is not a document; a list: the documents it
 * holds. */
struct task_source_row {
    const struct value *row;
    size_t idx;                    /* of the split, from 0, before any is dropped */
    bool is_shot;
};
int task_row(const struct task *, const struct task_source_row *, struct arena *, const struct value **out,
             struct assay_err *);

/* -- Python functions -------------------------------------------------------------------------- */
/* Rows that Python makes, or asks its fields of, are made for a whole split at once: `next` gives the
 * split's rows as they are (not called for a custom_dataset), `put` takes tuples (document, fields). */
struct task_code_io {
    int (*next)(void *user, struct arena *, const struct value **row, struct assay_err *);
    int (*put)(void *user, const struct value *made, struct assay_err *);
    void *user;
    size_t until;                          /* fields are asked of the rows before this one */
};
bool task_wants_code(const struct task *, bool is_shot);
bool task_has_own_data(const struct task *);         /* custom_dataset: no rows but Python's */
int task_code_rows(const struct task *, bool is_shot, const struct task_code_io *, struct assay_err *);
/* The fields of the document that comes next, and of the pool's rows by place. */
void task_code_row(struct task *, const struct value *doc, const struct value *fields);
void task_code_pool(struct task *, const struct value *const *fields, size_t n);
/* For the record: {python: version, files: [{path, sha256}]}; NULL: nothing of the task is Python. */
const struct value *task_code_record(const struct task *, struct arena *);
/* Grades made-up answers to `item` once, so that code that can't run is found before a model is asked,
 * and learns the names of scores that only running tells.  *more: another document may tell more; false for
 * tasks without such code, for which it does nothing. */
int task_rehearse(struct task *, const struct task_item *, struct arena *, bool *more, struct assay_err *);

/* -- asking ------------------------------------------------------------------------------------ */
enum task_request_kind { TASK_REQ_LOGLIKELIHOOD, TASK_REQ_ROLLING, TASK_REQ_GENERATE };
struct task_generation {                   /* resolved generation_kwargs */
    const char *const *until;
    size_t n_until;
    uint32_t max_tokens;
    double temperature, top_p;
    uint32_t top_k;
    bool do_sample;
};
struct task_request {
    enum task_request_kind kind;
    const char *context, *continuation;    /* UTF-8; ROLLING: continuation is the whole text */
    size_t context_n, continuation_n;
    const struct task_generation *generation;  /* GENERATE */
    uint32_t repeat;                       /* 0..repeats-1: part of the request's identity */
};
struct task_item {
    size_t idx;                            /* place in the split */
    const struct value *doc;
    struct task_request *requests;
    size_t n_requests;
    const struct value *target;            /* resolved gold: int index, str, or list */
    const struct value *choices;           /* list, or NULL */
    bool shows_own;                        /* the document is one of its own examples */
};
/* Starts asking: fixes what document 0 decides (multiple inputs, multiple targets) and seeds the
 * few-shot sampler.  `first` may be NULL (no documents).  pool: the few-shot rows after
 * process_docs, kept alive by the caller. */
int task_begin(struct task *, const struct value *first, const char *const *columns,
               size_t n_columns, const struct value *const *pool, size_t n_pool,
               struct assay_err *);
/* Documents must come in order (the few-shot sampler is one stream); everything in *item lives in
 * `arena`.  Errors: ASSAY_EFORMAT "template 'doc_to_text' of task.yaml:3:14: ...", with the row. */
int task_ask(struct task *, size_t idx, const struct value *doc, struct arena *, struct task_item *,
             struct assay_err *);
/* Advances the few-shot stream past a document of the run that is not asked now. */
void task_skip(struct task *, const struct value *doc);

/* -- grading ----------------------------------------------------------------------------------- */
struct task_response {
    double logprob;                        /* scoring */
    bool is_greedy;
    const char *text;                      /* generation, already cut at the stop strings */
    size_t text_n;
    int8_t is_cut;                         /* the prompt did not fit; -1: not known */
    bool hit_limit;                        /* the limit of tokens ended it */
};
struct task_measure {                      /* one (metric, filter) pair the task yields, in order */
    const char *metric, *filter, *aggregation;
    int higher_is_better;                  /* -1: not said */
};
const struct task_measure *task_measures(const struct task *, size_t *n);
enum task_number { TASK_FLOAT, TASK_INT, TASK_BOOL };
struct task_score {                        /* one per measure of task_measures */
    double value, weight;                  /* weight NAN: none */
    const char *detail;                    /* JSON of what the number alone does not say, or NULL */
    bool is_absent;                        /* process_results yields no such score for the document */
    enum task_number number;               /* what Python's score was, and its place among those of the
                                              document: for upstream's samples, not stored */
    uint32_t place;
};
/* responses[i] answers item->requests[i].  out[n measures]. */
int task_grade(struct task *, const struct task_item *, const struct task_response *responses,
               struct arena *, struct task_score *out, struct assay_err *);

/* -- what upstream logs (task_sample.c, task_config.c) -------------------------------------------- */
struct task_sample {                       /* of one document after one pipeline of filters */
    const char *filter;
    const struct value *target;            /* doc_to_target */
    const struct value *resps;             /* per request the list of its repeats: text, or (float, bool) */
    const struct value *filtered;          /* per request */
    const struct value *metrics;           /* dict: what process_results yields upstream, in its order and
                                              types */
};
size_t task_n_filters(const struct task *);
int task_sample(struct task *, const struct task_item *, const struct task_response *, size_t filter,
                struct arena *, struct task_sample *out, struct assay_err *);
/* The second of a generation's arguments: generation_kwargs with upstream's defaults, as a dict. */
const struct value *task_generation_kwargs(const struct task *);
/* Indices of measures in the order of upstream's results; *n may be less than task_measures says: some
 * metrics are never computed for an output type. */
const size_t *task_measure_order(const struct task *, struct arena *, size_t *n);
/* The configuration as upstream writes it: no nulls, defaults filled in, functions as source text where the
 * module is at hand.  extra: dict merged over `metadata`, or NULL. */
const struct value *task_logged_config(struct task_index *, const struct task *, const struct value *extra,
                                       struct arena *);

/* Which text a document is about: equal keys are the same one.  1: *key is set; 0: none.  ASSAY_EFORMAT: it
 * lacks the column that `metadata: {cluster: COLUMN}` names. */
int task_cluster(const struct task *, const struct value *doc, int64_t *key, struct assay_err *);

/* -- aggregating ------------------------------------------------------------------------------- */
struct task_aggregate {
    double value, stderr_;                 /* stderr_ NAN: the metric has no rule for one */
    size_t n;
    bool is_numpy;                         /* upstream holds the value as a numpy number, whose sums
                                              are not compensated: read by task_group_aggregate */
};
/* Of a begun task: what is_numpy says about a result of it. */
bool task_result_is_numpy(const struct task *, const char *metric, const char *aggregation);
int task_aggregate(const struct task *, size_t measure, const struct task_score *scores, size_t n,
                   struct task_aggregate *out, struct assay_err *);

/* One aggregate_metric_list row of a group. */
struct task_group_metric {
    const char *metric;
    const char *const *filters;            /* NULL: every filter the leaves have, sorted */
    size_t n_filters;
    bool weight_by_size;
};
int task_group_metrics(const struct task_node *group, struct arena *,
                       const struct task_group_metric **out, size_t *n, struct assay_err *);
/* leaves[n]: the leaves' aggregates of one metric and filter, with n = their sample_len. */
struct task_group_way {
    bool weight_by_size, naive_sum;
};
struct task_aggregate task_group_aggregate(const struct task_aggregate *leaves, size_t n,
                                           const struct task_group_way *);
#endif
