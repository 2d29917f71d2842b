/* metric_aggregate.c - from the scores of documents to a task's value and its standard error.
 *
 * Sums follow CPython: compensated (Neumaier) for Python floats since 3.12, left to right for numpy's.
 * Formulas: lm-eval api/metrics.py, scikit-learn for F1 and MCC.  Bootstraps draw as random.Random(i)
 * does, one seed per chunk of at most 1000 replicates; chunks are independent of the threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/pool.h"
#include "harness/base/rng.h"
#include "tasks/code.h"
#include "tasks/metric_sample.h"
#include "tasks/mt.h"
#include "tasks/port_aggregate.h"
#include "tasks/regex.h"

typedef double aggregate_fn(const struct sample *, const struct draw *);

/* -- sums ------------------------------------------------------------------------------------------ */

double metric_sum(const double *x, size_t n, enum metric_sum how)
{
    double f = 0, c = 0;
    if (how == METRIC_SUM_NAIVE) {
        for (size_t i = 0; i < n; i++)
            f += x[i];
        return f;
    }
    for (size_t i = 0; i < n; i++) {
        double t = f + x[i];
        c += fabs(f) >= fabs(x[i]) ? (f - t) + x[i] : (x[i] - t) + f;
        f = t;
    }
    return c != 0 && isfinite(c) ? f + c : f;
}

/* numpy's pairwise sum. */
double sample_pairwise(const double *x, size_t n)
{
    if (n < 8) {
        double s = n ? x[0] : 0;
        for (size_t i = 1; i < n; i++)
            s += x[i];
        return s;
    }
    if (n > 128) {
        size_t half = n / 2;
        half -= half % 8;
        return sample_pairwise(x, half) + sample_pairwise(x + half, n - half);
    }
    double r[8];
    size_t i = 8;
    for (int k = 0; k < 8; k++)
        r[k] = x[k];
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            r[k] += x[i + (size_t)k];
    double s = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; i++)
        s += x[i];
    return s;
}

static double stddev(const double *x, size_t n, double *scratch, enum metric_sum how)
{
    double mu = metric_sum(x, n, how) / (double)n;
    for (size_t i = 0; i < n; i++)
        scratch[i] = pow(x[i] - mu, 2);
    return sqrt(metric_sum(scratch, n, how) / (double)(n - 1));
}

/* -- aggregations ---------------------------------------------------------------------------------- */

static const double *picked(const struct sample *s, const struct draw *d)
{
    if (!d->pick)
        return s->x;
    for (size_t i = 0; i < s->n; i++)
        d->scratch[i] = s->x[d->pick[i]];
    return d->scratch;
}

static double agg_mean(const struct sample *s, const struct draw *d)
{
    if (!d->pick && s->n_plain < s->n && s->sum == METRIC_SUM_COMPENSATED) {
        double f = metric_sum(s->x, s->n_plain, METRIC_SUM_COMPENSATED);
        for (size_t i = s->n_plain; i < s->n; i++)
            f += s->x[i];
        return f / (double)s->n;
    }
    return metric_sum(picked(s, d), s->n, s->sum) / (double)s->n;
}

