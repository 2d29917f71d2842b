/* cell.c - the arithmetic of one comparison; see the header.
 *
 * `loss` is always the change towards worse, so that accuracy (higher is better) and perplexity
 * (lower is better) share one verdict. */
#include "reports/cell.h"
#include "reports/clusters.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/stats/betting.h"
#include "harness/stats/cluster.h"
#include "harness/stats/dist.h"
#include "harness/stats/paired.h"
#include "harness/stats/power.h"
#include "harness/stats/proportion.h"
#include "reports/fmt.h"

static const double POWER = 0.8;

void cell_pair(const struct view_scores *b, const struct view_scores *v,
               const struct view_clusters *clusters, struct arena *a, struct cell_pairs *p)
{
    size_t cap = b->n < v->n ? b->n : v->n, n = 0, i = 0, j = 0;
    double *base = ARENA_ARRAY(a, double, cap), *variant = ARENA_ARRAY(a, double, cap);
    double *weight = b->weight ? ARENA_ARRAY(a, double, cap) : NULL;
    int32_t *idx = clusters->n ? ARENA_ARRAY(a, int32_t, cap) : NULL;
    *p = (struct cell_pairs){.is_binary = true};
    while (i < b->n && j < v->n) {
        if (b->idx[i] != v->idx[j]) {
            *(b->idx[i] < v->idx[j] ? &i : &j) += 1;
            continue;
        }
        base[n] = b->value[i];
        variant[n] = v->value[j];
        if (weight)
            weight[n] = b->weight[i];
        if (idx)
            idx[n] = b->idx[i];
        p->is_binary &= (base[n] == 0 || base[n] == 1) && (variant[n] == 0 || variant[n] == 1);
        p->has_nan |= isnan(base[n]) || isnan(variant[n]) || (weight && isnan(weight[n]));
        n++, i++, j++;
    }
    for (size_t k = 0; k < n; k++)
        p->n_changed += base[k] != variant[k] && !(isnan(base[k]) && isnan(variant[k]));
    p->n = n;
    p->only_base = b->n - n;
    p->only_variant = v->n - n;
    p->base = base;
    p->variant = variant;
    p->weight = weight;
    if (idx)
        clusters_set(clusters, idx, a, p);
}

/* Of the sum of n scores whose sum and sum of squares are these. */
static struct cell_spread independent(size_t n, double sum, double squares)
{
    double nn = (double)n, v = n > 1 ? nn * (squares - sum * sum / nn) / (nn - 1) : 0;
    return (struct cell_spread){v, v};
}

static void cluster_spread(const struct cell_pairs *p, const double *v, struct cell_spread *s)
{
    struct cluster_error e;
    cluster_mean(v, p->cluster, p->n, &e);
    s->clustered = (double)p->n * e.cr1 * (double)p->n * e.cr1;
}

static void cluster_spreads(const struct cell_pairs *p, struct cell_counts *c)
{
    struct arena scratch = {0};
    double *change = ARENA_ARRAY(&scratch, double, p->n);
    for (size_t i = 0; i < p->n; i++)
        change[i] = p->variant[i] - p->base[i];
    cluster_spread(p, p->base, &c->base);
    cluster_spread(p, p->variant, &c->variant);
    cluster_spread(p, change, &c->change);
    arena_release(&scratch);
}

void cell_count(const struct cell_pairs *p, struct cell_counts *c)
{
    *c = (struct cell_counts){.n = p->n,
                              .only_base = p->only_base,
                              .only_variant = p->only_variant,
                              .n_clusters = p->cluster ? p->n_clusters : p->n,
                              .has_clusters = p->cluster != NULL};
    for (size_t i = 0; i < p->n; i++) {
        bool base = p->base[i] == 1, variant = p->variant[i] == 1;
        c->base_right += base;
        c->variant_right += variant;
        c->losses += base && !variant;
        c->gains += variant && !base;
    }
    double b = (double)c->base_right, v = (double)c->variant_right;
    c->base = independent(p->n, b, b);
    c->variant = independent(p->n, v, v);
    c->change = independent(p->n, v - b, (double)(c->losses + c->gains));
    if (p->cluster)
        cluster_spreads(p, c);
}

static void add_spread(struct cell_spread *sum, const struct cell_spread *s)
{
    sum->plain += s->plain;
    sum->clustered += s->clustered;
}

