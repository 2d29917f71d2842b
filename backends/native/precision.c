/* precision.c - names, groups and keep patterns -> a scheme per matrix; and back into words.
 *
 * One row of names[] per precision.  What a scheme computes is linear.h's affair. */
#include "backends/native/precision.h"
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/native/quant.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"

enum { MAX_GROUP = 1 << 20, MIN_FALLBACK_GROUP = 16, MAX_WORDS = 1000 };

struct name_row {
    const char *name;
    enum scheme_id scheme;
    enum scheme_id edge; /* for token_embd and output */
    uint32_t group;      /* default */
    bool groups, block;  /* takes a group size; is a GGUF block format */
};
static const struct name_row names[] = {
    {"fp32", SCHEME_F32, SCHEME_F32, 0, false, false},
    {"fp16", SCHEME_F16, SCHEME_F16, 0, false, false},
    {"bf16", SCHEME_BF16, SCHEME_BF16, 0, false, false},
    {"int16", SCHEME_INT16, SCHEME_INT16, 0, false, false},
    {"int8", SCHEME_INT8, SCHEME_INT8, 0, true, false},
    {"w8a8", SCHEME_W8A8, SCHEME_W8A8, 0, false, false},
    {"w8a8_static", SCHEME_W8A8_STATIC, SCHEME_W8A8, 0, false, false},
    {"llm_int8", SCHEME_LLM_INT8, SCHEME_LLM_INT8, 0, false, false},
    {"int6", SCHEME_INT6, SCHEME_INT8, 32, true, false},
    {"int5", SCHEME_INT5, SCHEME_INT8, 32, true, false},
    {"int4", SCHEME_INT4, SCHEME_INT8, 32, true, false},
    {"int3", SCHEME_INT3, SCHEME_INT8, 32, true, false},
    {"int2", SCHEME_INT2, SCHEME_INT8, 32, true, false},
    {"int8a", SCHEME_INT8A, SCHEME_INT8A, 0, true, false},
    {"int4a", SCHEME_INT4A, SCHEME_INT8, 32, true, false},
    {"int3a", SCHEME_INT3A, SCHEME_INT8, 32, true, false},
    {"int2a", SCHEME_INT2A, SCHEME_INT8, 32, true, false},
    {"w4a4", SCHEME_W4A4, SCHEME_Q8_0, 0, false, true},
    {"q8_0", SCHEME_Q8_0, SCHEME_Q8_0, 0, false, true},
    {"q4_0", SCHEME_Q4_0, SCHEME_Q8_0, 0, false, true},
    {"q4_1", SCHEME_Q4_1, SCHEME_Q8_0, 0, false, true},
    {"q5_0", SCHEME_Q5_0, SCHEME_Q8_0, 0, false, true},
    {"q5_1", SCHEME_Q5_1, SCHEME_Q8_0, 0, false, true},
    {"stored", SCHEME_F32, SCHEME_F32, 0, false, false},
};
enum { N_NAMES = sizeof names / sizeof *names, STORED = N_NAMES - 1 };
static const struct {
    const char *name;
    enum kv_type type;
} kv_names[] = {
    {"f32", KV_F32},
    {"f16", KV_F16},
    {"int8", KV_INT8},
    {"int4", KV_INT4},
    {"int3", KV_INT3},
    {"int2", KV_INT2},
};

/* -- parsing ----------------------------------------------------------------------------------- */

