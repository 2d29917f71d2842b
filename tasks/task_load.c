/* task_load.c - configuration to struct task: overrides, checks, defaults, everything compiled. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/base/log.h"
#include "tasks/index.h"
#include "tasks/port.h"
#include "tasks/task_impl.h"
#include "tasks/task_keys.h"

enum { MAX_SHOTS = 10000, MAX_REPEATS = 10000, MAX_STOPS = 256 };

struct loading {
    const struct task_files *files;
    struct arena *arena;
    const struct value *config; /* resolved */
    const struct value *few;    /* fewshot_config, or NULL */
    struct task *task;
    struct task_impl *m;
    struct assay_err *e;
};

/* -- reading values ---------------------------------------------------------------------------- */

/* The value of a key; NULL when absent or null. */
static const struct value *get(const struct value *d, const char *key)
{
    const struct value *v = value_get(d, key);
    return v && v->type != VALUE_NULL ? v : NULL;
}

static const char *get_text(const struct value *d, const char *key)
{
    const struct value *v = get(d, key);
    return v && v->type == VALUE_STR ? v->s : NULL;
}

static struct pystr get_pystr(const struct value *d, const char *key, struct pystr def)
{
    const struct value *v = get(d, key);
    return v ? pystr(v->s, v->n) : def;
}

static int load_error(const struct loading *l, const struct value *at, const char *text)
{
    char where[TASK_WHERE];
    return err_set(l->e, ASSAY_EFORMAT, "%s: %s", task_files_where(l->files, at, where), text);
}

static int get_count(const struct loading *l, const char *key, int lo, int hi, int *out)
{
    const struct value *v = get(l->config, key);
    char where[TASK_WHERE];
    if (!v)
        return 0;
    if (v->i < lo || v->i > hi)
        return err_set(l->e, ASSAY_EFORMAT, "%s: '%s' is %lld, expected %d to %d",
                       task_files_where(l->files, v, where), key, (long long)v->i, lo, hi);
    *out = (int)v->i;
    return 0;
}

/* -- parts ------------------------------------------------------------------------------------- */

static int load_names(struct loading *l)
{
    struct task *t = l->task;
    const struct value *name = get(l->config, "task"), *meta = get(l->config, "metadata");
    if (!name)
        return err_set(l->e, ASSAY_EFORMAT, "%s:1:1: no task: 'task' is missing", t->path);
    t->name = name->s;
    t->alias = get_text(l->config, "task_alias");
    const struct value *version = meta ? get(meta, "version") : NULL;
    if (version)
        t->version = pystr_of(l->arena, version).s;
    const struct value *unsafe = get(l->config, "unsafe_code");
    char where[TASK_WHERE];
    if (unsafe && unsafe->b)
        return err_set(l->e, ASSAY_EUNSUPPORTED,
                       "%s: task '%s' runs code that a model wrote, which this program does not",
                       task_files_where(l->files, unsafe, where), t->name);
    return 0;
}

static int load_output(struct loading *l)
{
    static const char *const names[] = {[TASK_MULTIPLE_CHOICE] = "multiple_choice",
                                        [TASK_LOGLIKELIHOOD] = "loglikelihood",
                                        [TASK_ROLLING] = "loglikelihood_rolling",
                                        [TASK_GENERATE] = "generate_until"};
    enum { N = sizeof names / sizeof *names };
    const struct value *v = get(l->config, "output_type");
    char where[TASK_WHERE];
    l->task->output = TASK_GENERATE;
    if (!v)
        return 0;
    for (int i = 0; i < N; i++)
        if (strcmp(v->s, names[i]) == 0) {
            l->task->output = (enum task_output)i;
            return 0;
        }
    const char *near = field_nearest(v->s, names, N);
    return err_set(l->e, ASSAY_EFORMAT, "%s: unknown output_type '%s', %s%s%s",
                   task_files_where(l->files, v, where), v->s,
                   near ? "did you mean '" : "expected ",
                   near ? near
                        : "multiple_choice, loglikelihood, loglikelihood_rolling or "
                          "generate_until",
                   near ? "'?" : "");
}