void cell_add(struct cell_counts *sum, const struct cell_counts *k)
{
    sum->n += k->n;
    sum->base_right += k->base_right;
    sum->variant_right += k->variant_right;
    sum->losses += k->losses;
    sum->gains += k->gains;
    sum->only_base += k->only_base;
    sum->only_variant += k->only_variant;
    sum->n_clusters += k->n_clusters;
    sum->has_clusters |= k->has_clusters;
    add_spread(&sum->base, &k->base);
    add_spread(&sum->variant, &k->variant);
    add_spread(&sum->change, &k->change);
}

/* Without a single difference there is nothing to see a design effect by. */
static struct cluster_design design_of(const struct cell_counts *k, const struct cell_spread *s)
{
    double deff = s->plain > 0 ? s->clustered / s->plain : 1;
    return (struct cluster_design){deff > 1 ? deff : 1, k->has_clusters ? k->n_clusters : 0};
}

static struct compare_value share(const struct cell_counts *k, size_t right,
                                  const struct cell_spread *s, double alpha)
{
    struct cluster_design d = design_of(k, s);
    double v = (double)right / (double)k->n, lim[2] = {NAN, NAN};
    proportion_wilson((int64_t)right, (int64_t)k->n, alpha, &lim[0], &lim[1]);
    cluster_stretch(&d, v, alpha, lim);
    return (struct compare_value){v, fmax(0, lim[0]), fmin(1, lim[1])};
}

static const struct compare_cell empty_cell = {.base = {NAN, NAN, NAN},
                                               .variant = {NAN, NAN, NAN},
                                               .delta = {NAN, NAN, NAN},
                                               .se = NAN,
                                               .p_fail = NAN,
                                               .p_exact = NAN,
                                               .p_mid = NAN,
                                               .p_adjusted = NAN,
                                               .margin = NAN,
                                               .smallest_margin = NAN,
                                               .mde = NAN,
                                               .p_margin = NAN,
                                               .deff = 1,
                                               .higher_is_better = true,
                                               .verdict = COMPARE_INCOMPARABLE};

void cell_refuse(struct compare_cell *c, const char *reason)
{
    *c = empty_cell;
    c->reason = reason;
}

void cell_stopped(struct compare_cell *c)
{
    *c = empty_cell;
    c->kind = COMPARE_VALUE;
    c->reason = "its variant was decided before any of its items was asked";
}

/* Tests that may be stopped by what they show: p is a share of 1 / evidence.  Items came in random order,
 * so what they decide is about the items of these tasks, whatever text those are about. */
static void bet(struct compare_cell *c, const struct cell_rules *r)
{
    int64_t b = (int64_t)c->losses, g = (int64_t)c->gains, n = (int64_t)c->n;
    double lim[2], psi = b + g > 0 ? (double)(b + g) / (double)n : fmin(1, 3 / (double)n);
    c->is_sequence = true;
    c->n_clusters = 0;
    c->deff = 1;
    betting_interval(b, g, n, r->alpha, lim);
    c->delta.lo = lim[0];
    c->delta.hi = lim[1];
    c->base.lo = c->base.hi = c->variant.lo = c->variant.hi = NAN;
    c->p_exact = NAN;
    c->p_mid = c->p_adjusted = fmin(1, r->share / betting_differs(b, g));
    c->smallest_margin = fmax(0, -betting_limit(b, g, n, r->alpha / r->share));
    c->p_margin = fmin(1, r->share / betting_noninferior(b, g, n, r->margin));
    if (r->is_pool)
        c->p_fail = fmin(1, r->share / betting_inferior(b, g, n, r->margin));
    c->mde = 0.5 * (lim[1] - lim[0]) + dist_norm_quantile(POWER) * sqrt(psi / (double)n);
}

