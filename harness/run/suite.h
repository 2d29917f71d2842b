/* suite.h - what to run: models x variants, tasks, scenarios, and how.  From YAML or from flags,
 * into one struct; its canonical JSON is the plan's identity.
 *
 *   models:                            tasks: [blimp, gsm8k]
 *     - model: stories.gguf            reference: fp32              data: [../datasets]
 *       backend: native                limit: 100                   seed: 42
 *       options: {kv: f16}
 *       variants:
 *         - fp32                       # the backend's option "precision"
 *         - {name: hybrid-a, precision: int4, keep: {fp16: [output, "blk.0.*"]}}
 *
 * Not here: whether tasks and datasets exist (plan.h). */
#ifndef SUITE_H
#define SUITE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backends/backend.h"
#include "harness/base/arena.h"

struct buf;
struct value;

struct suite_variant {
    const char *name, *backend;
    const struct value *options;       /* dict of backend options, "model" among them */
    const char *where;                 /* "suite.yaml:3:5" or "--precision", for messages */
    bool is_reference;
};
enum suite_kind { SUITE_PREFILL, SUITE_DECODE };
struct suite_scenario {
    const char *name;
    int kind;                          /* enum suite_kind */
    int64_t n_prompt, n_generate;
    int64_t repetitions, warmup;       /* counted repetitions in all; cap of those before them, per round */
    int64_t rounds;                    /* that share the repetitions: at most one for each */
    bool is_default;                   /* nobody asked: skipped silently where it cannot run */
};
struct suite_list {                    /* NULL-terminated texts */
    const char **v;
    size_t n;
    bool is_flag;                      /* from the command line: the file's are gone */
};
struct suite {
    struct arena *arena;
    const char *path;                  /* the YAML file, or NULL */
    const char *reference_where;       /* place of `reference:` in it, or NULL */
    /* lists */
    struct suite_list tasks, data, task_dirs, recipe_dirs;
    struct suite_list models, precisions, options, scenario_texts;
    const struct value *models_value;  /* `models:` of the file, or NULL */
    const struct value *scenarios_value;
    const struct value *samples;       /* {task: [idx, ...]}, or NULL */
    const struct value *gen_kwargs;    /* dict merged over the tasks' generation_kwargs, or NULL */
    const struct value *gate_value;    /* `gate:` of the file, or NULL: gate.h reads it */
    /* single settings: suite_fields */
    const char *name, *backend, *reference, *samples_text, *gen_kwargs_text, *float_sum, *memory_limit_text, *logits_budget_text;
    double limit;                      /* 0: all; below 1: share of the documents */
    double idle_s;                     /* of the baseline of energy; 0: none */
    int64_t seed, fewshot, fewshot_seed, bootstrap;
    int64_t threads, timeout_s;        /* 0: backend's choice; 0: none */
    int64_t kl_docs, repetitions, rounds;
    int32_t keep_logits, strict_fewshot;
    int32_t allow_task_code;           /* Python functions of task folders may run */
    const char *task_code_python, *task_code_memory_text;
    int64_t task_code_timeout_s;
    const char *stop_when, *margin_text;     /* stop_when NULL: every item is asked */
    double alpha;
    const char *apply_chat;            /* "true", a name, a file; NULL: prompts are plain text */
    const char *system_instruction, *gen_prefix, *chat_date;
    int32_t shots_as_turns;
    /* made by suite_finish */
    bool applies_chat;
    const char *chat_name;             /* of the model's templates; NULL: its default one */
    const char *chat_file, *chat_text; /* the file's content; NULL: the model's */
    const char *chat_bos, *chat_eos;   /* what a tokenizer_config.json says; NULL: the model's */
    int64_t chat_now;                  /* chat_date in seconds since 1970 */
    int64_t memory_limit, logits_budget, task_code_memory;
    double margin;                     /* of early stopping, a fraction; 0: it does not stop */
    struct suite_variant *variants;
    size_t n_variants;
    struct suite_scenario *scenarios;
    size_t n_scenarios;
    const char *json;                  /* canonical; the resolved suite */
    char uid[65];                      /* its sha256: the plan's identity */
};

/* One row per key: YAML key = long flag.  Rows for which suite_is_list says true may be given many
 * times; each adds.  For `assay run --help`, completion and man page. */
extern const struct assay_field suite_fields[];
bool suite_is_list(const char *key);

/* The order is init, [load], set ..., finish.  A key set by flag replaces the file's (a list is
 * replaced as a whole by the first flag that adds to it). */
void suite_init(struct suite *, struct arena *);
int suite_load(struct suite *, const char *path, struct assay_err *);
int suite_set(struct suite *, const char *key, const char *text, struct assay_err *);
/* Checks what can be checked without plugins, builds variants and scenarios, computes json and uid.
 * Errors: ASSAY_EUSAGE, ASSAY_EFORMAT "file:line:col: ..." */
int suite_finish(struct suite *, struct assay_err *);
/* What suite_finish does about chat templates: reads the file and the date, or the record of them (NULL:
 * there is none).  Errors: ASSAY_EUSAGE, ASSAY_EFORMAT. */
int suite_make_chat(struct suite *, const struct value *record, struct assay_err *);
/* The suite a run recorded (struct store_run's `suite`), finished. */
int suite_from_json(struct suite *, const char *json, struct arena *, struct assay_err *);
/* "512M", "2GiB", "4096" -> bytes.  Errors: ASSAY_EUSAGE "where: ...". */
int suite_parse_size(const char *text, const char *where, int64_t *bytes, struct assay_err *);
#endif
