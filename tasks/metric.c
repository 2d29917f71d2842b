/* metric.c - the table of metrics, how a task names one, and the score of one document.
 *
 * Aggregates and standard errors are in metric_aggregate.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/json.h"
#include "harness/base/log.h"
#include "tasks/code.h"
#include "tasks/metric.h"
#include "tasks/port.h"
#include "tasks/pytext.h"
#include "tasks/regex.h"

/* -- pieces ---------------------------------------------------------------------------------------- */

static int fail(struct assay_err *e, const struct metric_use *u, const char *what)
{
    return err_set(e, ASSAY_EFORMAT, "metric '%s': %s", u->name, what);
}

/* numpy.argmax: the first maximum; a NaN counts as the largest. */
static size_t argmax(const double *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i]))
            return i;
        if (x[i] > x[best])
            best = i;
    }
    return best;
}

int64_t metric_gold_index(const struct value *gold, const struct value *choices, size_t n)
{
    if (gold->type == VALUE_INT || gold->type == VALUE_BOOL) {
        int64_t g = gold->type == VALUE_BOOL ? gold->b : gold->i;
        return g < (int64_t)n ? g : -100;
    }
    for (uint32_t i = 0; choices && i < choices->n; i++)
        if (value_equal(choices->items[i], gold))
            return i;
    return -100;
}

size_t metric_words(const char *s, size_t n)
{
    size_t pieces = 1;
    bool space = false;
    for (size_t i = 0; i < n;) {
        size_t k = pytext_offset(pystr(s + i, n - i), 1);
        bool is = pytext_strip(pystr(s + i, k), PYTEXT_BOTH).n == 0;
        pieces += is && !space;
        space = is;
        i += k;
    }
    return pieces;
}

static void set_value(struct task_score *s, double v)
{
    *s = (struct task_score){.value = v, .weight = NAN, .detail = NULL};
}

/* A pair or vector: JSON [a, b]. */
static int set_pair(struct arena *a, struct task_score *s, const struct value *x, const struct value *y)
{
    const struct value *v[2] = {x, y};
    struct buf b;
    buf_init(&b, 0);
    json_write(&b, value_list(a, v, 2), JSON_PYTHON);
    *s = (struct task_score){.value = NAN, .weight = NAN, .detail = arena_strndup(a, b.v, b.n)};
    buf_release(&b);
    return 0;
}

/* gold as an index or, with several targets, a LIST of them. */
static const struct value *gold_indices(const struct metric_doc *d, struct arena *a)
{
    if (d->gold->type != VALUE_LIST)
        return value_int(a, metric_gold_index(d->gold, d->choices, d->n_choices));
    const struct value **v = ARENA_ARRAY(a, const struct value *, d->gold->n + 1);
    for (uint32_t i = 0; i < d->gold->n; i++)
        v[i] = value_int(a, metric_gold_index(d->gold->items[i], d->choices, d->n_choices));
    return value_list(a, v, d->gold->n);
}

/* pred == gold, or pred in gold. */
static bool hits(const struct metric_doc *d, size_t pred)
{
    if (d->gold->type != VALUE_LIST)
        return metric_gold_index(d->gold, d->choices, d->n_choices) == (int64_t)pred;
    for (uint32_t i = 0; i < d->gold->n; i++)
        if (metric_gold_index(d->gold->items[i], d->choices, d->n_choices) == (int64_t)pred)
            return true;
    return false;
}

enum { NORM_NONE, NORM_POINTS, NORM_BYTES };

/* argmax of the log-likelihoods over the lengths of the choices. */
static int predict(const struct metric_use *u, const struct metric_doc *d, int norm, struct arena *a,
                   size_t *out, struct assay_err *e)
{
    if (d->n_choices == 0)
        return fail(e, u, "the document has no choices");
    if (norm == NORM_NONE) {
        *out = argmax(d->logprobs, d->n_choices);
        return 0;
    }
    if (!d->choices || d->choices->n < d->n_choices)
        return fail(e, u, "the document's choices are missing");
    struct arena_mark mark = arena_mark(a);
    double *x = ARENA_ARRAY(a, double, d->n_choices);
    for (size_t i = 0; i < d->n_choices; i++) {
        const struct value *c = d->choices->items[i];
        if (c->type != VALUE_STR)
            return fail(e, u, "a choice is no text");
        size_t len = norm == NORM_BYTES ? c->n : pytext_len(pystr(c->s, c->n));
        x[i] = d->logprobs[i] / (double)len;      /* an empty choice: -inf or NaN, as numpy has it */
    }
    *out = argmax(x, d->n_choices);
    arena_rewind(a, mark);
    return 0;
}