static double agg_nanmean(const struct sample *s, const struct draw *d)
{
    const double *x = picked(s, d);
    size_t k = 0;
    for (size_t i = 0; i < s->n; i++) {
        k += !isnan(x[i]);
        d->scratch[i] = isnan(x[i]) ? 0 : x[i];
    }
    return k ? sample_pairwise(d->scratch, s->n) / (double)k : NAN;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The value in the middle of a resample, from how often each rank was drawn. */
static double median_of_ranks(const struct sample *s, const struct draw *d)
{
    uint32_t *drawn = (void *)d->scratch;
    memset(drawn, 0, s->n * sizeof *drawn);
    for (size_t i = 0; i < s->n; i++)
        drawn[s->rank[d->pick[i]]]++;
    size_t r = 0, seen = drawn[0];
    while (seen <= s->n / 2)
        seen += drawn[++r];
    return s->sorted[r];
}

static double agg_median(const struct sample *s, const struct draw *d)
{
    if (d->pick && s->sorted)
        return median_of_ranks(s, d);
    const double *x = picked(s, d);
    if (x != d->scratch)
        memcpy(d->scratch, x, s->n * sizeof *x);
    qsort(d->scratch, s->n, sizeof *x, compare_doubles);
    return d->scratch[s->n / 2];
}

static double agg_perplexity(const struct sample *s, const struct draw *d)
{
    return exp(-agg_mean(s, d));
}

static double weighted_mean(const struct sample *s)
{
    return metric_sum(s->x, s->n, s->sum) / metric_sum(s->w, s->n, METRIC_SUM_NAIVE);
}

static double agg_weighted_perplexity(const struct sample *s, const struct draw *d)
{
    (void)d;
    return exp(-weighted_mean(s));
}

static double agg_bits_per_byte(const struct sample *s, const struct draw *d)
{
    (void)d;
    return -weighted_mean(s) / log(2);
}

static double agg_brier(const struct sample *s, const struct draw *d)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct value *p = s->pairs[i]->items[1];
        int64_t gold = s->pairs[i]->items[0]->i;
        if (gold < 0)
            gold += p->n;
        double sum = 0;
        for (uint32_t k = 0; k < p->n; k++)
            sum += pow(p->items[k]->f - (k == gold), 2);
        d->scratch[i] = sum;
    }
    return sample_pairwise(d->scratch, s->n) / (double)s->n;
}

static double agg_mt(const struct sample *s, const struct draw *d, enum mt_kind kind)
{
    double sums[MT_MOST] = {0};
    size_t k = mt_n_stats(kind);
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < k; j++)
            sums[j] += s->stats[draw_at(d, i) * k + j];
    return mt_score(kind, sums, s->sum);
}

static double agg_bleu(const struct sample *s, const struct draw *d)
{
    return agg_mt(s, d, MT_BLEU);
}

static double agg_chrf(const struct sample *s, const struct draw *d)
{
    return agg_mt(s, d, MT_CHRF);
}

static double agg_ter(const struct sample *s, const struct draw *d)
{
    return agg_mt(s, d, MT_TER);
}

static double agg_bypass(const struct sample *s, const struct draw *d)
{
    (void)s;
    (void)d;
    return 999;
}

/* -- preparation ----------------------------------------------------------------------------------- */

int sample_bad_score(struct assay_err *e, size_t i, const char *what)
{
    return err_set(e, ASSAY_EFORMAT, "score %zu: %s", i + 1, what);
}

static int prepare_numbers(struct sample *s, struct assay_err *e)
{
    for (size_t i = 0; i < s->n; i++) {
        bool is_number = !s->scores[i].detail || !isnan(s->scores[i].value);
        if (!is_number && strncmp(s->scores[i].detail, "{\"__numpy__\"", 12) != 0)
            return sample_bad_score(e, i, "a pair or vector cannot be averaged; give an aggregation for it");
        s->x[i] = s->scores[i].value;
        if (s->scores[i].detail && i < s->n_plain)
            s->n_plain = i;
    }
    return 0;
}

struct ranked {
    double x;
    uint32_t item;
};

static int ranked_order(const void *a, const void *b)
{
    const struct ranked *p = a, *q = b;
    return p->x != q->x ? (p->x > q->x) - (p->x < q->x) : (p->item > q->item) - (p->item < q->item);
}

static int prepare_ranks(struct sample *s, struct assay_err *e)
{
    TRY(prepare_numbers(s, e));
    struct ranked *order = ARENA_ARRAY(&s->arena, struct ranked, s->n);
    for (size_t i = 0; i < s->n; i++) {
        if (isnan(s->x[i]))
            return 0;
        order[i] = (struct ranked){s->x[i], (uint32_t)i};
    }
    qsort(order, s->n, sizeof *order, ranked_order);
    s->rank = ARENA_ARRAY(&s->arena, uint32_t, s->n);
    s->sorted = ARENA_ARRAY(&s->arena, double, s->n);
    for (uint32_t r = 0; r < s->n; r++) {
        s->rank[order[r].item] = r;
        s->sorted[r] = order[r].x;
    }
    return 0;
}

