/* store.h - the database: everything that writes it or looks a thing up in it.
 *
 * One SQLite file (schema.sql), WAL, foreign keys on, one writing run at a time.  A write is either
 * wholly there or not at all; a killed process leaves the last committed state.  Views for reports
 * are elsewhere (reports/), on connections of their own.
 * Never carry an open store across fork: close it, fork, open again.
 *
 * Text arguments are borrowed for the call.  NULL text and STORE_NULL integers are stored as
 * NULL. */
#ifndef STORE_H
#define STORE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct assay_err;
struct store;
struct sqlite3;

#define STORE_NULL INT64_MIN
enum { STORE_SCHEMA = 4, STORE_KEY = 16 };
enum store_mode {
    STORE_READ,        /* an existing database; works in a read-only folder too */
    STORE_WRITE,       /* an existing database of this schema version */
    STORE_CREATE       /* as WRITE; made when absent or empty */
};

/* -- opening ----------------------------------------------------------------------------------- */
/* Errors: ASSAY_EIO missing, read-only, disk full; ASSAY_EFORMAT not a database, or not ours;
 * ASSAY_EUNSUPPORTED of a newer version, or of an older one (the text names `assay db migrate`);
 * ASSAY_ESTATE locked by another program. */
int store_open(const char *path, enum store_mode, struct store **, struct assay_err *);
void store_close(struct store *);
struct sqlite3 *store_sqlite(struct store *);     /* for views; do not write through it */
const char *store_path(const struct store *);

/* The right to write: taken once per run, held across fork by parent and child, given back when
 * the last of them ends, however it ends.  Waits up to a second for a dying owner.
 * Errors: ASSAY_ESTATE "database 'x' is in use by another assay process". */
struct store_lock {
    int fd;            /* -1: not held */
    bool made;         /* the file was created by taking the lock */
};
int store_lock(const char *path, bool create, struct store_lock *, struct assay_err *);
void store_unlock(struct store_lock *);

/* Transactions do not nest.  A failed commit rolls back. */
int store_begin(struct store *, struct assay_err *);
int store_commit(struct store *, struct assay_err *);
void store_rollback(struct store *);              /* nothing open: nothing happens */
/* False after SQLite rolled back by itself, as it may when the disk is full. */
bool store_is_open(const struct store *);

/* -- care -------------------------------------------------------------------------------------- */
typedef void store_line_fn(void *user, const char *line);
/* Integrity, foreign keys, and what the schema cannot say (scores without items, results that no
 * score supports, done jobs with missing items ...).  One call of fn per finding; *n_findings. */
int store_check(struct store *, store_line_fn *fn, void *user, size_t *n_findings,
                struct assay_err *);
int store_migrate(const char *path, int *from, int *to, struct assay_err *);   /* takes the lock */
int store_vacuum(const char *path, int64_t *before, int64_t *after, struct assay_err *);
/* Every table as DIR/<table>.csv (UTF-8, RFC 4180, blobs as hex); DIR is made.  Read mode is
 * enough. */
int store_export(struct store *, const char *dir, size_t *n_rows, struct assay_err *);
/* Brings in what database `path` has and this one lacks, all of it or nothing.  Content is found again
 * by its uid, runs too; doing it twice changes nothing.  A run that is here already is replaced when
 * it was resumed there since; one that is still running there is left out.  Errors: ASSAY_EFORMAT
 * when its rows do not fit together. */
struct store_merged {
    size_t n_added, n_renewed, n_kept, n_running;     /* runs */
    size_t n_different;            /* answers to a request that was answered otherwise here */
};
int store_merge(struct store *, const char *path, struct store_merged *, struct assay_err *);

/* -- machine, model, variant ------------------------------------------------------------------- */
/* Each put finds the row by uid or makes it; *id is its key. */
struct store_machine {
    const char *uid, *name, *class_uid, *class_key, *environment;
};
int store_put_machine(struct store *, const struct store_machine *, int64_t *id,
                      struct assay_err *);
struct store_model {
    const char *uid, *name, *path, *arch;
    int64_t bytes, n_params;
};
int store_put_model(struct store *, const struct store_model *, int64_t *id, struct assay_err *);
struct store_variant {
    const char *uid, *backend, *backend_version, *precision, *options, *info;
    int64_t model_id;
};
int store_put_variant(struct store *, const struct store_variant *, int64_t *id,
                      struct assay_err *);

