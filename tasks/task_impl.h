/* task_impl.h - what a loaded task is made of.  Inside of tasks/; see task.h for the outside.
 *
 *   task_load.c  configuration -> struct task       task_field.c  doc_to_* against a row
 *   fewshot.c    which rows become examples          context.c     examples and question -> prompt
 *   request.c    task_begin, task_ask, task_skip     task_grade.c  responses -> scores */
#ifndef TASK_IMPL_H
#define TASK_IMPL_H
#include "harness/base/arena.h"
#include "harness/base/rng.h"
#include "harness/base/value.h"
#include "tasks/chat.h"
#include "tasks/code.h"
#include "tasks/filter.h"
#include "tasks/metric.h"
#include "tasks/pytext.h"
#include "tasks/task.h"
#include "tasks/task_files.h"

struct port_use;
struct template;

/* -- fields: what a key like doc_to_text yields for a row (task_field.c) ----------------------- */
enum task_field_use {
    TASK_FIELD_PLAIN,                  /* rendered text as it is */
    TASK_FIELD_TEXT,                   /* digits become a number when the task has choices */
    TASK_FIELD_TARGET,                 /* as TEXT; "[...]" becomes a list when it is one */
    TASK_FIELD_CHOICE                  /* a list of texts, always */
};
struct task_field {
    const char *key;                   /* "doc_to_text" */
    const char *where;                 /* "task.yaml:3:14" */
    const struct value *raw;           /* as written; NULL: the key is absent or null */
    struct template *tpl;              /* raw is text */
    struct port_use *port;             /* raw is a function */
    const struct value *fixed;         /* the same for every row; set by task_field_begin */
    bool is_column;                    /* raw names a column; set by task_field_begin */
    bool has_choice;                   /* the task has doc_to_choice */
    uint8_t use;                       /* enum task_field_use */
    uint32_t slot;                     /* where the column stood last: rows of a file look alike */
};
struct task_field_source {
    const struct task_files *files;
    const char *key;
    const struct value *v;             /* NULL: absent */
    enum task_field_use use;
    bool has_choice;
    const struct task_host *host;      /* of functions without a port; NULL: none */
};
int task_field_compile(const struct task_field_source *, struct arena *, struct task_field *,
                       struct assay_err *);
void task_field_release(struct task_field *);

struct task_columns {
    const char *const *names;
    size_t n;
};
/* Decides column or template, and evaluates once what no row can change (into `arena`). */
int task_field_begin(struct task_field *, const struct task_columns *, struct arena *,
                     struct assay_err *);

struct task_row {                      /* the row in hand, for values and for messages */
    const struct value *doc;
    size_t idx;
    bool is_shot;                      /* idx counts the few-shot pool */
    struct arena *arena;
    struct assay_err *e;
};
/* The field's value for a row.  Errors: ASSAY_EFORMAT with the field's place, row and columns. */
int task_field_get(struct task_field *, const struct task_row *, const struct value **out);
/* A column wins over a template by the row itself, not by the split's columns (description, and the
 * examples' gen_prefix).  None and absent fields are "". */
