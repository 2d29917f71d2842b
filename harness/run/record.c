/* record.c - a plan and an open model as rows of the store. */
#include "harness/run/record.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/base/value.h"
#include "harness/run/chats.h"
#include "harness/run/divergence.h"
#include "harness/run/paths.h"
#include "tasks/chat.h"

/* -- tasks and groups -------------------------------------------------------------------------- */

/* How prompts were made beyond the task's own configuration; NULL: not otherwise. */
static const struct value *prompting(const struct plan *p, struct arena *a)
{
    struct value_entry x[4];
    size_t n = 0;
    if (p->suite->system_instruction)
        x[n++] = (struct value_entry){value_str(a, "system_instruction"),
                                      value_str(a, p->suite->system_instruction)};
    if (p->chat) {
        x[n++] = (struct value_entry){value_str(a, "chat_template_sha256"),
                                      value_str(a, chat_template_uid(p->chat))};
        x[n++] = (struct value_entry){value_str(a, "chat_template_source"),
                                      value_str(a, p->chat_source)};
        x[n++] = (struct value_entry){value_str(a, "fewshot_as_multiturn"),
                                      value_bool(p->suite->shots_as_turns)};
    }
    return n ? value_dict(a, x, n) : NULL;
}

static int record_task(const struct plan *p, struct plan_task *t, struct store *s,
                       struct assay_err *e)
{
    struct buf config;
    struct arena a = {0};
    const struct value *more = prompting(p, &a), *own = t->task->config;
    buf_init(&config, 0);
    const struct value *code = task_code_record(t->task, &a);
    if (more)
        own = value_with(&a, own, RECORD_PROMPTING, more);
    if (code)
        own = value_with(&a, own, "task_code", code);
    json_write(&config, own, JSON_COMPACT);
    arena_release(&a);
    struct store_task row = {
        .uid = t->uid,
        .name = t->task->name,
        .alias = t->task->alias,
        .version = t->task->version,
        .output_type = plan_output_name(t->task),
        .config_uid = t->task->config_uid,
        .dataset_uid = t->dataset_uid,
        .dataset = t->dataset,
        .config = config.v,
        .n_fewshot = t->task->n_fewshot,
    };
    int rc = store_put_task(s, &row, &t->id, e);
    buf_release(&config);
    return rc;
}

static int record_group(struct plan *p, struct plan_group *g, struct store *s, int64_t run_id,
                        struct assay_err *e)
{
    struct arena a = {0};
    struct buf members, leaves;
    size_t n = g->node->n_children;
    const struct value **v = ARENA_ARRAY(&a, const struct value *, n + g->n_leaves + 1);
    for (size_t i = 0; i < n; i++)
        v[i] = value_str(&a, p->selected.nodes[g->node->children[i]].name);
    buf_init(&members, 0);
    buf_init(&leaves, 0);
    json_write(&members, value_list(&a, v, n), JSON_COMPACT);
    for (size_t i = 0; i < g->n_leaves; i++)
        v[i] = value_str(&a, p->tasks[g->leaves[i]].task->name);
    json_write(&leaves, value_list(&a, v, g->n_leaves), JSON_COMPACT);
    struct store_group row = {
        .run_id = run_id,
        .name = g->node->name,
        .alias = g->node->alias,
        .members = members.v,
        .leaves = leaves.v,
    };
    int rc = store_put_group(s, &row, &g->id, e);
    buf_release(&members);
    buf_release(&leaves);
    arena_release(&a);
    return rc;
}

int record_plan(struct plan *p, struct store *s, int64_t run_id, struct assay_err *e)
{
    for (size_t i = 0; i < p->n_tasks; i++)
        TRY(record_task(p, &p->tasks[i], s, e));
    for (size_t i = 0; i < p->n_groups; i++)
        TRY(record_group(p, &p->groups[i], s, run_id, e));
    return 0;
}

/* -- jobs -------------------------------------------------------------------------------------- */

bool record_compares(const struct plan *p)
{
    return p->suite->kl_docs > 0 && p->n_variants > 1;
}

int64_t record_logits_share(const struct plan *p)
{
    int64_t n = 0;
    for (size_t i = 0; i < p->n_tasks; i++)
        n += divergence_fits(p->tasks[i].task);
    return n ? p->suite->logits_budget / n : 0;
}

static int record_scenario(const struct suite_scenario *c, struct store *s, int64_t *id,
                           struct assay_err *e)
{
    char params[256], uid[HASH_HEX];
    uint8_t digest[HASH_BYTES];
    struct hash h = {0};
    const char *kind = c->kind == SUITE_PREFILL ? "prefill" : "decode";
    snprintf(
        params, sizeof params,
        "{\"n_prompt\":%lld,\"n_generate\":%lld,\"batch\":1,\"repetitions\":%lld,\"warmup\":%lld,"
        "\"rounds\":%lld}",
        (long long)c->n_prompt, (long long)c->n_generate, (long long)c->repetitions,
        (long long)c->warmup, (long long)c->rounds);
    hash_init(&h);
    hash_add_str(&h, c->name, strlen(c->name));
    hash_add_str(&h, kind, strlen(kind));
    hash_add_str(&h, params, strlen(params));
    hash_end(&h, digest);
    hash_release(&h);
    struct store_scenario row = {
        .uid = hash_hex(digest, uid), .name = c->name, .kind = kind, .params = params};
    return store_put_scenario(s, &row, id, e);
}