void cell_binary(struct compare_cell *c, const struct cell_counts *k, const struct cell_rules *r)
{
    *c = empty_cell;
    if (k->n == 0) {
        c->reason = "no item has a score on both sides";
        return;
    }
    int64_t b = (int64_t)k->losses, g = (int64_t)k->gains, n = (int64_t)k->n;
    double lim[2], nn = (double)n;
    c->kind = COMPARE_BINARY;
    c->n = k->n;
    c->only_base = k->only_base;
    c->only_variant = k->only_variant;
    c->losses = k->losses;
    c->gains = k->gains;
    c->n_changed = k->losses + k->gains;
    struct cluster_design d = design_of(k, &k->change);
    c->n_clusters = d.n_clusters;
    c->deff = d.deff;
    c->base = share(k, k->base_right, &k->base, r->alpha);
    c->variant = share(k, k->variant_right, &k->variant, r->alpha);
    c->delta.v = (double)(g - b) / nn;
    paired_interval(b, g, n, r->alpha, lim);
    cluster_stretch(&d, c->delta.v, r->alpha, lim);
    c->delta.lo = fmax(-1, lim[0]);
    c->delta.hi = fmin(1, lim[1]);
    c->se = paired_wald_se(b, g, n) * sqrt(d.deff);
    c->p_exact = d.n_clusters ? NAN : paired_mcnemar_exact(b, g);
    c->p_mid = c->p_adjusted = cluster_two_sided(&d, paired_mcnemar_mid(b, g));
    paired_interval(b, g, n, 2 * r->alpha, lim); /* the one-sided limit at alpha */
    cluster_stretch(&d, c->delta.v, 2 * r->alpha, lim);
    c->smallest_margin = lim[0] < 0 ? -lim[0] : 0;
    c->margin = r->margin;
    c->p_margin = cluster_one_sided(&d, paired_noninferior(b, g, n, r->margin));
    /* with no flips seen, the power of what could have been: at most 3 in n (rule of three) */
    double psi = b + g > 0 ? (double)(b + g) / nn : fmin(1, 3 / nn);
    c->mde = power_paired_mde(psi, nn, r->alpha, POWER) * sqrt(d.deff);
    if (r->share > 0)
        bet(c, r);
}

/* How many independent things there are. */
static size_t units_of(const struct compare_cell *c)
{
    return c->n_clusters ? c->n_clusters : c->n;
}

/* delta with its interval from an estimate of the change, normal or Student. */
static void set_delta(struct compare_cell *c, double delta, double se, double alpha)
{
    double half = cluster_half_width(se, units_of(c), alpha);
    c->delta = (struct compare_value){delta, delta - half, delta + half};
    c->se = se;
    c->p_mid = c->p_adjusted = cluster_p(delta, se, units_of(c));
    c->mde = se * (dist_norm_quantile(1 - 0.5 * alpha) + dist_norm_quantile(POWER));
}

/* One-sided: is the loss smaller than the margin? */
static void set_margin(struct compare_cell *c, double margin, double alpha)
{
    double loss = c->higher_is_better ? -c->delta.v : c->delta.v;
    double reach = loss + cluster_half_width(c->se, units_of(c), 2 * alpha);
    c->margin = margin;
    c->smallest_margin = reach > 0 ? reach : isnan(reach) ? NAN : 0;
    if (isnan(margin) || isnan(c->se))
        return;
    double room = margin - loss, half_p = 0.5 * cluster_p(room, c->se, units_of(c));
    c->p_margin = c->se == 0 ? (room > 0 ? 0 : 1) : room > 0 ? half_p : 1 - half_p;
}

static bool is_unit(const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(v[i] >= 0 && v[i] <= 1))
            return false;
    return true;
}

static double error_of(const struct cluster_error *e, const struct cell_pairs *p)
{
    return p->cluster ? e->cr1 : e->clt;
}

static struct compare_value mean_value(const struct cell_pairs *p, const double *v, double alpha)
{
    struct cluster_error e;
    cluster_mean(v, p->cluster, p->n, &e);
    double half = cluster_half_width(error_of(&e, p), e.n_clusters, alpha);
    return (struct compare_value){e.mean, e.mean - half, e.mean + half};
}

static void set_design(struct compare_cell *c, const struct cell_pairs *p, double se, double plain)
{
    c->n_clusters = p->n_clusters;
    c->deff = p->cluster && plain > 0 && se > plain ? se * se / (plain * plain) : 1;
}

/* Not one of n scores within 0..1 changed: a mean loss of m needs at least a share m of items that
 * lose, which n draws miss with probability (1 - m)^n. */
static void bound_unchanged(struct compare_cell *c, const struct cell_rules *r)
{
    double n = (double)units_of(c), reach = 1 - pow(0.5 * r->alpha, 1 / n);
    c->delta.lo = -reach;
    c->delta.hi = reach;
    c->p_margin = pow(1 - c->margin, n);
    c->smallest_margin = 1 - pow(r->alpha, 1 / n);
    c->mde = power_paired_mde(fmin(1, 3 / n), n, r->alpha, POWER);
}

static struct compare_value complement(struct compare_value v)
{
    return (struct compare_value){1 - v.v, 1 - v.hi, 1 - v.lo};
}

