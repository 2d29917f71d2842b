/* suite_make.c - from the keys of a suite to its variants, scenarios and identity. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/base/value.h"
#include "harness/run/paths.h"
#include "harness/run/suite_impl.h"

enum { MAX_VARIANTS = 4096, MAX_SCENARIOS = 256, WARMUP = 10 };

/* -- variants ---------------------------------------------------------------------------------- */

static int add_variant(struct suite *s, const struct suite_variant *v, struct assay_err *e)
{
    if (!v->name[0] || strlen(v->name) > 100)
        return err_set(e, ASSAY_EUSAGE, "%s: a variant's name has 1 to 100 bytes", v->where);
    for (size_t i = 0; i < s->n_variants; i++)
        if (strcmp(s->variants[i].name, v->name) == 0)
            return err_set(e, ASSAY_EUSAGE,
                           "%s: a variant '%s' is there already; give this one a name", v->where,
                           v->name);
    if (s->n_variants == MAX_VARIANTS)
        return err_set(e, ASSAY_ELIMIT, "%s: more than %d variants", v->where, MAX_VARIANTS);
    s->variants[s->n_variants++] = *v;
    return 0;
}

static char *stem(struct arena *a, const char *path)
{
    const char *base = fs_basename(path);
    const char *dot = strrchr(base, '.');
    return arena_strndup(a, base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}

/* "model/fp32" where more than one model is there to tell apart. */
static const char *variant_name(struct suite *s, const char *model, const char *name, bool is_alone)
{
    return is_alone || !model ? name : arena_printf(s->arena, "%s/%s", model, name);
}

static int flag_options(struct suite *s, const struct value **out, struct assay_err *e)
{
    struct arena *a = s->arena;
    const struct value *v = value_dict(a, NULL, 0);
    for (size_t i = 0; i < s->options.n; i++) {
        const char *text = s->options.v[i];
        size_t n = strcspn(text, "=");
        if (!text[n] || n == 0)
            return err_set(e, ASSAY_EUSAGE, "--option: expected KEY=VALUE, found '%s'", text);
        v = value_with(a, v, arena_strndup(a, text, n), value_str(a, text + n + 1));
    }
    *out = v;
    return 0;
}

static int flag_variants(struct suite *s, struct assay_err *e)
{
    struct arena *a = s->arena;
    const struct value *shared = NULL;
    if (!s->models.n && strcmp(s->backend, "native") == 0)
        return err_set(e, ASSAY_EUSAGE, "no model; give --model FILE, or a suite with `models:`");
    TRY(flag_options(s, &shared, e));
    size_t n_models = s->models.n ? s->models.n : 1, n_prec = s->precisions.n ? s->precisions.n : 1;
    for (size_t m = 0; m < n_models; m++) {
        const char *model = s->models.n ? s->models.v[m] : NULL;
        for (size_t p = 0; p < n_prec; p++) {
            const char *precision = s->precisions.n ? s->precisions.v[p] : NULL;
            const struct value *options = shared;
            if (model)
                options = value_with(a, options, "model", value_str(a, model));
            if (precision)
                options = value_with(a, options, "precision", value_str(a, precision));
            struct suite_variant v = {
                .name = variant_name(s, model ? stem(a, model) : NULL,
                                     precision ? precision : "default", n_models == 1),
                .backend = s->backend,
                .options = options,
                .where = precision ? "--precision" : "--model",
            };
            TRY(add_variant(s, &v, e));
        }
    }
    return 0;
}

struct model_entry {
    const char *model, *name, *backend;
};
static const struct assay_field model_fields[] = {
    {"model", ASSAY_STR, offsetof(struct model_entry, model), NULL, NULL, "file or name"},
    {"name", ASSAY_STR, offsetof(struct model_entry, name), NULL, NULL, "what to call it"},
    {"backend", ASSAY_STR, offsetof(struct model_entry, backend), NULL, NULL, "what opens it"},
    {"options", ASSAY_STR, 0, NULL, NULL, "for every variant"},
    {"variants", ASSAY_STR, 0, NULL, NULL, "list of precisions or maps of options"},
    {NULL, 0, 0, NULL, NULL, NULL},
};

/* A key's place is kept: a wrong option is reported where it stands. */
static const struct value *merge(struct arena *a, const struct value *base,
                                 const struct value *over, const char *skip)
{
    size_t n = 0, most = (base ? base->n : 0) + (over ? over->n : 0);
    struct value_entry *x = ARENA_ARRAY(a, struct value_entry, most + 1);
    for (uint32_t i = 0; base && i < base->n; i++)
        if (!over || !value_get(over, base->entries[i].key->s))
            x[n++] = base->entries[i];
    for (uint32_t i = 0; over && i < over->n; i++)
        if (!skip || strcmp(over->entries[i].key->s, skip) != 0)
            x[n++] = over->entries[i];
    return value_dict(a, x, n);
}

static int check_map(struct suite *s, const struct value *v, const char *what, struct assay_err *e)
{
    if (v->type != VALUE_DICT)
        return err_set(e, ASSAY_EFORMAT, "%s: %s is a map, found %s", suite_where(s, v), what,
                       value_type_name(v));
    for (uint32_t i = 0; i < v->n; i++)
        if (v->entries[i].key->type != VALUE_STR)
            return err_set(e, ASSAY_EFORMAT, "%s: a key must be text",
                           suite_where(s, v->entries[i].key));
    return 0;
}

static int model_variant(struct suite *s, const struct model_entry *m, const struct value *shared,
                         const struct value *v, struct assay_err *e)
{
    struct arena *a = s->arena;
    const char *name = NULL;
    const struct value *options;
    if (v->type == VALUE_STR) {
        name = v->s;
        struct value *key = value_str(a, "precision");
        key->line = v->line;
        key->col = v->col;
        const struct value_entry one = {key, v};
        options = merge(a, shared, value_dict(a, &one, 1), NULL);
    } else {
        TRY(check_map(s, v, "a variant", e));
        const struct value *n = value_get(v, "name"), *p = value_get(v, "precision");
        name = n && n->type == VALUE_STR ? n->s : !n && p && p->type == VALUE_STR ? p->s : NULL;
        if (!name)
            return err_set(e, ASSAY_EFORMAT, "%s: a variant needs a 'name'", suite_where(s, v));
        options = merge(a, shared, v, "name");
    }
    const char *tag = m->name ? m->name : m->model ? stem(a, m->model) : NULL;
    struct suite_variant out = {
        .name = variant_name(s, tag, name,
                             s->models_value->n == 1 ||
                                 (v->type == VALUE_DICT && value_get(v, "name"))),
        .backend = m->backend ? m->backend : s->backend,
        .options = options,
        .where = suite_where(s, v),
    };
    return add_variant(s, &out, e);
}

static int read_model(struct suite *s, const struct value *v, struct model_entry *m,
                      struct assay_err *e)
{
    TRY(check_map(s, v, "a model", e));
    field_defaults(model_fields, m);
    for (uint32_t i = 0; i < v->n; i++) {
        const char *key = v->entries[i].key->s;
        const struct assay_field *f = field_find(model_fields, key);
        if (!f) {
            const char *near = field_nearest_row(model_fields, key);
            return err_set(e, ASSAY_EUSAGE, "%s: unknown key '%s' of a model%s%s%s",
                           suite_where(s, v->entries[i].key), key, near ? "; did you mean '" : "",
                           near ? near : "", near ? "'?" : "");
        }
        if (strcmp(key, "options") != 0 && strcmp(key, "variants") != 0)
            TRY(field_set_value(f, m, v->entries[i].value, suite_where(s, v->entries[i].value),
                                s->arena, e));
    }
    return 0;
}

static int file_variants(struct suite *s, struct assay_err *e)
{
    struct arena *a = s->arena;
    for (uint32_t i = 0; i < s->models_value->n; i++) {
        const struct value *v = s->models_value->items[i];
        struct model_entry m = {NULL, NULL, NULL};
        TRY(read_model(s, v, &m, e));
        const struct value *options = value_get(v, "options"), *list = value_get(v, "variants");
        if (options)
            TRY(check_map(s, options, "'options'", e));
        if (m.model) {
            struct value *path = value_str(a, paths_beside(a, s->path, m.model));
            options = value_with(a, options ? options : value_dict(a, NULL, 0), "model", path);
        }
        if (list && list->type != VALUE_LIST)
            return err_set(e, ASSAY_EFORMAT, "%s: 'variants' is a list", suite_where(s, list));
        for (uint32_t k = 0; list && k < list->n; k++)
            TRY(model_variant(s, &m, options, list->items[k], e));
        if (!list) {
            struct suite_variant one = {
                .name = variant_name(s,
                                     m.name    ? m.name
                                     : m.model ? stem(a, m.model)
                                               : NULL,
                                     "default", s->models_value->n == 1),
                .backend = m.backend ? m.backend : s->backend,
                .options = options,
                .where = suite_where(s, v),
            };
            TRY(add_variant(s, &one, e));
        }
    }
    return 0;
}

static int pick_reference(struct suite *s, struct assay_err *e)
{
    size_t r = 0;
    if (s->reference) {
        const char **names = ARENA_ARRAY(s->arena, const char *, s->n_variants);
        for (r = 0; r < s->n_variants && strcmp(s->variants[r].name, s->reference) != 0; r++)
            names[r] = s->variants[r].name;
        if (r == s->n_variants) {
            const char *near = field_nearest(s->reference, names, s->n_variants);
            return err_set(e, ASSAY_EUSAGE, "%s: '%s' is not one of the variants%s%s%s",
                           s->reference_where ? s->reference_where : "--reference",
                           s->reference, near ? "; did you mean '" : "", near ? near : "",
                           near ? "'?" : "");
        }
    } else {
        for (size_t i = s->n_variants; i-- > 0;)
            if (value_is_str(value_get(s->variants[i].options, "precision"), "fp32"))
                r = i;
    }
    s->variants[r].is_reference = true;
    return 0;
}

/* -- scenarios --------------------------------------------------------------------------------- */

static const struct assay_field scenario_fields[] = {
    {"name", ASSAY_STR, offsetof(struct suite_scenario, name), NULL, NULL, "what to call it"},
    {"prompt", ASSAY_INT, offsetof(struct suite_scenario, n_prompt), "16", "1..10000000",
     "prompt tokens"},
    {"generate", ASSAY_INT, offsetof(struct suite_scenario, n_generate), "0", "0..10000000",
     "tokens to generate"},
    {"repetitions", ASSAY_INT, offsetof(struct suite_scenario, repetitions), "0", "0..1000000",
     "counted ones"},
    {"warmup", ASSAY_INT, offsetof(struct suite_scenario, warmup), "10", "0..1000000",
     "most before those"},
    {"kind", ASSAY_STR, 0, NULL, NULL, "prefill or decode"},
    {NULL, 0, 0, NULL, NULL, NULL},
};

static int add_scenario(struct suite *s, struct suite_scenario c, const char *where,
                        struct assay_err *e)
{
    if (c.repetitions == 0)
        c.repetitions = s->repetitions;
    c.rounds = s->rounds < c.repetitions ? s->rounds : c.repetitions;
    if (c.kind == SUITE_PREFILL)
        c.n_generate = 1;
    if (c.n_generate < 2 && c.kind == SUITE_DECODE)
        return err_set(e, ASSAY_EUSAGE, "%s: a decode scenario generates at least 2 tokens", where);
    if (!c.name)
        c.name = c.kind == SUITE_PREFILL ? arena_printf(s->arena, "prefill:%" PRId64, c.n_prompt)
                                         : arena_printf(s->arena, "decode:%" PRId64 "+%" PRId64,
                                                        c.n_prompt, c.n_generate);
    for (size_t i = 0; i < s->n_scenarios; i++)
        if (strcmp(s->scenarios[i].name, c.name) == 0)
            return err_set(e, ASSAY_EUSAGE, "%s: a scenario '%s' is there already", where, c.name);
    if (s->n_scenarios == MAX_SCENARIOS)
        return err_set(e, ASSAY_ELIMIT, "%s: more than %d scenarios", where, MAX_SCENARIOS);
    s->scenarios[s->n_scenarios++] = c;
    return 0;
}

static int scenario_text(struct suite *s, const char *text, const char *where, struct assay_err *e)
{
    struct suite_scenario c = {.warmup = WARMUP};
    int end = 0;
    if (strcmp(text, "none") == 0)
        return 0;
    if (sscanf(text, "prefill:%8" SCNd64 "%n", &c.n_prompt, &end) == 1 && !text[end]) {
        c.kind = SUITE_PREFILL;
    } else if (sscanf(text, "decode:%8" SCNd64 "+%8" SCNd64 "%n", &c.n_prompt, &c.n_generate,
                      &end) == 2 &&
               !text[end]) {
        c.kind = SUITE_DECODE;
    } else {
        return err_set(e, ASSAY_EUSAGE,
                       "%s: expected prefill:TOKENS, decode:PROMPT+TOKENS or none, found '%s'",
                       where, text);
    }
    if (c.n_prompt < 1)
        return err_set(e, ASSAY_EUSAGE, "%s: '%s' needs a prompt of at least 1 token", where, text);
    return add_scenario(s, c, where, e);
}

static int scenario_map(struct suite *s, const struct value *v, struct assay_err *e)
{
    struct suite_scenario c = {.name = NULL};
    TRY(check_map(s, v, "a scenario", e));
    for (const struct assay_field *f = scenario_fields; strcmp(f->name, "kind") != 0; f++) {
        const struct assay_field one[] = {*f, {NULL, 0, 0, NULL, NULL, NULL}};
        field_defaults(one, &c);
    }
    const struct value *kind = value_get(v, "kind");
    if (!value_is_str(kind, "prefill") && !value_is_str(kind, "decode"))
        return err_set(e, ASSAY_EUSAGE, "%s: 'kind' of a scenario is prefill or decode",
                       suite_where(s, v));
    c.kind = value_is_str(kind, "prefill") ? SUITE_PREFILL : SUITE_DECODE;
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value *key = v->entries[i].key, *x = v->entries[i].value;
        const struct assay_field *f = field_find(scenario_fields, key->s);
        if (!f) {
            const char *near = field_nearest_row(scenario_fields, key->s);
            return err_set(e, ASSAY_EUSAGE, "%s: unknown key '%s' of a scenario%s%s%s",
                           suite_where(s, key), key->s, near ? "; did you mean '" : "",
                           near ? near : "", near ? "'?" : "");
        }
        if (strcmp(key->s, "kind") != 0)
            TRY(field_set_value(f, &c, x, suite_where(s, x), s->arena, e));
    }
    return add_scenario(s, c, suite_where(s, v), e);
}