static int prepare_weighted(struct sample *s, struct assay_err *e)
{
    TRY(prepare_numbers(s, e));
    for (size_t i = 0; i < s->n; i++) {
        if (isnan(s->scores[i].weight))
            return sample_bad_score(e, i, "has no weight (words or bytes)");
        s->w[i] = s->scores[i].weight;
    }
    return 0;
}

int sample_pairs(struct sample *s, struct assay_err *e)
{
    s->pairs = ARENA_ARRAY(&s->arena, const struct value *, s->n);
    for (size_t i = 0; i < s->n; i++) {
        const char *text = s->scores[i].detail;
        if (!text)
            return sample_bad_score(e, i, "is a number, expected a pair [gold, prediction]");
        TRY(json_parse(text, strlen(text), "score", 1, &s->arena, &s->pairs[i], e));
        if (s->pairs[i]->type != VALUE_LIST || s->pairs[i]->n != 2)
            return sample_bad_score(e, i, "is no pair [gold, prediction]");
    }
    return 0;
}

/* SQuAD's normal form: lower case, no ASCII punctuation, no articles, split at whitespace. */
static int squad_words(struct sample *s, const struct regex *articles, const struct value *v,
                       struct pystr **words, size_t *n, struct assay_err *e)
{
    static const struct regex_sub blank = {{" ", 1}, 0};
    struct buf lower, plain, out;
    buf_init(&lower, 0);
    buf_init(&plain, 0);
    buf_init(&out, 0);
    pytext_convert(&lower, pystr(v->s, v->n), PYTEXT_TO_LOWER);
    for (size_t i = 0; i < lower.n; i++)
        if (!strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", lower.v[i]) || !lower.v[i])
            buf_addc(&plain, lower.v[i]);
    int rc = regex_replace(articles, &blank, pystr(plain.v, plain.n), &out, e);
    char *text = arena_strndup(&s->arena, out.v, out.n);
    *words = pytext_split(&s->arena, pystr(text, out.n), (struct pystr){0}, -1, n);
    buf_release(&lower);
    buf_release(&plain);
    buf_release(&out);
    return rc;
}

static double words_f1(const struct pystr *a, size_t n_a, struct pystr *b, size_t n_b)
{
    size_t same = 0;
    for (size_t i = 0; i < n_a; i++)
        for (size_t k = 0; k < n_b; k++)
            if (b[k].s && a[i].n == b[k].n && memcmp(a[i].s, b[k].s, a[i].n) == 0) {
                b[k].s = NULL; /* counted */
                same++;
                break;
            }
    if (same == 0)
        return 0;
    double precision = (double)same / (double)n_a, recall = (double)same / (double)n_b;
    return 2 * precision * recall / (precision + recall);
}

static int prepare_squad(struct sample *s, struct assay_err *e)
{
    struct regex *articles;
    TRY(sample_pairs(s, e));
    TRY(regex_compile(PYSTR("\\b(a|an|the)\\b"), 0, &articles, e));
    int rc = 0;
    for (size_t i = 0; i < s->n && rc == 0; i++) {
        const struct value *gold = s->pairs[i]->items[0], *pred = s->pairs[i]->items[1];
        struct pystr *g, *p;
        size_t n_g, n_p;
        if (gold->type != VALUE_STR || pred->type != VALUE_STR)
            rc = sample_bad_score(e, i, "the answer or the prediction is no text");
        if (rc == 0)
            rc = squad_words(s, articles, pred, &p, &n_p, e);
        if (rc == 0)
            rc = squad_words(s, articles, gold, &g, &n_g, e);
        if (rc == 0)
            s->x[i] = words_f1(p, n_p, g, n_g);
    }
    regex_free(articles);
    return rc;
}

static int prepare_brier(struct sample *s, struct assay_err *e)
{
    TRY(sample_pairs(s, e));
    uint32_t n = s->n && s->pairs[0]->items[1]->type == VALUE_LIST ? s->pairs[0]->items[1]->n : 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct value *gold = s->pairs[i]->items[0], *p = s->pairs[i]->items[1];
        if (p->type != VALUE_LIST || p->n != n)
            return sample_bad_score(e, i, "brier_score needs the same number of choices in every document");
        if (gold->type != VALUE_INT || gold->i >= (int64_t)n || gold->i < -(int64_t)n)
            return sample_bad_score(e, i, "brier_score needs one gold choice");
        for (uint32_t k = 0; k < n; k++)
            if (p->items[k]->type != VALUE_FLOAT)
                return sample_bad_score(e, i, "a probability is no number");
    }
    return 0;
}