/* -- scores ---------------------------------------------------------------------------------------- */

static int score_choice(const struct metric_use *u, const struct metric_doc *d, int norm, struct arena *a,
                        struct task_score *s, struct assay_err *e)
{
    size_t pred = 0;
    TRY(predict(u, d, norm, a, &pred, e));
    set_value(s, hits(d, pred) ? 1.0 : 0.0);
    return 0;
}

/* What the metric of a generation hands on: [gold, prediction]. */
static int score_pair(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                      struct task_score *s, struct assay_err *e)
{
    (void)u;
    (void)e;
    return set_pair(a, s, d->gold, d->response);
}

static int score_acc(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                     struct task_score *s, struct assay_err *e)
{
    if (d->output == TASK_LOGLIKELIHOOD) {
        set_value(s, d->greedy[0]);
        return 0;
    }
    if (d->output == TASK_GENERATE)
        return score_pair(u, d, a, s, e);
    return score_choice(u, d, NORM_NONE, a, s, e);
}

static int score_acc_norm(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                          struct task_score *s, struct assay_err *e)
{
    return score_choice(u, d, NORM_POINTS, a, s, e);
}

static int score_acc_bytes(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                           struct task_score *s, struct assay_err *e)
{
    return score_choice(u, d, NORM_BYTES, a, s, e);
}

static int score_mutual_info(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                             struct task_score *s, struct assay_err *e)
{
    if (!d->unconditional || d->n_choices == 0)
        return fail(e, u, "unconditional log-likelihoods are missing");
    double *x = ARENA_ARRAY(a, double, d->n_choices);
    for (size_t i = 0; i < d->n_choices; i++)
        x[i] = d->logprobs[i] - d->unconditional[i];
    set_value(s, hits(d, argmax(x, d->n_choices)) ? 1.0 : 0.0);
    return 0;
}

static int score_label(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                       struct task_score *s, struct assay_err *e)
{
    size_t pred = 0;
    if (d->output == TASK_GENERATE)
        return score_pair(u, d, a, s, e);
    TRY(predict(u, d, NORM_NONE, a, &pred, e));
    return set_pair(a, s, gold_indices(d, a), value_int(a, (int64_t)pred));
}

static const struct value *numbers(struct arena *a, const double *x, size_t n)
{
    const struct value **v = ARENA_ARRAY(a, const struct value *, n + 1);
    for (size_t i = 0; i < n; i++)
        v[i] = value_float(a, x[i]);
    return value_list(a, v, n);
}

static int score_likelihood(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                            struct task_score *s, struct assay_err *e)
{
    (void)u;
    (void)e;
    return set_pair(a, s, gold_indices(d, a), numbers(a, d->logprobs, d->n_choices));
}

/* softmax with the maximum subtracted, summed left to right as numpy does below eight items. */
static int score_brier(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                       struct task_score *s, struct assay_err *e)
{
    if (d->n_choices == 0)
        return fail(e, u, "the document has no choices");
    double *p = ARENA_ARRAY(a, double, d->n_choices);
    double top = d->logprobs[argmax(d->logprobs, d->n_choices)], sum = 0;
    for (size_t i = 0; i < d->n_choices; i++)
        sum += p[i] = exp(d->logprobs[i] - top);
    for (size_t i = 0; i < d->n_choices; i++)
        p[i] /= sum;
    return set_pair(a, s, gold_indices(d, a), numbers(a, p, d->n_choices));
}

static int score_perplexity(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                            struct task_score *s, struct assay_err *e)
{
    (void)u;
    (void)a;
    (void)e;
    set_value(s, d->logprobs[0]);
    return 0;
}