static int make_scenarios(struct suite *s, struct assay_err *e)
{
    s->scenarios = ARENA_ARRAY(s->arena, struct suite_scenario, MAX_SCENARIOS);
    for (size_t i = 0; i < s->scenario_texts.n; i++)
        TRY(scenario_text(s, s->scenario_texts.v[i], "--scenario", e));
    for (uint32_t i = 0; s->scenarios_value && i < s->scenarios_value->n; i++) {
        const struct value *v = s->scenarios_value->items[i];
        if (v->type == VALUE_STR)
            TRY(scenario_text(s, v->s, suite_where(s, v), e));
        else
            TRY(scenario_map(s, v, e));
    }
    if (s->scenario_texts.n || s->scenarios_value)
        return 0;
    /* The first length of a kind that a model can have is its headline. */
    TRY(scenario_text(s, "prefill:256", "scenario", e));
    TRY(scenario_text(s, "prefill:64", "scenario", e));
    TRY(scenario_text(s, "decode:16+64", "scenario", e));
    for (size_t i = 0; i < s->n_scenarios; i++)
        s->scenarios[i].is_default = true;
    return 0;
}

/* -- samples ----------------------------------------------------------------------------------- */

static int make_samples(struct suite *s, struct assay_err *e)
{
    const char *text = s->samples_text, *where = "--samples";
    if (text && text[0] != '{') {
        size_t n;
        where = text;
        TRY(fs_read(text, 64 << 20, s->arena, &text, &n, e));
    }
    if (text)
        TRY(json_parse(text, strlen(text), where, 1, s->arena, &s->samples, e));
    if (!s->samples)
        return 0;
    if (s->limit > 0)
        return err_set(e, ASSAY_EUSAGE, "'samples' and 'limit' exclude each other");
    if (s->samples->type != VALUE_DICT)
        return err_set(e, ASSAY_EUSAGE, "%s: expected {\"task\": [indices]}", where);
    for (uint32_t i = 0; i < s->samples->n; i++) {
        const struct value *v = s->samples->entries[i].value;
        bool ok = v->type == VALUE_LIST;
        for (uint32_t k = 0; ok && k < v->n; k++)
            ok = v->items[k]->type == VALUE_INT && v->items[k]->i >= 0;
        if (!ok)
            return err_set(e, ASSAY_EUSAGE,
                           "%s: the samples of a task are a list of indices from 0", where);
    }
    return 0;
}