/* The references of a score: document 0 decides whether they are lists.  Lists of different lengths
 * are cut to the shortest, as zip() does upstream. */
static int reference_count(const struct sample *s, uint32_t *n, struct assay_err *e)
{
    bool listed = s->pairs[0]->items[0]->type == VALUE_LIST;
    *n = listed ? UINT32_MAX : 1;
    for (size_t i = 0; i < s->n; i++) {
        const struct value *gold = s->pairs[i]->items[0];
        if ((gold->type == VALUE_LIST) != listed)
            return sample_bad_score(e, i, listed ? "has one reference where the first document has a list"
                                          : "has a list of references where the first document has one");
        if (listed && gold->n < *n)
            *n = gold->n;
    }
    return *n ? 0 : err_set(e, ASSAY_EFORMAT, "a document has no references");
}

static int prepare_mt(struct sample *s, enum mt_kind kind, struct assay_err *e)
{
    uint32_t n_refs;
    TRY(sample_pairs(s, e));
    TRY(reference_count(s, &n_refs, e));
    struct pystr *refs = ARENA_ARRAY(&s->arena, struct pystr, n_refs);
    s->stats = ARENA_ARRAY(&s->arena, double, s->n * mt_n_stats(kind));
    for (size_t i = 0; i < s->n; i++) {
        const struct value *gold = s->pairs[i]->items[0], *pred = s->pairs[i]->items[1];
        if (pred->type == VALUE_LIST && pred->n == 1)
            pred = pred->items[0];
        if (pred->type != VALUE_STR)
            return sample_bad_score(e, i, "the prediction is no text");
        for (uint32_t r = 0; r < n_refs; r++) {
            const struct value *ref = gold->type == VALUE_LIST ? gold->items[r] : gold;
            if (ref->type != VALUE_STR)
                return sample_bad_score(e, i, "a reference is no text");
            refs[r] = pystr(ref->s, ref->n);
        }
        TRY(mt_stats(kind, pystr(pred->s, pred->n), refs, n_refs, &s->stats[i * mt_n_stats(kind)], e));
    }
    return 0;
}

static int prepare_bleu(struct sample *s, struct assay_err *e)
{
    return prepare_mt(s, MT_BLEU, e);
}

static int prepare_chrf(struct sample *s, struct assay_err *e)
{
    return prepare_mt(s, MT_CHRF, e);
}

static int prepare_ter(struct sample *s, struct assay_err *e)
{
    return prepare_mt(s, MT_TER, e);
}

static int prepare_nothing(struct sample *s, struct assay_err *e)
{
    (void)s;
    (void)e;
    return 0;
}

/* -- the table ------------------------------------------------------------------------------------- */

enum { STDERR_NONE, STDERR_MEAN, STDERR_BOOTSTRAP };
struct aggregation {
    const char *name;
    int stderr_rule;
    bool is_numpy;                         /* its results are numpy's: replicates sum naively */
    int (*prepare)(struct sample *, struct assay_err *);
    aggregate_fn *fn;
};