static int score_words(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                       struct task_score *s, struct assay_err *e)
{
    (void)a;
    if (d->gold->type != VALUE_STR)
        return fail(e, u, "the document's text is no text");
    set_value(s, d->logprobs[0]);
    s->weight = (double)metric_words(d->gold->s, d->gold->n);
    return 0;
}

static int score_bytes(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                       struct task_score *s, struct assay_err *e)
{
    (void)a;
    if (d->gold->type != VALUE_STR)
        return fail(e, u, "the document's text is no text");
    set_value(s, d->logprobs[0]);
    s->weight = (double)d->gold->n;
    return 0;
}

static int score_bypass(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                        struct task_score *s, struct assay_err *e)
{
    (void)u;
    (void)d;
    (void)a;
    (void)e;
    set_value(s, NAN);
    return 0;
}

/* -- exact_match ----------------------------------------------------------------------------------- */

static bool is_dropped(const struct metric_use *u, char c)
{
    bool punctuation = (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
                       (c >= 123 && c <= 126);
    return (u->ignore_punctuation && punctuation) || (u->ignore_numbers && c >= '0' && c <= '9');
}

/* The text after the options, in lm-eval's order. */
static int normalise(const struct metric_use *u, struct arena *a, struct pystr *s, struct assay_err *e)
{
    struct regex_sub drop = {PYSTR(""), 0};
    struct buf b;
    int rc = 0;
    buf_init(&b, 0);
    for (size_t i = 0; i < u->n_ignore && rc == 0; i++) {
        buf_clear(&b);
        rc = regex_replace(u->ignore[i], &drop, *s, &b, e);
        *s = pystr(arena_strndup(a, b.v, b.n), b.n);
    }
    if (rc == 0 && u->ignore_case) {
        buf_clear(&b);
        pytext_convert(&b, *s, PYTEXT_TO_LOWER);
        *s = pystr(arena_strndup(a, b.v, b.n), b.n);
    }
    if (rc == 0 && (u->ignore_punctuation || u->ignore_numbers)) {
        buf_clear(&b);
        for (size_t i = 0; i < s->n; i++)
            if (!is_dropped(u, s->s[i]))
                buf_addc(&b, s->s[i]);
        *s = pystr(arena_strndup(a, b.v, b.n), b.n);
    }
    buf_release(&b);
    return rc;
}

static int normalised(const struct metric_use *u, const struct value *v, struct arena *a, struct pystr *out,
                      struct assay_err *e)
{
    *out = pystr_of(a, v);
    if (!out->s)
        return fail(e, u, "a value is nested too deeply");
    TRY(normalise(u, a, out, e));
    while (out->n && out->s[out->n - 1] == 0)    /* numpy's strings end before trailing NULs */
        out->n--;
    return 0;
}

static bool same(struct pystr a, struct pystr b)
{
    return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

static int match_generated(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                           struct task_score *s, struct assay_err *e)
{
    bool many = d->multiple_target && d->gold->type == VALUE_LIST;
    bool listed = d->response->type == VALUE_LIST;
    uint32_t n_gold = many ? d->gold->n : 1, n_resp = listed ? d->response->n : 1, equal = 0;
    for (uint32_t g = 0; g < n_gold; g++) {
        struct pystr x, y;
        TRY(normalised(u, many ? d->gold->items[g] : d->gold, a, &x, e));
        for (uint32_t i = 0; i < n_resp; i++) {
            TRY(normalised(u, listed ? d->response->items[i] : d->response, a, &y, e));
            equal += same(x, y);
        }
    }
    if (many)
        set_value(s, equal ? 1.0 : 0.0);
    else
        set_value(s, n_resp ? (double)equal / n_resp : NAN);
    return 0;
}

static bool is_greedy_at(const struct metric_doc *d, const struct value *gold)
{
    int64_t g = metric_gold_index(gold, d->choices, d->n_choices);
    if (g == -100)
        return false;
    if (g < 0)
        g += (int64_t)d->n_choices;
    return g >= 0 && d->greedy[g];
}

static int score_exact_match(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                             struct task_score *s, struct assay_err *e)
{
    if (d->output == TASK_GENERATE)
        return match_generated(u, d, a, s, e);
    bool list = d->gold->type == VALUE_LIST, any = !list && is_greedy_at(d, d->gold);
    for (uint32_t i = 0; list && i < d->gold->n && !any; i++)
        any = is_greedy_at(d, d->gold->items[i]);
    set_value(s, any);
    return 0;
}

/* -- the table ------------------------------------------------------------------------------------- */

enum { MC = 1 << TASK_MULTIPLE_CHOICE, LL = 1 << TASK_LOGLIKELIHOOD, ROLL = 1 << TASK_ROLLING,
       GEN = 1 << TASK_GENERATE };

static const struct metric table[] = {
    {"acc", "mean", 1, MC | LL | GEN, false, score_acc},
    {"acc_norm", "mean", 1, MC, false, score_acc_norm},
    {"acc_bytes", "mean", 1, MC, false, score_acc_bytes},
    {"acc_mutual_info", "mean", 1, MC, false, score_mutual_info},
    {"exact_match", "mean", 1, MC | GEN, false, score_exact_match},
    {"perplexity", "perplexity", 0, LL, false, score_perplexity},
    {"word_perplexity", "weighted_perplexity", 0, ROLL, false, score_words},
    {"byte_perplexity", "weighted_perplexity", 0, ROLL, false, score_bytes},
    {"bits_per_byte", "bits_per_byte", 0, ROLL, false, score_bytes},
    {"likelihood", NULL, 1, MC, true, score_likelihood},
    {"brier_score", "brier_score", 0, MC, true, score_brier},
    {"f1", "f1", 1, MC | GEN, true, score_label},
    {"mcc", "matthews_corrcoef", 1, MC | GEN, true, score_label},
    {"bleu", "bleu", 1, GEN, true, score_pair},
    {"chrf", "chrf", 1, GEN, true, score_pair},
    {"ter", "ter", 0, GEN, true, score_pair},
    {"bypass", "bypass", 1, MC | LL | ROLL | GEN, false, score_bypass},
};
enum { N_METRICS = sizeof table / sizeof table[0] };

const struct metric *metric_find(const char *name)
{
    for (size_t i = 0; i < N_METRICS; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

const struct metric *metric_table(size_t *n)
{
    *n = N_METRICS;
    return table;
}

int metric_score(const struct metric_use *u, const struct metric_doc *d, struct arena *a,
                 struct task_score *out, struct assay_err *e)
{
    return u->metric->score(u, d, a, out, e);
}

/* -- metric_list ----------------------------------------------------------------------------------- */

static const char *const output_names[] = {"multiple_choice", "loglikelihood", "loglikelihood_rolling",
                                           "generate_until"};
static const char *const option_names[] = {
    "metric", "aggregation", "higher_is_better", "hf_evaluate", "ignore_case", "ignore_punctuation",
    "ignore_numbers", "regexes_to_ignore", "weight_by_size", "average", NULL};

static int bad_entry(const struct value *at, const char *path, struct assay_err *e, const char *what,
                     const char *name)
{
    return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: %s '%s'", path, at->line, at->col, what, name);
}

static int unknown(const struct value *at, const char *path, struct assay_err *e, const char *what,
                   const char *const *known)
{
    size_t n = 0;
    while (known[n])
        n++;
    const char *near = field_nearest(at->s, known, n);
    if (near)
        return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: unknown %s '%s', did you mean '%s'?", path, at->line,
                       at->col, what, at->s, near);
    return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: unknown %s '%s'", path, at->line, at->col, what, at->s);
}

/* A text or a number is as true as Python has it: upstream only asks "if". */
static int parse_flag(const struct value *v, const char *path, bool *out, struct assay_err *e)
{
    if (v->type == VALUE_STR || v->type == VALUE_INT) {
        *out = v->type == VALUE_STR ? v->n > 0 : v->i != 0;
        log_warn("%s:%u:%u: not true or false; taken as %s, as upstream does", path, v->line, v->col,
                 *out ? "true" : "false");
        return 0;
    }
    if (v->type != VALUE_BOOL)
        return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: expected true or false", path, v->line, v->col);
    *out = v->b;
    return 0;
}

static int parse_ignore(const struct value *v, const char *path, struct arena *a, struct metric_use *u,
                        struct assay_err *e)
{
    if (v->type == VALUE_NULL)
        return 0;
    if (v->type != VALUE_LIST)
        return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: 'regexes_to_ignore' must be a list", path, v->line,
                       v->col);
    u->ignore = ARENA_ARRAY(a, struct regex *, v->n + 1);
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value *p = v->items[i];
        if (p->type != VALUE_STR)
            return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: a regular expression must be text", path, p->line,
                           p->col);
        int rc = regex_compile(pystr(p->s, p->n), 0, &u->ignore[u->n_ignore], e);
        if (rc < 0)
            return err_prefix(e, rc, "%s:%u:%u", path, p->line, p->col);
        u->n_ignore++;
    }
    return 0;
}