static int load_data(struct loading *l)
{
    struct task *t = l->task;
    const struct value *name = get(l->config, "dataset_name");
    t->dataset_path = get_text(l->config, "dataset_path");
    if (name)
        t->dataset_name = pystr_of(l->arena, name).s;
    t->dataset_kwargs = get(l->config, "dataset_kwargs");
    if (!t->dataset_path && !get(l->config, "custom_dataset"))
        return err_set(l->e, ASSAY_EFORMAT, "%s: task '%s' has no 'dataset_path'", t->path,
                       t->name);
    t->eval_split = get_text(l->config, "test_split");
    if (!t->eval_split)
        t->eval_split = get_text(l->config, "validation_split");
    if (!t->eval_split)
        return err_set(l->e, ASSAY_EFORMAT,
                       "%s: task '%s' has neither 'test_split' nor "
                       "'validation_split'",
                       t->path, t->name);
    return 0;
}

/* A key of fewshot_config; where that lacks it, the task's own. */
static const struct value *few_get(const struct loading *l, const char *key)
{
    const struct value *v = l->few ? value_get(l->few, key) : NULL;
    return v ? (v->type == VALUE_NULL ? NULL : v) : get(l->config, key);
}

static const struct value *few_field(const struct loading *l, const char *key)
{
    const struct value *v = few_get(l, key);
    return v ? v : get(l->config, key);
}

static int load_fields(struct loading *l)
{
    struct task_impl *m = l->m;
    bool has_choice = get(l->config, "doc_to_choice") != NULL;
    const struct value *choice = few_get(l, "doc_to_choice");
    bool is_empty =
        choice &&
        (choice->type == VALUE_STR || choice->type == VALUE_LIST || choice->type == VALUE_DICT) &&
        choice->n == 0;
    const struct {
        const char *key;
        const struct value *v;
        enum task_field_use use;
        struct task_field *out;
    } rows[] = {
        {"doc_to_text", get(l->config, "doc_to_text"), TASK_FIELD_TEXT, &m->text},
        {"doc_to_target", get(l->config, "doc_to_target"), TASK_FIELD_TARGET, &m->target},
        {"doc_to_choice", get(l->config, "doc_to_choice"), TASK_FIELD_CHOICE, &m->choice},
        {"description", get(l->config, "description"), TASK_FIELD_PLAIN, &m->description},
        {"gen_prefix", get(l->config, "gen_prefix"), TASK_FIELD_PLAIN, &m->gen_prefix},
        {"doc_to_text", few_field(l, "doc_to_text"), TASK_FIELD_TEXT, &m->shot_text},
        {"doc_to_target", few_field(l, "doc_to_target"), TASK_FIELD_TARGET, &m->shot_target},
        {"doc_to_choice", is_empty ? NULL : choice, TASK_FIELD_CHOICE, &m->shot_choice},
        {"gen_prefix", few_get(l, "gen_prefix"), TASK_FIELD_PLAIN, &m->shot_prefix}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct task_field_source src = {l->files,    rows[i].key, rows[i].v,
                                        rows[i].use, has_choice,  l->m->host};
        TRY(task_field_compile(&src, l->arena, rows[i].out, l->e));
    }
    if (!m->text.raw || !m->target.raw)
        return err_set(l->e, ASSAY_EFORMAT, "%s: task '%s' has no '%s'", l->task->path,
                       l->task->name, m->text.raw ? "doc_to_target" : "doc_to_text");
    if (l->task->output == TASK_MULTIPLE_CHOICE && !m->choice.raw)
        return err_set(l->e, ASSAY_EFORMAT,
                       "%s: task '%s' is multiple_choice and has no "
                       "'doc_to_choice'",
                       l->task->path, l->task->name);
    m->target_delimiter = get_pystr(l->config, "target_delimiter", PYSTR(" "));
    struct pystr between = get_pystr(l->config, "fewshot_delimiter", PYSTR("\n\n"));
    m->shot_target_delimiter =
        l->few ? get_pystr(l->few, "target_delimiter", m->target_delimiter) : m->target_delimiter;
    m->shot_delimiter = l->few ? get_pystr(l->few, "fewshot_delimiter", between) : between;
    m->between = between;
    return 0;
}