static int unknown(const char *what, const char *text, const char *expected, struct assay_err *e)
{
    const char *candidates[N_NAMES];
    for (size_t i = 0; i < N_NAMES; i++)
        candidates[i] = names[i].name;
    const char *near = field_nearest(text, candidates, N_NAMES);
    return err_set(e, ASSAY_EUSAGE, "unknown %s '%s', expected one of %s%s%s%s", what, text,
                   expected, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int find_name(const char *what, const char *text, uint8_t *out, struct assay_err *e)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (!strcmp(names[i].name, text)) {
            *out = (uint8_t)i;
            return 0;
        }
    return unknown(what, text, PRECISION_NAMES, e);
}

static int parse_kv(const char *text, enum kv_type *out, struct assay_err *e)
{
    for (size_t i = 0; i < sizeof kv_names / sizeof *kv_names; i++)
        if (!strcmp(kv_names[i].name, text)) {
            *out = kv_names[i].type;
            return 0;
        }
    return err_set(e, ASSAY_EUSAGE, "unknown kv type '%s', expected one of " PRECISION_KV, text);
}

static int parse_group(const struct model_options *o, struct precision *p, struct assay_err *e)
{
    const struct name_row *row = &names[p->name];
    if (!o->group)
        return 0;
    if (o->group < 0 || o->group > MAX_GROUP)
        return err_set(e, ASSAY_EUSAGE,
                       "a group of %lld weights, expected 1 to %d, or 0 for the "
                       "precision's own",
                       (long long)o->group, MAX_GROUP);
    if (!row->groups)
        return err_set(e, ASSAY_EUSAGE,
                       "precision '%s' has no groups, got a group of %lld; int2 to int8 and "
                       "int2a to int8a have",
                       row->name, (long long)o->group);
    p->group = (uint32_t)o->group;
    return 0;
}

static char *trim(char *s)
{
    s += strspn(s, " \t");
    for (size_t n = strlen(s); n && strchr(" \t", s[n - 1]);)
        s[--n] = 0;
    return s;
}

/* One "NAME:PATTERN,PATTERN"; `part` is changed. */
static int parse_rule(char *part, struct precision *p, struct assay_err *e)
{
    char *colon = strchr(part, ':'), *save = NULL;
    uint8_t name = 0;
    if (!colon || !*trim(colon + 1))
        return err_set(e, ASSAY_EUSAGE,
                       "keep '%s' names no tensors, expected PRECISION:PATTERN,...,"
                       " as in 'fp16:output,blk.0.*'",
                       trim(part));
    *colon = 0;
    TRY(find_name("precision in keep", trim(part), &name, e));
    for (char *s = strtok_r(colon + 1, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
        if (p->n_rules == PRECISION_MAX_KEEP)
            return err_set(e, ASSAY_EUSAGE, "keep has more than %d patterns", PRECISION_MAX_KEEP);
        if (*trim(s))
            p->rules[p->n_rules++] = (struct precision_rule){trim(s), name, false};
    }
    return 0;
}

int precision_parse(const struct model_options *o, struct arena *a, struct precision *p,
                    struct assay_err *e)
{
    char *save = NULL;
    memset(p, 0, sizeof *p);
    TRY(find_name("precision", o->precision ? o->precision : "fp32", &p->name, e));
    TRY(parse_kv(o->kv ? o->kv : "f32", &p->kv, e));
    TRY(parse_group(o, p, e));
    if (!o->keep)
        return 0;
    char *keep = arena_strdup(a, o->keep);
    for (char *s = strtok_r(keep, ";", &save); s; s = strtok_r(NULL, ";", &save))
        if (*trim(s))
            TRY(parse_rule(trim(s), p, e));
    return 0;
}

bool precision_uses(const struct precision *p, const char *name)
{
    bool uses = !strcmp(names[p->name].name, name);
    for (uint32_t i = 0; i < p->n_rules; i++)
        uses = uses || !strcmp(names[p->rules[i].name].name, name);
    return uses;
}

/* -- choosing ---------------------------------------------------------------------------------- */

static size_t short_len(const char *name)
{
    size_t n = strlen(name);
    return n > 7 && !strcmp(name + n - 7, ".weight") ? n - 7 : n;
}

static bool matches(const char *pattern, const char *name)
{
    char buf[128];
    size_t n = short_len(name);
    if (!fnmatch(pattern, name, 0))
        return true;
    if (n >= sizeof buf)
        return false;
    memcpy(buf, name, n);
    buf[n] = 0;
    return !fnmatch(pattern, buf, 0);
}

static bool is_edge(const char *name)
{
    return !strcmp(name, "token_embd.weight") || !strcmp(name, "output.weight");
}

static enum scheme_id stored_scheme(uint32_t type)
{
    switch (type) {
    case QT_F16:
        return SCHEME_F16;
    case QT_BF16:
        return SCHEME_BF16;
    case QT_Q8_0:
        return SCHEME_Q8_0;
    case QT_Q4_0:
        return SCHEME_Q4_0;
    case QT_Q4_1:
        return SCHEME_Q4_1;
    case QT_Q5_0:
        return SCHEME_Q5_0;
    case QT_Q5_1:
        return SCHEME_Q5_1;
    default:
        return SCHEME_F32;
    }
}

/* The group for a row that the usual one does not divide; 0: the whole row. */
static uint32_t fallback_group(size_t n_in, uint32_t usual)
{
    for (uint32_t g = usual; g >= MIN_FALLBACK_GROUP; g--)
        if (g % 4 == 0 && n_in % g == 0)
            return g;
    return 0;
}

static int explicit_group(const char *name, uint32_t group, size_t n_in, struct assay_err *e)
{
    if (group <= n_in && n_in % group == 0)
        return 0;
    return err_set(e, ASSAY_EUSAGE,
                   "groups of %u do not divide the rows of %zu weights of tensor "
                   "'%s'; choose a divisor of %zu or keep the tensor at another precision",
                   group, n_in, name, n_in);
}

int precision_choose(struct precision *p, const char *name, uint32_t stored, size_t n_in,
                     struct scheme *out, struct assay_err *e)
{
    const struct name_row *row = &names[p->name];
    bool kept = false;
    for (uint32_t i = 0; i < p->n_rules; i++) {
        if (!matches(p->rules[i].pattern, name))
            continue;
        if (!kept)
            row = &names[p->rules[i].name];
        kept = p->rules[i].used = true;
    }
    *out = (struct scheme){row->scheme, row->group};
    if (row == &names[STORED]) {
        out->id = stored_scheme(stored);
        return 0;
    }
    if (!kept && is_edge(name) && row->edge != row->scheme)
        *out = (struct scheme){row->edge, 0};
    else if (!kept && p->group) {
        out->group = p->group;
        TRY(explicit_group(name, p->group, n_in, e));
    }
    if (out->group && n_in % out->group)
        out->group = fallback_group(n_in, out->group);
    if (row->block && n_in % 32)
        *out = (struct scheme){SCHEME_F16, 0};
    return 0;
}

/* The tensor nearest to a pattern, both without ".weight"; "": none is near. */
static void nearest(const char *pattern, const char *const *tensors, size_t n, char *out,
                    size_t cap)
{
    char want[128], name[128];
    snprintf(want, sizeof want, "%.*s", (int)short_len(pattern), pattern);
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%.*s", (int)short_len(tensors[i]), tensors[i]);
        const char *const pair[] = {name, out};
        if (field_nearest(want, pair, *out ? 2 : 1) == name)
            snprintf(out, cap, "%s", name);
    }
}

int precision_check(const struct precision *p, const char *const *tensors, size_t n, bool tied,
                    struct assay_err *e)
{
    for (uint32_t i = 0; i < p->n_rules; i++) {
        const char *pattern = p->rules[i].pattern;
        if (p->rules[i].used)
            continue;
        if (tied && matches(pattern, "output.weight"))
            return err_set(e, ASSAY_EUSAGE,
                           "keep pattern '%s' matches no matrix: this model's output"
                           " is its token_embd",
                           pattern);
        char near[128] = "";
        nearest(pattern, tensors, n, near, sizeof near);
        return err_set(e, ASSAY_EUSAGE, "keep pattern '%s' matches no matrix of the model%s%s%s",
                       pattern, *near ? "; did you mean '" : "", near, *near ? "'?" : "");
    }
    return 0;
}

/* -- in words ---------------------------------------------------------------------------------- */

/* w8a8, llm_int8 and int8 are held alike, w4a4 and q4_0 too; what sets them apart is the product. */
static bool same_label(const struct assay_tensor *a, const struct assay_tensor *b)
{
    return !strcmp(a->stored, b->stored) && !strcmp(a->compute, b->compute);
}

static void add_label(struct buf *b, const struct assay_tensor *t)
{
    const char *label = t->stored;
    if (!strncmp(t->stored, "int8 ", 5) && !strncmp(t->compute, "s8xs8", 5))
        label = strchr(t->compute, '+')        ? "llm_int8"
                : strstr(t->compute, "static") ? "w8a8_static"
                                               : "w8a8";
    else if (!strncmp(t->compute, "u4xs4", 5))
        label = "w4a4";
    buf_adds(b, label);
    if (label != t->stored && strstr(t->stored, " gptq"))
        buf_adds(b, " gptq");
}

static bool is_matrix(const struct assay_tensor *t)
{
    const char *dot = strrchr(t->name, '.');
    size_t n = dot ? (size_t)(dot - t->name) : strlen(t->name);
    bool norm = n >= 5 && !strncmp(t->name + n - 5, "_norm", 5);
    return !norm && strncmp(t->name, "rope_freqs", 10) != 0;
}

/* "blk.3.ffn_up.weight" -> its layer number's place; false: not of a layer. */
static bool layer_of(const char *name, size_t *rest)
{
    if (strncmp(name, "blk.", 4))
        return false;
    *rest = 4 + strspn(name + 4, "0123456789");
    return true;
}

static bool same_role(const char *a, const char *b)
{
    size_t x, y;
    return layer_of(a, &x) && layer_of(b, &y) && !strcmp(a + x, b + y);
}

/* Whether all tensors of t's role carry t's label, and t is the first of them. */
static bool whole_role(const struct assay_tensor *ts, size_t n, const struct assay_tensor *t,
                       bool *first)
{
    bool whole = true;
    *first = true;
    for (size_t i = 0; i < n; i++) {
        if (!same_role(ts[i].name, t->name))
            continue;
        whole = whole && same_label(&ts[i], t);
        *first = *first && &ts[i] >= t;
    }
    return whole;
}

static void add_names(struct buf *b, const struct assay_tensor *ts, size_t n,
                      const struct assay_tensor *label)
{
    const char *separator = ": ";
    for (size_t i = 0; i < n; i++) {
        size_t rest = 0;
        bool first;
        if (!is_matrix(&ts[i]) || !same_label(&ts[i], label))
            continue;
        bool role = layer_of(ts[i].name, &rest) && whole_role(ts, n, &ts[i], &first);
        if (role && !first)
            continue;
        if (b->n > MAX_WORDS) {
            buf_adds(b, ", ...");
            return;
        }
        buf_adds(b, separator);
        if (role)
            buf_adds(b, "blk.*");
        else
            rest = 0;
        buf_add(b, ts[i].name + rest, short_len(ts[i].name) - rest);
        separator = ", ";
    }
}

/* Tensor i opens a label when no earlier matrix has it. */
static bool opens_label(const struct assay_tensor *ts, size_t i)
{
    if (!is_matrix(&ts[i]))
        return false;
    for (size_t j = 0; j < i; j++)
        if (is_matrix(&ts[j]) && same_label(&ts[j], &ts[i]))
            return false;
    return true;
}

static uint64_t params_of(const struct assay_tensor *ts, size_t n, const struct assay_tensor *label)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        if (is_matrix(&ts[i]) && same_label(&ts[i], label) && layer_of(ts[i].name, &(size_t){0}))
            sum += ts[i].n_params;
    return sum;
}

const char *precision_words(const struct assay_tensor *ts, size_t n, enum kv_type kv,
                            struct arena *a)
{
    struct buf b;
    const struct assay_tensor *most = NULL;
    uint64_t most_params = 0;
    for (size_t i = 0; i < n; i++) {
        if (!opens_label(ts, i))
            continue;
        uint64_t params = params_of(ts, n, &ts[i]);
        if (!most || params > most_params) {
            most = &ts[i];
            most_params = params;
        }
    }
    buf_init(&b, 1 << 16);
    if (most)
        add_label(&b, most);
    for (size_t i = 0; i < n; i++)
        if (opens_label(ts, i) && !same_label(&ts[i], most)) {
            buf_adds(&b, "; ");
            add_label(&b, &ts[i]);
            add_names(&b, ts, n, &ts[i]);
        }
    buf_printf(&b, "; kv %s", kv_names[kv].name);
    const char *words = arena_strdup(a, b.v);
    buf_release(&b);
    return words;
}