/* -- generation ---------------------------------------------------------------------------------- */

/* A value of KEY=VALUE as lm-eval reads it: words, numbers, else text. */
static const struct value *kwarg_value(struct arena *a, const char *s, size_t n)
{
    const char *text = arena_strndup(a, s, n);
    char *end;
    if (n >= 2 && s[0] == s[n - 1] && (s[0] == '"' || s[0] == '\''))
        return value_strn(a, s + 1, n - 2);
    if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)
        return value_bool((*text | 32) == 't');
    if (strcasecmp(text, "none") == 0)
        return &value_null;
    long long i = strtoll(text, &end, 10);
    if (n && n < 19 && !*end)
        return value_int(a, i);
    double f = strtod(text, &end);
    return n && !*end && !strpbrk(text, "xX") ? (const struct value *)value_float(a, f) : value_str(a, text);
}

static int make_gen_kwargs(struct suite *s, struct assay_err *e)
{
    const char *text = s->gen_kwargs_text, *where = "--gen-kwargs";
    struct arena *a = s->arena;
    if (text && text[0] == '{')
        TRY(json_parse(text, strlen(text), where, 1, a, &s->gen_kwargs, e));
    else if (text && *text)
        s->gen_kwargs = value_dict(a, NULL, 0);
    if (s->gen_kwargs && s->gen_kwargs->type != VALUE_DICT)
        return err_set(e, ASSAY_EUSAGE, "%s: expected a map of keys", where);
    for (const char *p = text && text[0] != '{' ? text : ""; *p;) {
        size_t n = strcspn(p, ","), k = strcspn(p, "=");
        if (k == 0 || k >= n)
            return err_set(e, ASSAY_EUSAGE, "%s: expected KEY=VALUE,... found '%s'", where, text);
        s->gen_kwargs = value_with(a, s->gen_kwargs, arena_strndup(a, p, k),
                                   kwarg_value(a, p + k + 1, n - k - 1));
        p += n + (p[n] == ',');
    }
    if (s->gen_kwargs) { /* recorded as text: the order of keys is part of the requests' record */
        struct buf b;
        buf_init(&b, 0);
        json_write(&b, s->gen_kwargs, JSON_COMPACT);
        s->gen_kwargs_text = arena_strdup(a, b.v);
        buf_release(&b);
    }
    return 0;
}