/* Behind a chat template a choice stands at the beginning of a turn; where the turn has begun with
 * gen_prefix, the delimiter stays.  What counts is gen_prefix as written. */
static void load_chat(struct loading *l, const struct task_settings *s)
{
    struct task_impl *m = l->m;
    struct pystr prefix = get_pystr(l->config, "gen_prefix", PYSTR(""));
    bool is_apart = prefix.n && !context_ends_space(prefix);
    m->applies_chat = s->applies_chat;
    m->shots_as_turns = s->shots_as_turns;
    if (s->system_instruction)
        m->system = pystr(arena_strdup(l->arena, s->system_instruction), strlen(s->system_instruction));
    m->choice_delimiter = !m->applies_chat || is_apart ? m->target_delimiter : PYSTR("");
}

void task_set_chat(struct task *t, const struct chat *chat)
{
    struct hash h = {0};
    uint8_t digest[HASH_BYTES];
    if (!t->impl->applies_chat)
        return;
    t->impl->chat = chat;
    hash_init(&h);
    hash_add_str(&h, t->impl->base_uid, strlen(t->impl->base_uid));
    hash_add_str(&h, chat_uid(chat), strlen(chat_uid(chat)));
    hash_end(&h, digest);
    hash_release(&h);
    hash_hex(digest, t->config_uid);
}

bool task_awaits_chat(const struct task *t)
{
    return t->impl->applies_chat && !t->impl->chat;
}

/* -- functions --------------------------------------------------------------------------------- */

static int load_port(struct loading *l, const struct value *v, const char *key, enum port_kind kind,
                     struct port_use **out)
{
    char where[TASK_WHERE];
    if (!v)
        return 0;
    struct port_ask ask = {kind,
                           v,
                           key,
                           task_files_path(l->files, v),
                           task_files_where(l->files, v, where),
                           l->m->host};
    return port_open(&ask, l->arena, out, l->e);
}

static int load_ports(struct loading *l)
{
    TRY(load_port(l, get(l->config, "process_docs"), "process_docs", PORT_ROWS, &l->m->rows));
    TRY(load_port(l, few_get(l, "process_docs"), "process_docs", PORT_ROWS, &l->m->shot_rows));
    TRY(load_port(l, get(l->config, "custom_dataset"), "custom_dataset", PORT_DATA, &l->m->dataset));
    TRY(task_own_data(l->task, l->config, l->e));
    return load_port(l, get(l->config, "process_results"), "process_results", PORT_RESULTS,
                     &l->m->results);
}

bool task_has_rows(const struct task *t, bool is_shot)
{
    const struct port_use *u = is_shot ? t->impl->shot_rows : t->impl->rows;
    return u && !u->code;
}

int task_row(const struct task *t, const struct task_source_row *r, struct arena *a,
             const struct value **out, struct assay_err *e)
{
    const struct port_use *u = r->is_shot ? t->impl->shot_rows : t->impl->rows;
    struct port_doc d = {r->row, r->idx};
    *out = r->row;
    return u && !u->code ? port_row(u, &d, a, out, e) : 0;
}

/* -- few-shot ---------------------------------------------------------------------------------- */

/* upstream compares the two configured values, none and none included: that can show a document as
 * its own example (the pool is the evaluated split under another key). */
static void load_exclusion(struct loading *l, const char *split, const struct task_settings *s)
{
    struct task *t = l->task;
    const char *test = get_text(l->config, "test_split");
    t->excludes_self = split && test ? strcmp(split, test) == 0 : !split && !test;
    if (t->n_fewshot == 0 || t->excludes_self || !t->fewshot_split ||
        strcmp(t->fewshot_split, t->eval_split) != 0)
        return;
    if (s->strict_fewshot)
        t->excludes_self = true;
    else
        log_warn(
            "task '%s' draws examples from the split it evaluates ('%s') and may show a document "
            "its own answer, as upstream does",
            t->name, t->eval_split);
}