/* -- run, run_variant, job --------------------------------------------------------------------- */
struct store_run {
    int64_t id;
    const char *uid, *plan_uid, *suite, *command, *version, *status;
    int64_t machine_id, seed, started_ns, ended_ns;
};
int store_add_run(struct store *, struct store_run *, struct assay_err *);     /* sets id */
/* The newest run of this plan on a machine of this class that has not ended; id 0: none. */
int store_find_unfinished(struct store *, const char *plan_uid, const char *class_uid,
                          struct arena *, struct store_run *, struct assay_err *);
/* By uid, a unique prefix of one, or NULL for the newest.  Errors: ASSAY_EUSAGE. */
int store_get_run(struct store *, const char *uid, struct arena *, struct store_run *,
                  struct assay_err *);
int store_set_run_status(struct store *, int64_t run_id, const char *status, int64_t ended_ns,
                         struct assay_err *);

struct store_run_variant {
    int64_t id, run_id, variant_id, position;
    const char *name, *status, *reason;
    bool is_reference;
    int64_t signal, exit_code, load_ns, weight_bytes, file_bytes, kv_bytes, kv_bytes_per_token,
        peak_rss_bytes, anon_bytes, file_rss_bytes, n_evaluated, n_reused;
};
void store_run_variant_init(struct store_run_variant *);   /* every number STORE_NULL, id 0 */
/* Finds (run_id, name) or adds it with status 'planned'; fills *id, status and variant_id. */
int store_plan_variant(struct store *, struct store_run_variant *, struct arena *,
                       struct assay_err *);
/* Writes every member that is not NULL / STORE_NULL (reason: written when status is). */
int store_set_variant(struct store *, const struct store_run_variant *, struct assay_err *);

struct store_job {
    int64_t id, run_variant_id, task_id, scenario_id;
    const char *kind, *name, *status, *reason, *warning;
    int64_t n_items, n_done, n_asked, n_reused, n_tokens, n_cut, wall_ns, cpu_ns;
};
void store_job_init(struct store_job *);
int store_plan_job(struct store *, struct store_job *, struct arena *, struct assay_err *);
int store_set_job(struct store *, const struct store_job *, struct assay_err *);
/* All jobs of a variant, in order of id. */
int store_get_jobs(struct store *, int64_t run_variant_id, struct arena *, struct store_job **,
                   size_t *n, struct assay_err *);
int store_get_variants(struct store *, int64_t run_id, struct arena *, struct store_run_variant **,
                       size_t *n, struct assay_err *);
/* Jobs of the variant that are not done become `status` with this reason. */
int store_end_jobs(struct store *, int64_t run_variant_id, const char *status, const char *reason,
                   struct assay_err *);
/* Forgets scores, results, samples and divergence of a job that will be done again. */
int store_clear_job(struct store *, int64_t job_id, struct assay_err *);

/* -- early stopping ---------------------------------------------------------------------------- */
struct store_decision {            /* columns: schema_2.sql */
    int64_t run_variant_id, n_subjects, n_items, n_seen, losses, gains;
    const char *verdict;
    double margin, alpha, e_pass, e_fail;
};
int store_put_decision(struct store *, const struct store_decision *, struct assay_err *);
/* n_items and n_seen; 0 and 0: nothing was decided. */
int store_get_decided(struct store *, int64_t run_variant_id, int64_t *n_items, int64_t *n_seen,
                      struct assay_err *);
int store_forget_decision(struct store *, int64_t run_variant_id, struct assay_err *);
/* Places of the items a job has scores of, in rising order. */
int store_get_scored(struct store *, int64_t job_id, struct arena *, size_t **idx, size_t *n,
                     struct assay_err *);

/* -- task, group, scenario --------------------------------------------------------------------- */
struct store_task {
    const char *uid, *name, *alias, *version, *output_type;
    const char *config_uid, *dataset_uid, *dataset, *config;
    int64_t n_fewshot;
};
int store_put_task(struct store *, const struct store_task *, int64_t *id, struct assay_err *);
struct store_group {
    int64_t run_id;
    const char *name, *alias, *members, *leaves;
};
int store_put_group(struct store *, const struct store_group *, int64_t *id, struct assay_err *);
struct store_scenario {
    const char *uid, *name, *kind, *params;
};
int store_put_scenario(struct store *, const struct store_scenario *, int64_t *id,
                       struct assay_err *);
/* "" when there is no such row. */
/* The variant's `info`, as text. */
int store_get_variant_info(struct store *, int64_t id, struct arena *, const char **info,
                           struct assay_err *);