/* -- identity ---------------------------------------------------------------------------------- */

static const struct value *list_value(struct arena *a, const struct suite_list *l)
{
    const struct value **v = ARENA_ARRAY(a, const struct value *, l->n + 1);
    for (size_t i = 0; i < l->n; i++)
        v[i] = value_str(a, l->v[i]);
    return value_list(a, v, l->n);
}

static const struct value *variant_value(struct arena *a, const struct suite_variant *v)
{
    const struct value_entry x[] = {
        {value_str(a, "name"), value_str(a, v->name)},
        {value_str(a, "backend"), value_str(a, v->backend)},
        {value_str(a, "options"), v->options ? v->options : value_dict(a, NULL, 0)},
        {value_str(a, "is_reference"), value_bool(v->is_reference)},
    };
    return value_dict(a, x, 4);
}

static const struct value *scenario_value(struct arena *a, const struct suite_scenario *c)
{
    const struct value_entry x[] = {
        {value_str(a, "name"), value_str(a, c->name)},
        {value_str(a, "kind"), value_str(a, c->kind == SUITE_PREFILL ? "prefill" : "decode")},
        {value_str(a, "prompt"), value_int(a, c->n_prompt)},
        {value_str(a, "generate"), value_int(a, c->n_generate)},
        {value_str(a, "repetitions"), value_int(a, c->repetitions)},
        {value_str(a, "warmup"), value_int(a, c->warmup)},
        {value_str(a, "is_default"), value_bool(c->is_default)},
    };
    return value_dict(a, x, 7);
}