/* Examples that a function lists. */
static int load_samples(struct loading *l)
{
    struct port_use *u = NULL;
    const struct value *v = l->m->samples;
    TRY(load_port(l, v, "samples", PORT_SAMPLES, &u));
    int rc = port_value(u, &value_null, l->arena, &l->m->samples, l->e);
    port_release(u);
    if (rc == 0 && l->m->samples->type != VALUE_LIST)
        return load_error(l, v, "'samples' yields no list");
    return rc;
}

static int load_fewshot(struct loading *l, const struct task_settings *s)
{
    struct task *t = l->task;
    struct task_impl *m = l->m;
    int n = -1;
    TRY(get_count(l, "num_fewshot", 0, MAX_SHOTS, &n));
    if (n != 0 && s->n_fewshot >= 0)
        n = s->n_fewshot;
    if (n > MAX_SHOTS)
        return err_set(l->e, ASSAY_EUSAGE, "%d few-shot examples are too many (at most %d)", n,
                       MAX_SHOTS);
    t->n_fewshot = n > 0 ? n : 0;
    m->shots.n = (size_t)t->n_fewshot;
    m->shots.seed = s->fewshot_seed;

    const struct value *sampler = l->few ? get(l->few, "sampler") : NULL;
    char where[TASK_WHERE];
    m->shots.is_first_n = sampler && strcmp(sampler->s, "first_n") == 0;
    if (sampler && !m->shots.is_first_n && strcmp(sampler->s, "default") != 0)
        return err_set(l->e, ASSAY_EFORMAT, "%s: unknown sampler '%s', expected default or first_n",
                       task_files_where(l->files, sampler, where), sampler->s);

    const struct value *own = l->few ? value_get(l->few, "split") : NULL;
    const char *split = own ? get_text(l->few, "split") : get_text(l->config, "fewshot_split");
    m->samples = split || !l->few ? NULL : get(l->few, "samples");
    if (m->samples && m->samples->type == VALUE_FUNC)
        TRY(load_samples(l));
    if (l->few && get(l->few, "fewshot_indices"))
        log_warn("task '%s': 'fewshot_indices' has no effect, as upstream", t->name);
    const char *const order[] = {split, get_text(l->config, "training_split"),
                                 get_text(l->config, "validation_split"),
                                 get_text(l->config, "test_split")};
    for (size_t i = 0; t->n_fewshot && !m->samples && !t->fewshot_split && i < 4; i++)
        t->fewshot_split = order[i];
    load_exclusion(l, split, s);
    m->shots.excludes_self = t->excludes_self;
    return 0;
}

/* -- generation -------------------------------------------------------------------------------- */

static int load_stops(struct loading *l, const struct value *until, struct task_generation *g)
{
    if (!until) {
        const char **stop = ARENA_ARRAY(l->arena, const char *, 1);
        stop[0] = get_pystr(l->config, "fewshot_delimiter", PYSTR("\n\n")).s;
        g->until = stop;
        g->n_until = 1;
        return 0;
    }
    const struct value *const *items = until->type == VALUE_LIST ? until->items : &until;
    size_t n = until->type == VALUE_LIST ? until->n : 1;
    if (n > MAX_STOPS)
        return load_error(l, until, "'until' has too many stop strings");
    const char **stops = ARENA_ARRAY(l->arena, const char *, n ? n : 1);
    for (size_t i = 0; i < n; i++) {
        if (items[i]->type != VALUE_STR || strlen(items[i]->s) != items[i]->n)
            return load_error(l, items[i], "a stop string of 'until' must be text");
        stops[i] = items[i]->s;
    }
    g->until = stops;
    g->n_until = n;
    return 0;
}

static int get_number(struct loading *l, const struct value *d, const char *key, double *out)
{
    const struct value *v = get(d, key);
    if (!v)
        return 0;
    if (v->type == VALUE_INT)
        *out = (double)v->i;
    else if (v->type == VALUE_FLOAT)
        *out = v->f;
    else if (!pytext_to_float(pystr(v->s, v->n), out)) /* YAML 1.1 reads 1e-5 as text */
        return load_error(l, v, "not a number");
    if (!(*out >= 0 && *out <= 1e6))
        return load_error(l, v, "expected a number from 0 on");
    return 0;
}