/* 0/1 scores of which 1 is worse: what right and wrong get, the other way round. */
static void compare_faults(struct compare_cell *c, const struct cell_pairs *p,
                           const struct cell_rules *r)
{
    struct cell_counts k, turned;
    struct cell_rules rules = *r;
    cell_count(p, &k);
    turned = k;
    turned.losses = k.gains;
    turned.gains = k.losses;
    turned.base_right = k.n - k.base_right;
    turned.variant_right = k.n - k.variant_right;
    rules.share = 0; /* no part of early stopping */
    cell_binary(c, &turned, &rules);
    c->kind = COMPARE_MEAN;
    c->higher_is_better = false;
    c->losses = c->gains = 0;
    c->p_exact = NAN;
    c->base = complement(c->base);
    c->variant = complement(c->variant);
    c->delta = (struct compare_value){0 - c->delta.v, 0 - c->delta.hi, 0 - c->delta.lo};
}

static void compare_means(struct compare_cell *c, const struct cell_pairs *p,
                          const struct cell_rules *r, struct arena *a)
{
    double *d = ARENA_ARRAY(a, double, p->n);
    struct cluster_error e;
    for (size_t i = 0; i < p->n; i++)
        d[i] = p->variant[i] - p->base[i];
    cluster_mean(d, p->cluster, p->n, &e);
    c->kind = COMPARE_MEAN;
    set_design(c, p, e.cr1, e.clt);
    c->base = mean_value(p, p->base, r->alpha);
    c->variant = mean_value(p, p->variant, r->alpha);
    set_delta(c, e.mean, error_of(&e, p), r->alpha);
    bool has_margin = is_unit(p->base, p->n) && is_unit(p->variant, p->n);
    set_margin(c, has_margin ? r->margin : NAN, r->alpha);
    if (has_margin && p->n_changed == 0 && p->n > 1)
        bound_unchanged(c, r);
}

/* ln of the perplexity (or bits per byte) -sum(ll) / sum(weight) with its interval. */
static struct compare_value nll_value(const struct cell_pairs *p, const double *ll, double alpha)
{
    struct cluster_ratio q;
    cluster_ratio(ll, p->weight, p->cluster, p->n, &q);
    double half = cluster_half_width(q.se, q.n_clusters, alpha);
    return (struct compare_value){-q.ratio, -q.ratio - half, -q.ratio + half};
}

static struct compare_value to_unit(struct compare_value v, bool is_bits)
{
    if (is_bits)
        return (struct compare_value){v.v / M_LN2, v.lo / M_LN2, v.hi / M_LN2};
    return (struct compare_value){exp(v.v), exp(v.lo), exp(v.hi)};
}

static void compare_likelihoods(struct compare_cell *c, const struct cell_pairs *p, bool is_bits,
                                const struct cell_rules *r, struct arena *a)
{
    double *d = ARENA_ARRAY(a, double, p->n), unit = is_bits ? M_LN2 : 1;
    struct cluster_ratio q, plain;
    for (size_t i = 0; i < p->n; i++)
        d[i] = p->base[i] - p->variant[i]; /* log-likelihoods: positive is worse */
    c->kind = COMPARE_LIKELIHOOD;
    c->is_bits = is_bits;
    c->higher_is_better = false;
    cluster_ratio(d, p->weight, NULL, p->n, &plain);
    if (!cluster_ratio(d, p->weight, p->cluster, p->n, &q)) {
        cell_refuse(c, "the weights (words or bytes) of the scores do not add up to anything");
        return;
    }
    set_design(c, p, q.se, plain.se);
    c->base = to_unit(nll_value(p, p->base, r->alpha), is_bits);
    c->variant = to_unit(nll_value(p, p->variant, r->alpha), is_bits);
    set_delta(c, q.ratio / unit, q.se / unit, r->alpha);
    set_margin(c, r->ln_ppl_margin / unit, r->alpha);
}

const char *cell_margin(const char *aggregation, double ppl_margin, struct arena *a)
{
    if (strcmp(aggregation, "bits_per_byte") == 0)
        return arena_printf(a, "%s bits", fmt_short(log1p(ppl_margin / 100) / M_LN2, 2).s);
    return arena_printf(a, "%s %%", fmt_short(ppl_margin, 2).s);
}

bool cell_is_likelihood(const char *aggregation)
{
    return strcmp(aggregation, "perplexity") == 0 ||
           strcmp(aggregation, "weighted_perplexity") == 0 ||
           strcmp(aggregation, "bits_per_byte") == 0;
}