int task_field_text(struct task_field *, const struct task_row *, struct pystr *out);
/* Error about what a field yielded: "task.yaml:3:14: row 7: 'doc_to_text' ...". */
int task_field_error(const struct task_field *, const struct task_row *, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* -- few-shot examples (fewshot.c) ------------------------------------------------------------- */
struct fewshot {
    const struct value *const *pool;
    size_t n_pool;
    size_t n;                          /* examples per prompt */
    bool is_first_n;                   /* else random.sample */
    bool excludes_self;
    uint64_t seed;
    struct pyrandom rng;
    size_t *picked, *scratch;          /* [n + 1], [n_pool] on demand */
    struct pystr *turns;               /* [n_pool], s NULL: not made yet */
    struct shot_messages *messages;    /* [n_pool], the same as messages of a conversation */
};
struct shot_messages {
    const struct value *v[2];          /* the question; the answer, or NULL: there is none */
};
void fewshot_begin(struct fewshot *, struct arena *);
/* Fills picked[n] for `doc`, advances the stream.  Errors: ASSAY_EUSAGE: the pool is too small. */
int fewshot_pick(struct fewshot *, const struct value *doc, const char *task, struct assay_err *);

/* -- the task ---------------------------------------------------------------------------------- */
struct task_impl {
    struct task_field text, target, choice, description, gen_prefix;
    struct task_field shot_text, shot_target, shot_choice, shot_prefix;
    struct pystr target_delimiter;
    struct pystr choice_delimiter;     /* in front of a choice that is scored */
    struct pystr system, between;      /* system_instruction; fewshot_delimiter, which joins it to more */
    struct pystr shot_target_delimiter, shot_delimiter;
    const struct value *samples;       /* examples written in the task, or NULL */
    struct fewshot shots;
    bool multiple_input, multiple_target;      /* decided by document 0 */
    struct port_use *rows, *shot_rows; /* process_docs of the task and of its examples, or NULL */
    struct port_use *results;          /* process_results, or NULL */
    struct port_use *dataset;          /* custom_dataset, or NULL */
    bool is_class;                     /* upstream's is a class, of which one is built in */
    struct pystr also_scored;          /* beside the generated answer: a class' second request */
    const struct task_host *host;
    struct code_memo memo, shot_memo;  /* what Python said beforehand */
    struct arena *arena;               /* the task's own */
    const struct value *exact;         /* names of the scores whose aggregation is Python */
    bool wants_unconditional;          /* acc_mutual_info */
    bool has_bypass;
    struct task_generation generation;
    const struct value *generation_kwargs;     /* with upstream's defaults; NULL: none */
    struct filter *filters;
    bool *filter_is_first;             /* the pipeline is just take_first */
    bool *filter_missed;               /* it found no answer in the item that was graded last */
    size_t n_filters;
    struct metric_use *metrics;
    size_t n_metrics;
    struct task_measure *measures;     /* filters x metrics */
    int bootstrap_iters;
    bool applies_chat, shots_as_turns;
    const struct chat *chat;           /* NULL until task_set_chat */
    char base_uid[65];                 /* config_uid without the chat template */
    struct arena cache;                /* from task_begin to the next: constants, examples' texts */
};

/* In place of the configuration of a Python class the one that says the same; others stay.
 * Errors: ASSAY_EUNSUPPORTED: none is built in. */
int task_class(const struct task_files *, const struct task_settings *, struct task *,
               const struct value **config, struct assay_err *);

/* What a custom_dataset that is built in loads, as dataset_path and dataset_name (task_code.c). */
int task_own_data(struct task *, const struct value *config, struct assay_err *);
/* The task's functions that are Python, at most `most` (task_code.c). */
size_t task_code_all(const struct task *, const struct code **all, size_t most);
/* Sorts out what is asked of a whole split beforehand; called once, when all is loaded. */
void task_code_begin(struct task *);
/* For a rehearsal: what functions yield for one document, through the first pipeline; `fn` is told of
 * each (`from` NULL: process_results). */
struct task_yields {
    const struct code_score *scores;
    size_t n;
    int (*fn)(void *user, const struct metric_use *from, const struct task_yields *);
    void *user;
};
int task_grade_code(struct task *, const struct task_item *, const struct task_response *,
                    struct arena *, struct task_yields *, struct assay_err *);
/* generation_kwargs of a task that has none. */
const struct value *task_generation_defaults(const struct value *config, struct arena *);
/* One measure for each pipeline and metric. */
void task_make_measures(struct task_impl *, struct arena *);

/* Prompt of a document; multiple input: one per choice (*n of them, from `choices`).
 * question: the document's doc_to_text (unused for multiple input). */
struct context_ask {
    const struct value *question, *choices;
    struct pystr *out;                 /* [1], or [n choices] */
    bool *shows_own;                   /* set: an example is the document itself; may be NULL */
};
bool context_ends_space(struct pystr);
int context_build(struct task *, const struct task_row *, const struct context_ask *);

/* Per request the list of its responses, and what a pipeline makes of it (task_grade.c). */
struct task_filtered {
    const struct value **lists, **filtered;
    size_t n;
};
int task_filtered(struct task *, const struct task_item *, const struct task_response *, size_t filter,
                  struct arena *, struct task_filtered *out, struct assay_err *);
#endif