/* generation_kwargs as upstream fills them in. */
static const struct value *generation_defaults(struct loading *l)
{
    struct arena *a = l->arena;
    const struct value *d = get(l->config, "generation_kwargs"), *heat;
    double x;
    if (!d)
        return l->task->output == TASK_GENERATE ? task_generation_defaults(l->config, a) : NULL;
    heat = value_get(d, "temperature");
    if (heat && heat->type == VALUE_INT)
        d = value_with(a, d, "temperature", value_float(a, (double)heat->i));
    else if (heat && heat->type == VALUE_STR && pytext_to_float(pystr(heat->s, heat->n), &x))
        d = value_with(a, d, "temperature", value_float(a, x));
    return value_get(d, "until") ? d : value_with(a, d, "until", value_get(task_generation_defaults(l->config, a), "until"));
}

/* What the user puts over them is part of the configuration. */
static void load_gen_kwargs(struct loading *l, const struct value *over)
{
    const struct value *d = generation_defaults(l);
    l->m->generation_kwargs = d;
    bool is_fixed = l->m->is_class && get(l->config, "generation_kwargs");
    if (!over || l->task->output != TASK_GENERATE || is_fixed)
        return;
    for (uint32_t i = 0; i < over->n; i++)
        d = value_with(l->arena, d, over->entries[i].key->s, over->entries[i].value);
    l->config = value_with(l->arena, l->config, "generation_kwargs", d);
    l->m->generation_kwargs = d;
}

static int load_generation(struct loading *l)
{
    static const char *const limits[] = {"max_gen_toks", "max_new_tokens", "max_tokens",
                                         "max_completion_tokens"};
    struct task_generation *g = &l->m->generation;
    const struct value *d = get(l->config, "generation_kwargs");
    *g = (struct task_generation){.max_tokens = 256, .top_p = 1};
    if (!d)
        return load_stops(l, NULL, g);
    TRY(task_keys_check(l->files, d, TASK_KEYS_GENERATION, l->e));
    TRY(load_stops(l, get(d, "until"), g));
    TRY(get_number(l, d, "temperature", &g->temperature));
    TRY(get_number(l, d, "top_p", &g->top_p));
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const struct value *v = get(d, limits[i]);
        if (!v)
            continue;
        if (v->i < 0 || v->i > INT32_MAX)
            return load_error(l, v, "a limit of tokens must be from 0 on");
        g->max_tokens = (uint32_t)v->i;
        break;
    }
    const struct value *top_k = get(d, "top_k"), *beams = get(d, "num_beams");
    if (top_k && (top_k->i < 0 || top_k->i > INT32_MAX))
        return load_error(l, top_k, "'top_k' must be from 0 on");
    g->top_k = top_k ? (uint32_t)top_k->i : 0;
    char where[TASK_WHERE];
    if (beams && beams->i != 1)
        return err_set(l->e, ASSAY_EUNSUPPORTED,
                       "%s: 'num_beams' other than 1 is beam search, which "
                       "no backend here has",
                       task_files_where(l->files, beams, where));
    const struct value *sample = get(d, "do_sample");
    g->do_sample = sample ? sample->b : g->temperature > 0;
    if (sample && sample->b && !get(d, "temperature"))
        g->temperature = 1;
    if (!g->do_sample || g->temperature == 0) {
        g->do_sample = false;
        g->temperature = 0;
    }
    return 0;
}

/* -- metrics and filters ----------------------------------------------------------------------- */