static const char *const lists[] = {"tasks", "task-dir", "data", "recipe-dir"};
/* Not part of the identity: an interrupted run may be resumed with others. */
static const char *const aside[] = {"timeout",          "memory-limit",      "keep-logits",
                                    "allow-task-code",  "task-code-python",  "task-code-timeout",
                                    "task-code-memory", "idle"};

/* What only chat templates read, likewise. */
static const char *const chatting[] = {"fewshot-as-multiturn", "chat-date"};

static bool among(const char *key, const char *const *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i], key) == 0)
            return true;
    return false;
}

/* What only early stopping reads: left out of the record of a run that does not stop. */
static const char *const stopping[] = {"stop-when", "margin", "alpha"};

static const struct value *settings_value(struct suite *s, bool for_identity)
{
    struct arena *a = s->arena;
    const struct value *v = value_dict(a, NULL, 0);
    for (const struct assay_field *f = suite_fields; f->name; f++) {
        const struct assay_field one[] = {*f, {NULL, 0, 0, NULL, NULL, NULL}};
        if (for_identity && among(f->name, aside, sizeof aside / sizeof *aside))
            continue;
        if (!s->strict_fewshot && strcmp(f->name, "strict-fewshot") == 0)
            continue;
        if (!s->stop_when && among(f->name, stopping, sizeof stopping / sizeof *stopping))
            continue;
        if (!s->applies_chat && among(f->name, chatting, sizeof chatting / sizeof *chatting))
            continue;
        if (among(f->name, lists, sizeof lists / sizeof *lists))
            v = value_with(a, v, f->name,
                           list_value(a, (struct suite_list *)(void *)((char *)s + f->offset)));
        else if (!suite_is_list(f->name) && strcmp(f->name, "samples") != 0)
            for (const struct value *r = field_record(one, s, a); r && r->n; r = NULL)
                v = value_with(a, v, f->name, r->entries[0].value);
    }
    const struct value **x =
        ARENA_ARRAY(a, const struct value *, s->n_variants + s->n_scenarios + 1);
    for (size_t i = 0; i < s->n_variants; i++)
        x[i] = variant_value(a, &s->variants[i]);
    v = value_with(a, v, "variants", value_list(a, x, s->n_variants));
    for (size_t i = 0; i < s->n_scenarios; i++)
        x[i] = scenario_value(a, &s->scenarios[i]);
    v = value_with(a, v, "scenarios", value_list(a, x, s->n_scenarios));
    if (suite_chat_record(s))
        v = value_with(a, v, "chat-file", suite_chat_record(s));
    return s->samples ? value_with(a, v, "samples", s->samples) : v;
}