static const struct aggregation table[] = {
    {"mean", STDERR_MEAN, false, prepare_numbers, agg_mean},
    {"nanmean", STDERR_BOOTSTRAP, true, prepare_numbers, agg_nanmean},
    {"median", STDERR_BOOTSTRAP, false, prepare_ranks, agg_median},
    {"perplexity", STDERR_BOOTSTRAP, false, prepare_numbers, agg_perplexity},
    {"weighted_perplexity", STDERR_NONE, false, prepare_weighted, agg_weighted_perplexity},
    {"bits_per_byte", STDERR_NONE, false, prepare_weighted, agg_bits_per_byte},
    {"f1", STDERR_BOOTSTRAP, true, labels_binary, labels_f1},
    {"matthews_corrcoef", STDERR_BOOTSTRAP, false, labels_cells, labels_mcc},
    {"brier_score", STDERR_NONE, false, prepare_brier, agg_brier},
    {"bleu", STDERR_BOOTSTRAP, false, prepare_bleu, agg_bleu},
    {"chrf", STDERR_BOOTSTRAP, false, prepare_chrf, agg_chrf},
    {"ter", STDERR_BOOTSTRAP, false, prepare_ter, agg_ter},
    {"bypass", STDERR_NONE, false, prepare_nothing, agg_bypass},
    /* Of functions that tasks name (port_table.h): no YAML may say these. */
    {"weighted_f1", STDERR_NONE, true, labels_sorted, labels_weighted_f1},
    {"macro_f1", STDERR_NONE, true, labels_sorted, labels_macro_f1},
    {"micro_f1", STDERR_NONE, true, labels_sorted, labels_micro_f1},
    {"squad_f1", STDERR_NONE, false, prepare_squad, agg_mean},
};
enum { N_AGGREGATIONS = sizeof table / sizeof table[0], N_PORTS = 4 };