static int parse_function(const struct value *v, const char *path, struct arena *a, struct metric_use *u,
                          struct assay_err *e)
{
    char *where = arena_printf(a, "%s:%u:%u", path, v->line, v->col);
    struct port_ask ask = {PORT_AGGREGATE, v, "aggregation", path, where, u->host};
    struct port_use *port;
    TRY(port_open(&ask, a, &port, e));
    u->aggregate_code = port->code;
    u->aggregation = port->code ? port->code->name : port->port->text;
    return 0;
}

static int parse_option(const struct value_entry *o, const char *path, struct arena *a,
                        struct metric_use *u, struct assay_err *e)
{
    const struct value *v = o->value;
    bool flag = false;
    if (o->key->type != VALUE_STR)
        return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: an option's name must be text", path, o->key->line,
                       o->key->col);
    if (value_is_str(o->key, "aggregation")) {
        if (v->type == VALUE_FUNC)
            return parse_function(v, path, a, u, e);
        if (v->type != VALUE_STR || !metric_aggregation_known(v->s))
            return v->type == VALUE_STR ? unknown(v, path, e, "aggregation", metric_aggregations())
                                        : bad_entry(v, path, e, "expected a name for", "aggregation");
        u->aggregation = v->s;
        return 0;
    }
    if (value_is_str(o->key, "higher_is_better")) {
        TRY(parse_flag(v, path, &flag, e));
        u->higher_is_better = flag;
        return 0;
    }
    if (value_is_str(o->key, "ignore_case"))
        return parse_flag(v, path, &u->ignore_case, e);
    if (value_is_str(o->key, "ignore_punctuation"))
        return parse_flag(v, path, &u->ignore_punctuation, e);
    if (value_is_str(o->key, "ignore_numbers"))
        return parse_flag(v, path, &u->ignore_numbers, e);
    if (value_is_str(o->key, "regexes_to_ignore"))
        return parse_ignore(v, path, a, u, e);
    for (size_t i = 0; option_names[i]; i++)
        if (value_is_str(o->key, option_names[i]))
            return 0;       /* read upstream, without effect on the score */
    return unknown(o->key, path, e, "option of a metric", option_names);
}