static void begin_job(struct store_job *j, const char *kind, const char *name,
                      int64_t run_variant_id)
{
    store_job_init(j);
    j->kind = kind;
    j->name = name;
    j->run_variant_id = run_variant_id;
}

int record_jobs(const struct plan *p, struct store *s, const struct plan_variant *v,
                int64_t run_variant_id, struct arena *a, struct record_jobs *out,
                struct assay_err *e)
{
    const struct suite *suite = p->suite;
    out->tasks = ARENA_ARRAY(a, struct store_job, p->n_tasks + 1);
    out->divergences = ARENA_ARRAY(a, struct store_job, p->n_tasks + 1);
    out->scenarios = ARENA_ARRAY(a, struct store_job, suite->n_scenarios + 1);
    for (size_t i = 0; i < p->n_tasks; i++) {
        struct store_job *j = &out->tasks[i];
        begin_job(j, "task", p->tasks[i].task->name, run_variant_id);
        j->task_id = p->tasks[i].id;
        j->n_items = (int64_t)p->tasks[i].n_docs;
        TRY(store_plan_job(s, j, a, e));
    }
    for (size_t i = 0; i < p->n_tasks; i++) {
        if (!record_compares(p) || v->suite->is_reference || !divergence_fits(p->tasks[i].task))
            continue;
        struct store_job *j = &out->divergences[i];
        begin_job(j, "divergence", p->tasks[i].task->name, run_variant_id);
        j->task_id = p->tasks[i].id;
        TRY(store_plan_job(s, j, a, e));
    }
    for (size_t i = 0; i < p->n_missing; i++) {
        struct store_job j;
        begin_job(&j, "task", p->missing[i].name, run_variant_id);
        TRY(store_plan_job(s, &j, a, e));
        j.status = "skipped";
        j.reason = p->missing[i].reason;
        TRY(store_set_job(s, &j, e));
    }
    for (size_t i = 0; i < suite->n_scenarios; i++) {
        struct store_job *j = &out->scenarios[i];
        begin_job(j, "scenario", suite->scenarios[i].name, run_variant_id);
        TRY(record_scenario(&suite->scenarios[i], s, &j->scenario_id, e));
        TRY(store_plan_job(s, j, a, e));
    }
    return 0;
}

/* -- an open model ----------------------------------------------------------------------------- */

static const char *model_path(const struct plan_variant *v)
{
    const struct value *m = value_get(v->record, "model");
    return m && m->type == VALUE_STR ? m->s : "";
}

/* Options that decide how fast an answer comes, not which. */
static bool is_speed_option(const char *name)
{
    return strcmp(name, "threads") == 0 || strcmp(name, "model") == 0;
}

static const struct value *answer_options(const struct plan_variant *v, struct arena *a)
{
    struct value_entry *x = ARENA_ARRAY(a, struct value_entry, v->record->n + 1);
    size_t n = 0;
    for (uint32_t i = 0; i < v->record->n; i++)
        if (!is_speed_option(v->record->entries[i].key->s))
            x[n++] = v->record->entries[i];
    return value_dict(a, x, n);
}

/* Everything that can change an answer: the backend's code, the kernel path, and what the backend
 * says decides (its fingerprint) or, when it says nothing, model and options.  A cache keyed by
 * less would hide what a new build made worse. */
static int fingerprint(const struct record_opened *o, const char *model_uid, char hex[65],
                       struct assay_err *e)
{
    const struct assay_info *info = &o->engine->info;
    const struct plugin *p = o->variant->plugin;
    uint8_t code[HASH_BYTES], digest[HASH_BYTES];
    struct hash h = {0};
    struct arena a = {0};
    TRY(hash_file(p->path ? p->path : "/proc/self/exe", code, e));
    hash_init(&h);
    hash_add_str(&h, p->name, strlen(p->name));
    hash_add_str(&h, p->version, strlen(p->version));
    hash_add(&h, code, sizeof code);
    hash_add_str(&h, info->kernel, strlen(info->kernel));
    hash_add_str(&h, info->device, strlen(info->device));
    if (info->fingerprint) {
        hash_add_str(&h, info->fingerprint, strlen(info->fingerprint));
    } else {
        hash_add_str(&h, model_uid, strlen(model_uid));
        hash_value(answer_options(o->variant, &a), digest);
        hash_add(&h, digest, sizeof digest);
    }
    hash_end(&h, digest);
    hash_release(&h);
    arena_release(&a);
    hash_hex(digest, hex);
    return 0;
}