static void make_identity(struct suite *s)
{
    struct buf b;
    uint8_t digest[HASH_BYTES];
    buf_init(&b, 0);
    json_write(&b, settings_value(s, false), JSON_SORTED);
    s->json = arena_strdup(s->arena, b.v);
    hash_value(settings_value(s, true), digest);
    hash_hex(digest, s->uid);
    buf_release(&b);
}

static int make_sizes(struct suite *s, struct assay_err *e)
{
    s->memory_limit = 0;
    if (s->memory_limit_text && s->memory_limit_text[0])
        TRY(suite_parse_size(s->memory_limit_text, "memory-limit", &s->memory_limit, e));
    TRY(suite_parse_size(s->task_code_memory_text, "task-code-memory", &s->task_code_memory, e));
    return suite_parse_size(s->logits_budget_text, "logits-budget", &s->logits_budget, e);
}

/* "1pp", "0.5 pp" or "1" -> percentage points. */
static int make_margin(struct suite *s, struct assay_err *e)
{
    char *end;
    s->margin = 0;
    if (!s->stop_when && (strcmp(s->margin_text, "1pp") != 0 || s->alpha != 0.05))
        return err_set(e, ASSAY_EUSAGE,
                       "'margin' and 'alpha' go with 'stop-when: decided'; a run that asks "
                       "everything is judged by assay compare --margin --alpha");
    if (!s->stop_when)
        return 0;
    if (strcmp(s->stop_when, "decided") != 0)
        return err_set(e, ASSAY_EUSAGE, "--stop-when: expected 'decided', found '%s'",
                       s->stop_when);
    double points = strtod(s->margin_text, &end);
    end += strspn(end, " ");
    if (end == s->margin_text || (*end && strcmp(end, "pp") != 0) ||
        !(points >= 0.01 && points <= 50))
        return err_set(e, ASSAY_EUSAGE,
                       "--margin: expected percentage points from 0.01 to 50, as in 1pp, found "
                       "'%s'",
                       s->margin_text);
    s->margin = points / 100;
    return 0;
}