static const struct aggregation *find(const char *name)
{
    for (size_t i = 0; i < N_AGGREGATIONS; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

bool metric_aggregation_known(const char *name)
{
    const struct aggregation *a = find(name);
    return a && a < table + N_AGGREGATIONS - N_PORTS;
}

const char *const *metric_aggregations(void)
{
    static const char *const names[] = {"mean", "nanmean", "median", "perplexity", "weighted_perplexity",
                                        "bits_per_byte", "f1", "matthews_corrcoef", "brier_score",
                                        "bleu", "chrf", "ter", "bypass", NULL};
    return names;
}

/* -- bootstrap ------------------------------------------------------------------------------------- */

struct bootstrap {
    const struct sample *s;
    const struct aggregation *agg;
    size_t chunk;
    double *out;                           /* [chunks * chunk] */
    bool failed;
};

enum { WORTH_THREADS = 10000000 };         /* draws: about 50 ms */

static size_t scratch_size(const struct sample *s)
{
    size_t labels = labels_scratch(s);
    return s->n > labels ? s->n : labels;
}

static void run_chunk(void *user, size_t part, size_t n_parts)
{
    struct bootstrap *b = user;
    struct pyrandom rng;
    uint32_t *pick = malloc(b->s->n * sizeof *pick);
    double *scratch = malloc(scratch_size(b->s) * sizeof *scratch);
    struct draw d = {pick, scratch};
    (void)n_parts;
    if (!pick || !scratch) {
        b->failed = true;
    } else {
        pyrandom_seed(&rng, part);
        for (size_t k = 0; k < b->chunk; k++) {
            pyrandom_choices(&rng, (uint32_t)b->s->n, pick, b->s->n);
            b->out[part * b->chunk + k] = b->agg->fn(b->s, &d);
        }
    }
    free(pick);
    free(scratch);
}

static int bootstrap(const struct sample *s, const struct aggregation *agg, struct pool *pool, int iters,
                     double *out, struct assay_err *e)
{
    struct bootstrap b = {.s = s, .agg = agg, .chunk = iters < 1000 ? (size_t)iters : 1000};
    size_t chunks = (size_t)iters / b.chunk, n = chunks * b.chunk;
    b.out = malloc(n * sizeof(double));
    double *scratch = malloc(n * sizeof(double));
    b.failed = !b.out || !scratch;
    struct pool *own = pool || (double)s->n * (double)n < WORTH_THREADS ? NULL : pool_new(pool_cpus());
    if (!b.failed)
        pool_run(pool ? pool : own, chunks, run_chunk, &b);
    pool_free(own);
    if (!b.failed)
        *out = n > 1 ? stddev(b.out, n, scratch, agg->is_numpy ? METRIC_SUM_NAIVE : s->sum) : NAN;
    free(b.out);
    free(scratch);
    return b.failed ? err_set(e, ASSAY_ENOMEM, "out of memory for a bootstrap of %d replicates", iters) : 0;
}

/* -- entry point ----------------------------------------------------------------------------------- */

/* Upstream draws few replicates of metrics with these names: they are slow there. */
enum { CAPPED = 100 };

static bool is_capped(const char *metric)
{
    return strcmp(metric, "bleu") == 0 || strcmp(metric, "chrf") == 0 || strcmp(metric, "ter") == 0;
}

static int standard_error(const struct metric_use *u, const struct aggregation *agg, const struct sample *s,
                          int iters, double *scratch, double *out, struct assay_err *e)
{
    *out = NAN;
    if (iters <= 0 || s->n <= 1 || agg->stderr_rule == STDERR_NONE)
        return 0;
    if (agg->stderr_rule == STDERR_BOOTSTRAP)
        return bootstrap(s, agg, u->pool, is_capped(u->name) && iters > CAPPED ? CAPPED : iters, out, e);
    double mu = agg_mean(s, &(struct draw){NULL, scratch});
    for (size_t i = 0; i < s->n; i++)
        scratch[i] = pow(s->x[i] - mu, 2);
    enum metric_sum how = s->n_plain < s->n ? METRIC_SUM_NAIVE : s->sum;
    *out = sqrt(metric_sum(scratch, s->n, how) / (double)(s->n - 1)) / sqrt((double)s->n);
    return 0;
}

int metric_aggregate(const struct metric_use *u, const struct task_score *scores, size_t n,
                     int bootstrap_iters, struct task_aggregate *out, struct assay_err *e)
{
    const struct aggregation *agg = u->aggregate_code ? NULL : find(u->aggregation);
    struct sample s = {.scores = scores, .n = n, .n_plain = n, .sum = u->is_numpy ? METRIC_SUM_NAIVE : u->sum};
    double *scratch = NULL;
    int rc = 0;
    *out = (struct task_aggregate){.value = NAN, .stderr_ = NAN, .n = n};
    if (u->aggregate_code)
        return n ? code_aggregate(u->aggregate_code, scores, n, out, e) : 0;
    port_aggregate_fn *port = agg ? NULL : port_aggregate_find(u->aggregation);
    if (port && n) {
        rc = port_aggregate(u, scores, n, &out->value, e);
        return rc < 0 ? err_prefix(e, rc, "metric '%s'", u->name) : 0;
    }
    if (!agg && !port)
        return err_set(e, ASSAY_EUSAGE, "metric '%s': unknown aggregation '%s'", u->name, u->aggregation);
    if (n == 0)
        return 0;
    if (n > INT32_MAX)
        return err_set(e, ASSAY_EUSAGE, "metric '%s': %zu scores, but at most %d are aggregated", u->name, n, INT32_MAX);
    s.x = malloc(n * sizeof(double));
    s.w = malloc(n * sizeof(double));
    if (!s.x || !s.w)
        rc = err_set(e, ASSAY_ENOMEM, "out of memory for %zu scores", n);
    if (rc == 0 && (rc = agg->prepare(&s, e)) < 0)
        rc = err_prefix(e, rc, "metric '%s'", u->name);
    if (rc == 0 && !(scratch = malloc(scratch_size(&s) * sizeof(double))))
        rc = err_set(e, ASSAY_ENOMEM, "out of memory for %zu scores", n);
    if (rc == 0) {
        struct draw whole = {NULL, scratch};
        out->value = agg->fn(&s, &whole);
        out->is_numpy = s.n_plain < n;
        rc = standard_error(u, agg, &s, bootstrap_iters, scratch, &out->stderr_, e);
    }
    free(s.x);
    free(s.w);
    free(scratch);
    arena_release(&s.arena);
    return rc;
}