static const struct value *text_or_null(struct arena *a, const char *s)
{
    return s ? value_str(a, s) : &value_null;
}

static const struct value *tensors_value(const struct assay_info *info, struct arena *a)
{
    const struct value **v = ARENA_ARRAY(a, const struct value *, info->n_tensors + 1);
    for (uint32_t i = 0; i < info->n_tensors; i++) {
        const struct assay_tensor *t = &info->tensors[i];
        const struct value_entry x[] = {
            {value_str(a, "name"), text_or_null(a, t->name)},
            {value_str(a, "stored"), text_or_null(a, t->stored)},
            {value_str(a, "compute"), text_or_null(a, t->compute)},
            {value_str(a, "bytes"), value_int(a, (int64_t)t->bytes)},
            {value_str(a, "n_params"), value_int(a, (int64_t)t->n_params)},
        };
        v[i] = value_dict(a, x, 5);
    }
    return value_list(a, v, info->n_tensors);
}

static const struct value *info_value(const struct assay_info *info, struct arena *a)
{
    const struct value_entry x[] = {
        {value_str(a, "arch"), value_str(a, info->arch)},
        {value_str(a, "precision"), value_str(a, info->precision)},
        {value_str(a, "kernel"), value_str(a, info->kernel)},
        {value_str(a, "device"), value_str(a, info->device)},
        {value_str(a, "n_vocab"), value_int(a, info->n_vocab)},
        {value_str(a, "n_ctx"), value_int(a, info->n_ctx)},
        {value_str(a, "n_params"), value_int(a, (int64_t)info->n_params)},
        {value_str(a, "weight_bytes"), value_int(a, (int64_t)info->weight_bytes)},
        {value_str(a, "caps"), value_int(a, info->caps)},
        {value_str(a, "fingerprint"), text_or_null(a, info->fingerprint)},
        {value_str(a, RECORD_CHAT), chats_facts(info, a)},
        {value_str(a, "tensors"), tensors_value(info, a)},
    };
    return value_dict(a, x, sizeof x / sizeof *x);
}

/* Where the model lies, also when the record names one that came with assay; else what was said. */
static const char *model_file(const struct plan_variant *v, struct arena *a)
{
    for (const struct assay_field *f = v->plugin->api.options; f->name; f++)
        if (strcmp(f->name, "model") == 0 && f->kind == ASSAY_PATH)
            return paths_file(a, model_path(v));
    return model_path(v);
}

/* A file is known by its content, anything else by backend and name. */
static int model_uid(const struct record_opened *o, char hex[65], int64_t *bytes, struct arena *a,
                     struct assay_err *e)
{
    const char *path = model_file(o->variant, a);
    uint8_t digest[HASH_BYTES];
    struct stat st;
    *bytes = STORE_NULL;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        *bytes = st.st_size;
        TRY(hash_file(path, digest, e));
    } else {
        struct hash h = {0};
        hash_init(&h);
        hash_add_str(&h, o->variant->plugin->name, strlen(o->variant->plugin->name));
        hash_add_str(&h, path, strlen(path));
        hash_end(&h, digest);
        hash_release(&h);
    }
    hash_hex(digest, hex);
    return 0;
}

static int put_model(struct record_opened *o, struct store *s, char uid[65], int64_t *id,
                     struct arena *a, struct assay_err *e)
{
    const struct assay_info *info = &o->engine->info;
    const char *path = model_path(o->variant), *base = fs_basename(path), *dot = strrchr(base, '.');
    TRY(model_uid(o, uid, &o->file_bytes, a, e));
    bool is_file = o->file_bytes != STORE_NULL;
    struct store_model row = {
        .uid = uid,
        .name = is_file && dot && dot != base ? arena_strndup(a, base, (size_t)(dot - base)) : path,
        .path = path,
        .arch = info->arch,
        .bytes = o->file_bytes,
        .n_params = info->n_params ? (int64_t)info->n_params : STORE_NULL,
    };
    return store_put_model(s, &row, id, e);
}

int record_variant(struct record_opened *o, struct store *s, struct assay_err *e)
{
    struct arena a = {0};
    char model[65], uid[65];
    int64_t model_id = 0;
    struct buf options, info;
    buf_init(&options, 0);
    buf_init(&info, 0);
    json_write(&options, o->variant->record, JSON_SORTED);
    json_write(&info, info_value(&o->engine->info, &a), JSON_COMPACT);
    int rc = put_model(o, s, model, &model_id, &a, e);
    if (rc >= 0)
        rc = fingerprint(o, model, uid, e);
    if (rc >= 0) {
        struct store_variant row = {
            .uid = uid,
            .backend = o->variant->plugin->name,
            .backend_version = o->variant->plugin->version,
            .precision = o->engine->info.precision,
            .options = options.v,
            .info = info.v,
            .model_id = model_id,
        };
        rc = store_put_variant(s, &row, &o->variant_id, e);
    }
    buf_release(&options);
    buf_release(&info);
    arena_release(&a);
    return rc;
}