void cell_scores(struct compare_cell *c, const struct cell_pairs *p, const char *aggregation,
                 const struct cell_rules *r, struct arena *a)
{
    bool is_mean = strcmp(aggregation, "mean") == 0 || strcmp(aggregation, "nanmean") == 0;
    bool higher = c->higher_is_better;
    if (p->n == 0) {
        cell_refuse(c, "no item has a score on both sides");
    } else if (is_mean && p->is_binary && higher) {
        struct cell_counts k;
        cell_count(p, &k);
        cell_binary(c, &k, r);
    } else if (is_mean && p->is_binary) {
        compare_faults(c, p, r);
    } else {
        *c = empty_cell;
        c->higher_is_better = higher;
        c->n = p->n;
        if (!p->has_nan && is_mean) {
            compare_means(c, p, r, a);
        } else if (!p->has_nan && cell_is_likelihood(aggregation)) {
            compare_likelihoods(c, p, strcmp(aggregation, "bits_per_byte") == 0, r, a);
        } else {
            c->kind = COMPARE_VALUE;
            c->reason = arena_printf(a,
                                     p->has_nan ? "some scores are not numbers%s"
                                                : "no paired formula for aggregation '%s'",
                                     p->has_nan ? "" : aggregation);
        }
    }
    c->n_changed = p->n_changed;
    c->only_base = p->only_base;
    c->only_variant = p->only_variant;
}

/* "1.2 pp", "0.31 % of perplexity", "0.004 bits per byte": an amount in the cell's unit. */
static const char *amount(const struct compare_cell *c, double v, struct arena *a)
{
    if (c->kind == COMPARE_BINARY)
        return arena_printf(a, "%s pp", fmt_short(100 * v, 2).s);
    if (c->is_bits)
        return arena_printf(a, "%s bits per byte", fmt_short(v, 2).s);
    if (c->kind == COMPARE_LIKELIHOOD)
        return arena_printf(a, "%s %% of perplexity", fmt_short(100 * expm1(v), 2).s);
    return arena_strdup(a, fmt_short(v, 2).s);
}

/* "a loss of 1.2 pp", "a gain of 0.3 pp" or "no change". */
static const char *seen(const struct compare_cell *c, double loss, struct arena *a)
{
    if (loss == 0)
        return "no change";
    return arena_printf(a, "a %s of %s", loss > 0 ? "loss" : "gain", amount(c, fabs(loss), a));
}

static const char *p_text(double p, struct arena *a)
{
    struct fmt f = fmt_p(p);
    return f.s[0] == '<' ? arena_printf(a, "p < %s", f.s + 1) : arena_printf(a, "p = %s", f.s);
}

void cell_judge(struct compare_cell *c, double alpha, struct arena *a)
{
    if (c->kind == COMPARE_NONE || c->kind == COMPARE_VALUE) {
        c->verdict = c->kind == COMPARE_NONE ? COMPARE_INCOMPARABLE : COMPARE_INCONCLUSIVE;
        return;
    }
    double loss = c->higher_is_better ? -c->delta.v : c->delta.v;
    bool is_decider = c->is_sequence && !isnan(c->p_fail);
    if (c->is_sequence ? c->p_margin <= alpha : c->p_margin < alpha) {
        c->verdict = COMPARE_PASS;
        c->reason = arena_printf(a, "a loss of %s is ruled out (%s)", amount(c, c->margin, a),
                                 p_text(c->p_margin, a));
    } else if (is_decider && c->p_fail <= alpha) {
        c->verdict = COMPARE_FAIL;
        c->reason = arena_printf(a, "worse by more than %s (%s); seen: %s", amount(c, c->margin, a),
                                 p_text(c->p_fail, a), seen(c, loss, a));
    } else if (!is_decider && c->p_adjusted < alpha && loss > 0) {
        c->verdict = COMPARE_FAIL;
        c->reason =
            arena_printf(a, "worse by %s (%s)", amount(c, loss, a), p_text(c->p_adjusted, a));
    } else {
        c->verdict = COMPARE_INCONCLUSIVE;
        c->reason =
            isnan(c->margin)
                ? "no margin is defined for this metric, and no loss is shown"
                : arena_printf(a, "a loss of %s cannot be ruled out; seen: %s, detectable: %s, passes "
                               "from %s",
                               amount(c, c->margin, a), seen(c, loss, a), amount(c, c->mde, a),
                               amount(c, c->smallest_margin, a));
    }
}