static int find_metric(const struct value *name, const char *path, enum task_output output,
                       struct metric_use *u, struct assay_err *e)
{
    const char *names[N_METRICS + 1] = {NULL};
    for (size_t i = 0; i < N_METRICS; i++)
        names[i] = table[i].name;
    if (!name || name->type != VALUE_STR)
        return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: a metric needs a name", path, name ? name->line : 0,
                       name ? name->col : 0);
    u->metric = metric_find(name->s);
    if (!u->metric)
        return unknown(name, path, e, "metric", names);
    if (!(u->metric->outputs & 1u << output))
        return err_set(e, ASSAY_EFORMAT, "%s:%u:%u: metric '%s' cannot be computed for output_type '%s'",
                       path, name->line, name->col, name->s, output_names[output]);
    u->name = name->s;
    return 0;
}

/* A metric that is a Python function: called for each document, known by its own name. */
static int open_metric(const struct value *name, const char *path, struct arena *a, struct metric_use *u,
                       struct assay_err *e)
{
    struct port_use *use;
    struct port_ask ask = {.kind = PORT_NONE,
                           .func = name,
                           .key = "metric",
                           .yaml = path,
                           .where = arena_printf(a, "%s:%u:%u", path, name->line, name->col),
                           .host = u->host};
    TRY(port_open(&ask, a, &use, e));
    u->score_code = use->code;
    u->name = use->code->name;
    u->metric = metric_find(u->name);      /* one of upstream's may lend its defaults */
    u->aggregation = u->metric ? u->metric->aggregation : NULL;
    u->higher_is_better = u->metric ? u->metric->higher_is_better : -1;
    return 0;
}