static int load_metric(struct loading *l, const struct value *entry, const char *path)
{
    struct task_impl *m = l->m;
    struct metric_use *use = &m->metrics[m->n_metrics];
    use->host = m->host;
    TRY(metric_use_parse(entry, path, l->task->output, l->arena, use, l->e));
    for (size_t i = 0; i < m->n_metrics; i++)
        if (strcmp(m->metrics[i].name, use->name) == 0) { /* a dict upstream: last wins */
            metric_use_release(&m->metrics[i]);
            m->metrics[i] = *use;
            return 0;
        }
    m->n_metrics++;
    m->wants_unconditional |= strcmp(use->name, "acc_mutual_info") == 0;
    m->has_bypass |= strcmp(use->name, "bypass") == 0;
    return 0;
}

/* What is listed; what process_results yields besides, task_rehearse finds. */
static int load_code_results(struct loading *l, const struct value *list)
{
    size_t n = list ? list->n : 0;
    l->m->metrics = ARENA_ARRAY(l->arena, struct metric_use, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct value *entry = list->items[i];
        if (entry->type != VALUE_DICT)
            return load_error(l, entry,
                              "an entry of 'metric_list' must be a mapping with 'metric'");
        const char *path = arena_strdup(l->arena, task_files_path(l->files, entry));
        struct metric_use *use = &l->m->metrics[l->m->n_metrics];
        use->host = l->m->host;
        TRY(metric_use_result(entry, path, NULL, l->arena, use, l->e));
        l->m->n_metrics++;
    }
    return 0;
}

/* What process_results yields, in its order; metric_list gives aggregations and directions. */
static int load_results(struct loading *l, const struct value *list)
{
    size_t n;
    if (l->m->results->code)
        return load_code_results(l, list);
    const char *const *names = port_scores(l->m->results, l->arena, &n);
    l->m->metrics = ARENA_ARRAY(l->arena, struct metric_use, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct value *entry = NULL;
        for (uint32_t k = 0; list && k < list->n; k++) {
            const struct value *metric = value_get(list->items[k], "metric");
            if (metric && value_is_str(metric, names[i]))
                entry = list->items[k];
        }
        const char *path = arena_strdup(l->arena, task_files_path(l->files, entry));
        l->m->metrics[i].host = l->m->host;
        TRY(metric_use_result(entry, path, names[i], l->arena, &l->m->metrics[i], l->e));
        l->m->n_metrics++;
    }
    return 0;
}

static int load_metrics(struct loading *l)
{
    static const char *const defaults[][4] = {
        [TASK_MULTIPLE_CHOICE] = {"acc", "acc_norm"},
        [TASK_LOGLIKELIHOOD] = {"perplexity", "acc"},
        [TASK_ROLLING] = {"word_perplexity", "byte_perplexity", "bits_per_byte"},
        [TASK_GENERATE] = {"exact_match"}};
    const struct value *list = get(l->config, "metric_list");
    const char *const *names = defaults[l->task->output];
    size_t n = list ? list->n : 3;
    if (list && n == 0)
        return load_error(l, list, "'metric_list' is empty");
    if (l->m->results)
        return load_results(l, list);
    l->m->metrics = ARENA_ARRAY(l->arena, struct metric_use, n);
    for (size_t i = 0; i < n && (list || names[i]); i++) {
        const struct value *entry = list ? list->items[i] : value_str(l->arena, names[i]);
        if (list && entry->type != VALUE_DICT)
            return load_error(l, entry,
                              "an entry of 'metric_list' must be a mapping with 'metric'");
        const char *path = list ? task_files_path(l->files, entry) : l->task->path;
        TRY(load_metric(l, entry, arena_strdup(l->arena, path)));
    }
    return 0;
}

/* [{function: take_first}] and nothing else: the usual pipeline, which needs no values made. */
static bool is_take_first(const struct value *spec)
{
    const struct value *steps = spec ? value_get(spec, "filter") : NULL;
    if (!spec)
        return true;
    return steps && steps->type == VALUE_LIST && steps->n == 1 &&
           steps->items[0]->type == VALUE_DICT && steps->items[0]->n == 1 &&
           value_get(steps->items[0], "function") &&
           value_is_str(value_get(steps->items[0], "function"), "take_first");
}