int store_get_variant_uid(struct store *, int64_t id, char uid[65], struct assay_err *);
int store_get_task_uid(struct store *, int64_t id, char uid[65], struct assay_err *);

/* -- items, responses, scores: the fast path --------------------------------------------------- */
struct store_item {
    int64_t task_id, idx;
    uint8_t doc_uid[STORE_KEY];
    const char *prompt, *choices, *target;
    size_t prompt_n, choices_n, target_n;
    const uint8_t *requests;       /* n_requests keys of STORE_KEY bytes */
    size_t n_requests;
};
/* An item that is there already stays as it is: items are content, told apart by the task's uid. */
int store_put_item(struct store *, const struct store_item *, struct assay_err *);
/* The item is about a text (its sha256 begins with key) that others may be about, too. */
int store_put_cluster(struct store *, int64_t task_id, int64_t idx, int64_t key,
                      struct assay_err *);
int store_count_items(struct store *, int64_t task_id, int64_t *n, struct assay_err *);
int store_count_clusters(struct store *, int64_t task_id, int64_t *n, struct assay_err *);

struct store_response {
    uint8_t request[STORE_KEY];
    double logprob;                /* NAN: NULL */
    int64_t n_tokens, n_prompt;
    int is_greedy;                 /* -1: NULL */
    int is_cut;                    /* -1: NULL */
    const char *text, *finish;     /* get: valid until the next look-up */
    size_t text_n;
    const int64_t *piece_ns;
    size_t n_pieces;
};
/* *kept = false when the variant has an answer to this request already; that one stays. */
int store_put_response(struct store *, int64_t variant_id, const struct store_response *,
                       bool *kept, struct assay_err *);
/* r->request is the key.  *found = false: not there. */
int store_get_response(struct store *, int64_t variant_id, struct store_response *r, bool *found,
                       struct assay_err *);
void store_end_lookup(struct store *);     /* ends the last look-up: needed before a commit */
/* Every key the variant has an answer for. */
typedef void store_key_fn(void *user, const uint8_t key[STORE_KEY]);
int store_each_key(struct store *, int64_t variant_id, store_key_fn *, void *user,
                   struct assay_err *);

int store_measure(struct store *, const char *metric, const char *filter, int64_t *id,
                  struct assay_err *);
struct store_score {
    int64_t job_id, measure_id, idx;
    double value, weight;          /* NAN: NULL */
    const char *detail;
};
int store_put_score(struct store *, const struct store_score *, struct assay_err *);
typedef int store_score_fn(void *user, const struct store_score *);    /* negative: stop */
/* In order of idx. */
int store_each_score(struct store *, int64_t job_id, int64_t measure_id, store_score_fn *,
                     void *user, struct assay_err *);

struct store_notice {              /* columns: schema_3.sql */
    int64_t job_id;
    const char *kind, *detail;
    int64_t n, n_of;
};
/* Adds to what the job has of this kind and detail. */
int store_add_notice(struct store *, const struct store_notice *, struct assay_err *);

struct store_result {
    int64_t run_variant_id, job_id, group_id, measure_id, n, higher_is_better;
    double value, stderr_;         /* NAN: NULL */
    const char *aggregation;
};
int store_put_result(struct store *, const struct store_result *, struct assay_err *);
/* Forgets what groups of this variant aggregate. */
int store_clear_groups(struct store *, int64_t run_variant_id, struct assay_err *);
typedef void store_result_fn(void *user, const struct store_result *, const char *metric,
                             const char *filter);
int store_each_result(struct store *, int64_t job_id, store_result_fn *, void *user,
                      struct assay_err *);
int store_each_group_result(struct store *, int64_t run_variant_id, const char *group,
                            store_result_fn *, void *user, struct assay_err *);

struct store_divergence {
    int64_t job_id, idx, request;
    size_t n;
    const double *kl, *delta_p, *nll, *nll_ref;
    const uint8_t *same_top;
};
int store_put_divergence(struct store *, const struct store_divergence *, struct assay_err *);
struct store_sample {
    int64_t job_id, round, rep, n_prompt, n_generated, wall_ns, cpu_ns, ttft_ns, switches;
    bool is_warmup, is_dirty;
    const int64_t *token_ns;
    size_t n_token_ns;
};
int store_put_sample(struct store *, const struct store_sample *, struct assay_err *);
/* How far a scenario job got: rounds and repetitions in the store, which are the numbers of the next. */
int store_count_samples(struct store *, int64_t job_id, int64_t *n_rounds, int64_t *n_reps,
                        struct assay_err *);
#endif