static bool is_own_key(const struct value *key)
{
    static const char *const own[] = {"metric", "aggregation", "higher_is_better", "hf_evaluate"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (value_is_str(key, own[i]))
            return true;
    return false;
}

static int parse_code(const struct value *entry, const char *path, struct arena *a, struct metric_use *u,
                      struct assay_err *e)
{
    struct value_entry *kwargs = ARENA_ARRAY(a, struct value_entry, entry->n + 1);
    size_t n = 0;
    TRY(open_metric(value_get(entry, "metric"), path, a, u, e));
    for (uint32_t i = 0; i < entry->n; i++)
        if (!is_own_key(entry->entries[i].key))
            kwargs[n++] = entry->entries[i];
        else
            TRY(parse_option(&entry->entries[i], path, a, u, e));
    u->kwargs = value_dict(a, kwargs, n);
    return u->aggregation ? 0 : bad_entry(entry, path, e, "give an aggregation for metric", u->name);
}

int metric_use_parse(const struct value *entry, const char *path, enum task_output output, struct arena *a,
                     struct metric_use *u, struct assay_err *e)
{
    bool is_dict = entry->type == VALUE_DICT;
    const struct value *said = is_dict ? value_get(entry, "metric") : NULL;
    *u = (struct metric_use){.host = u->host};
    if (said && said->type == VALUE_FUNC)
        return parse_code(entry, path, a, u, e);
    int rc = find_metric(is_dict ? value_get(entry, "metric") : entry, path, output, u, e);
    if (rc < 0)
        return rc;
    u->aggregation = u->metric->aggregation;
    u->higher_is_better = u->metric->higher_is_better;
    u->is_numpy = output == TASK_GENERATE && strcmp(u->name, "exact_match") == 0;
    for (uint32_t i = 0; is_dict && i < entry->n && rc == 0; i++)
        rc = parse_option(&entry->entries[i], path, a, u, e);
    if (rc == 0 && !u->aggregation)
        rc = bad_entry(entry, path, e, "give an aggregation for metric", u->name);
    if (rc < 0)
        metric_use_release(u);
    return rc;
}

int metric_use_result(const struct value *entry, const char *path, const char *name, struct arena *a,
                      struct metric_use *u, struct assay_err *e)
{
    const struct value *said = name ? NULL : value_get(entry, "metric");
    *u = (struct metric_use){.host = u->host};
    if (said && said->type == VALUE_FUNC) {
        TRY(open_metric(said, path, a, u, e));
        name = u->name;
    } else if (!name) {
        if (!said || said->type != VALUE_STR)
            return bad_entry(entry, path, e, "a metric needs the key", "metric");
        name = said->s;
    }
    const struct metric *known = metric_find(name);
    *u = (struct metric_use){.name = name, .metric = known, .host = u->host, .aggregation = "mean",
                             .higher_is_better = -1};
    if (entry && known) {
        u->aggregation = known->aggregation;
        u->higher_is_better = known->higher_is_better;
    } else if (entry) {
        u->aggregation = NULL;
    }
    for (uint32_t i = 0; entry && i < entry->n; i++) {
        int rc = parse_option(&entry->entries[i], path, a, u, e);
        if (rc < 0) {
            metric_use_release(u);
            return rc;
        }
    }
    if (!u->aggregation)
        return bad_entry(entry, path, e, "give an aggregation for metric", name);
    return 0;
}

void metric_use_release(struct metric_use *u)
{
    for (size_t i = 0; u && i < u->n_ignore; i++)
        regex_free(u->ignore[i]);
    if (u)
        u->n_ignore = 0;
}