/* Early stopping decides variants against the reference, by their answers to tasks. */
static int check_stopping(const struct suite *s, struct assay_err *e)
{
    if (s->margin > 0 && s->n_variants < 2)
        return err_set(e, ASSAY_EUSAGE,
                       "--stop-when compares variants with the reference: give a second one");
    if (s->margin > 0 && !s->tasks.n)
        return err_set(e, ASSAY_EUSAGE, "--stop-when has no tasks to decide by: give --tasks");
    return 0;
}

int suite_finish(struct suite *s, struct assay_err *e)
{
    s->variants = ARENA_ARRAY(s->arena, struct suite_variant, MAX_VARIANTS);
    if (s->models_value && (s->precisions.n || s->options.n))
        return err_set(
            e, ASSAY_EUSAGE,
            "--precision and --option go with --model; this suite names its own variants");
    TRY(s->models_value ? file_variants(s, e) : flag_variants(s, e));
    if (!s->n_variants)
        return err_set(e, ASSAY_EUSAGE, "the suite has no variants");
    TRY(pick_reference(s, e));
    TRY(make_scenarios(s, e));
    TRY(make_samples(s, e));
    TRY(make_gen_kwargs(s, e));
    TRY(make_sizes(s, e));
    TRY(make_margin(s, e));
    TRY(check_stopping(s, e));
    TRY(suite_make_chat(s, NULL, e));
    if (!s->tasks.n && !s->n_scenarios)
        return err_set(e, ASSAY_EUSAGE, "nothing to do: neither tasks nor scenarios");
    make_identity(s);
    return 0;
}

/* -- a recorded suite -------------------------------------------------------------------------- */

static int broken(struct assay_err *e)
{
    return err_set(e, ASSAY_EFORMAT, "the run's record of its suite is damaged");
}

static int read_variants(struct suite *s, const struct value *v, struct assay_err *e)
{
    s->variants = ARENA_ARRAY(s->arena, struct suite_variant, v->n + 1);
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value *x = v->items[i], *name = value_get(x, "name"),
                           *b = value_get(x, "backend");
        if (!name || !b || name->type != VALUE_STR || b->type != VALUE_STR)
            return broken(e);
        const struct value *ref = value_get(x, "is_reference");
        s->variants[s->n_variants++] = (struct suite_variant){
            .name = name->s,
            .backend = b->s,
            .options = value_get(x, "options"),
            .where = "run",
            .is_reference = ref && ref->type == VALUE_BOOL && ref->b,
        };
    }
    return 0;
}

int suite_from_json(struct suite *s, const char *json, struct arena *a, struct assay_err *e)
{
    const struct value *v;
    suite_init(s, a);
    TRY(json_parse(json, strlen(json), "suite", 1, a, &v, e));
    const struct value *variants = value_get(v, "variants");
    if (!variants || variants->type != VALUE_LIST)
        return broken(e);
    TRY(read_variants(s, variants, e));
    for (const struct assay_field *f = suite_fields; f->name; f++) {
        const struct value *x = value_get(v, f->name);
        if (!x || strcmp(f->name, "samples") == 0)
            continue;
        if (!suite_is_list(f->name))
            TRY(field_set_value(f, s, x, "suite", a, e));
        for (uint32_t i = 0; suite_is_list(f->name) && x->type == VALUE_LIST && i < x->n; i++)
            if (x->items[i]->type == VALUE_STR)
                suite_list_add(s, (struct suite_list *)(void *)((char *)s + f->offset),
                               x->items[i]->s);
    }
    s->samples = value_get(v, "samples");
    TRY(make_gen_kwargs(s, e));
    s->json = json;
    TRY(make_sizes(s, e));
    TRY(make_margin(s, e));
    TRY(suite_make_chat(s, v, e));
    return make_samples(s, e);
}