void task_make_measures(struct task_impl *m, struct arena *a)
{
    m->measures = ARENA_ARRAY(a, struct task_measure, m->n_filters * m->n_metrics + 1);
    for (size_t f = 0; f < m->n_filters; f++)
        for (size_t i = 0; i < m->n_metrics; i++) {
            const struct metric_use *use = &m->metrics[i];
            m->measures[f * m->n_metrics + i] =
                (struct task_measure){.metric = use->name,
                                      .filter = m->filters[f].name,
                                      .aggregation = use->aggregation,
                                      .higher_is_better = use->higher_is_better};
        }
}

static int load_filters(struct loading *l)
{
    for (size_t i = 0; i < l->m->n_metrics && l->task->naive_sum; i++)
        l->m->metrics[i].sum = METRIC_SUM_NAIVE;
    struct task_impl *m = l->m;
    const struct value *list = get(l->config, "filter_list");
    size_t n = list ? list->n : 1;
    if (n == 0)
        return load_error(l, list, "'filter_list' is empty");
    m->filters = ARENA_ARRAY(l->arena, struct filter, n);
    m->filter_is_first = ARENA_ARRAY(l->arena, bool, n);
    m->filter_missed = ARENA_ARRAY(l->arena, bool, n);
    for (size_t i = 0; i < n; i++) {
        const struct value *spec = list ? list->items[i] : NULL;
        const char *path = spec ? task_files_path(l->files, spec) : l->task->path;
        m->filters[i].host = m->host;
        TRY(filter_compile(spec, arena_strdup(l->arena, path), l->arena, &m->filters[i], l->e));
        m->n_filters++;
        m->filter_is_first[i] = is_take_first(spec);
        for (size_t k = 0; k < i; k++)
            if (strcmp(m->filters[k].name, m->filters[i].name) == 0)
                return load_error(l, spec, "two pipelines of 'filter_list' have the same name");
    }
    task_make_measures(m, l->arena);
    return 0;
}

/* -- the whole --------------------------------------------------------------------------------- */

/* Programs of the built-in functions the task uses: another program may mean other scores. */
static const struct value *load_programs(struct loading *l, size_t *n)
{
    const struct task_impl *m = l->m;
    const struct port_use *uses[] = {m->dataset,        m->rows,             m->shot_rows, m->results,
                                     m->text.port,      m->target.port,      m->choice.port,
                                     m->shot_text.port, m->shot_target.port, m->shot_choice.port};
    enum { N = sizeof uses / sizeof *uses, MOST = 256 };
    const struct value *texts[N + MOST];
    const struct code *code[MOST];
    *n = 0;
    for (size_t i = 0; i < N; i++)
        if (uses[i] && uses[i]->port)
            texts[(*n)++] = value_str(l->arena, uses[i]->port->text);
    size_t n_code = task_code_all(l->task, code, MOST);
    for (size_t i = 0; i < n_code; i++)
        texts[(*n)++] = code_identity(code[i], l->arena);
    return value_list(l->arena, texts, *n);
}

/* What can change a request or a score; how standard errors are found can't. */
static void load_uid(struct loading *l, const struct task_settings *s)
{
    struct value_entry all[9];
    size_t n = 0, n_programs;
    const struct value *programs = load_programs(l, &n_programs);
    if (n_programs)
        all[n++] = (struct value_entry){value_str(l->arena, "functions"), programs};
    all[n++] = (struct value_entry){value_str(l->arena, "config"), l->config};
    all[n++] = (struct value_entry){value_str(l->arena, "n_fewshot"),
                                    value_int(l->arena, l->task->n_fewshot)};
    if (l->task->n_fewshot) {
        all[n++] = (struct value_entry){value_str(l->arena, "fewshot_seed"),
                                        value_int(l->arena, (int64_t)s->fewshot_seed)};
        all[n++] = (struct value_entry){value_str(l->arena, "excludes_self"),
                                        value_bool(l->task->excludes_self)};
    }
    if (l->m->system.n)
        all[n++] = (struct value_entry){value_str(l->arena, "system_instruction"),
                                        value_str(l->arena, l->m->system.s)};
    if (l->m->also_scored.n)
        all[n++] = (struct value_entry){value_str(l->arena, "also_scored"),
                                        value_str(l->arena, l->m->also_scored.s)};
    if (l->m->applies_chat)
        all[n++] = (struct value_entry){value_str(l->arena, "fewshot_as_multiturn"),
                                        value_bool(l->m->shots_as_turns)};
    uint8_t h[HASH_BYTES];
    hash_value(value_dict(l->arena, all, n), h);
    hash_hex(h, l->task->config_uid);
    hash_hex(h, l->m->base_uid);
}

static int load_config(struct loading *l, struct task_index *x, const struct task_node *node,
                       const struct task_settings *s)
{
    const struct value *config;
    TRY(task_config(x, node, l->arena, &config, l->e));
    /* A Python task has keys of its own: say that it is one before they look unknown. */
    TRY(task_class(&x->files, s, l->task, &config, l->e));
    if (s->gen_prefix)
        config = value_with(l->arena, config, "gen_prefix", value_str(l->arena, s->gen_prefix));
    /* value_with keys are made in memory; a wrong override must still say where it stands. */
    if (node->overrides && !l->m->is_class)
        TRY(task_keys_check(&x->files, node->overrides, TASK_KEYS_TASK, l->e));
    TRY(task_keys_check(&x->files, config, TASK_KEYS_TASK, l->e));
    const struct value *few = get(config, "fewshot_config");
    if (few)
        TRY(task_keys_check(&x->files, few, TASK_KEYS_FEWSHOT, l->e));
    l->config = config;
    l->few = few;
    return 0;
}

static int load_parts(struct loading *l, const struct task_settings *s)
{
    struct task *t = l->task;
    TRY(load_names(l));
    TRY(load_output(l));
    TRY(load_data(l));
    TRY(load_ports(l));
    TRY(load_fields(l));
    load_chat(l, s);
    TRY(load_fewshot(l, s));
    load_gen_kwargs(l, s->gen_kwargs);
    TRY(load_generation(l));
    TRY(load_metrics(l));
    TRY(load_filters(l));
    t->repeats = 1;
    TRY(get_count(l, "repeats", 1, MAX_REPEATS, &t->repeats));
    t->config = l->config;
    task_code_begin(t);
    load_uid(l, s);
    return 0;
}

int task_load(struct task_index *x, const struct task_node *node, const struct task_settings *s,
              struct arena *a, struct task **out, struct assay_err *e)
{
    *out = NULL;
    if (node->is_group)
        return err_set(e, ASSAY_EUSAGE, "'%s' is a group, not a task", node->name);
    struct task *t = ARENA_NEW(a, struct task);
    t->impl = ARENA_NEW(a, struct task_impl);
    t->impl->bootstrap_iters = s->bootstrap_iters;
    t->impl->host = s->host;
    t->impl->arena = a;
    t->naive_sum = s->naive_sum;
    t->path = arena_strdup(a, node->path);
    t->base_dir = fs_dirname(a, node->path);
    struct loading l = {.files = &x->files, .arena = a, .task = t, .m = t->impl, .e = e};
    int rc = load_config(&l, x, node, s);
    if (rc == 0)
        rc = load_parts(&l, s);
    if (rc < 0) {
        task_release(t);
        return rc;
    }
    *out = t;
    return 0;
}

void task_release(struct task *t)
{
    if (!t)
        return;
    struct task_impl *m = t->impl;
    struct task_field *fields[] = {&m->text,        &m->target,      &m->choice,
                                   &m->description, &m->gen_prefix,  &m->shot_text,
                                   &m->shot_target, &m->shot_choice, &m->shot_prefix};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        task_field_release(fields[i]);
    port_release(m->rows);
    port_release(m->shot_rows);
    port_release(m->results);
    port_release(m->dataset);
    for (size_t i = 0; i < m->n_metrics; i++)
        metric_use_release(&m->metrics[i]);
    for (size_t i = 0; i < m->n_filters; i++)
        filter_release(&m->filters[i]);
    m->n_metrics = m->n_filters = 0;
    arena_release(&m->cache);
}
