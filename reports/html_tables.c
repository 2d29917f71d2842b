/* html_tables.c - the tables of the report: variants, tasks, divergence, speed.
 *
 * The plot of intervals is a table whose rows hold a small drawing each: it can be read aloud,
 * sorted, printed and scrolled, and no script is needed. */
#include <math.h>
#include <string.h>
#include "harness/stats/cluster.h"
#include "harness/stats/quantile.h"
#include "reports/cell.h"
#include "reports/clusters.h"
#include "reports/html_impl.h"

enum { MANY_TASKS = 8 }; /* from here on they can be searched */

static struct svg_span span(struct compare_value v)
{
    return (struct svg_span){v.v, v.lo, v.hi};
}

/* "lo to hi" as small text. */
static void limits(struct page *p, struct fmt lo, struct fmt hi)
{
    buf_adds(p->b, "<small>");
    html_num(p, lo.s);
    buf_adds(p->b, " \xe2\x80\xa6 ");
    html_num(p, hi.s);
    buf_adds(p->b, "</small>");
}

static void value_cell(struct page *p, struct compare_value v, struct fmt (*how)(double))
{
    if (isnan(v.v)) {
        html_cell(p, NAN, how(NAN));
        return;
    }
    buf_printf(p->b, "<td class=\"n\" data-v=\"%.9g\">", v.v);
    html_num(p, how(v.v).s);
    if (!isnan(v.lo))
        limits(p, how(v.lo), how(v.hi));
    buf_adds(p->b, "</td>");
}

static void flips_cell(struct page *p, const struct compare_cell *x)
{
    buf_printf(p->b,
               "<td class=\"n\" data-v=\"%zu\"><span class=\"lost-n\">%s%s</span> "
               "<span class=\"won-n\">%s%s</span></td>",
               x->losses + x->gains, x->losses ? "\xe2\x88\x92" : "",
               fmt_count((int64_t)x->losses).s, x->gains ? "+" : "",
               fmt_count((int64_t)x->gains).s);
}

static void interval_cell(struct page *p, const struct svg_axis *axis, const struct compare_cell *x,
                          int color)
{
    const char *hover =
        arena_printf(p->a, "%s pp, %s %% interval %s to %s, n = %zu", fmt_pp(x->delta.v).s,
                     fmt_level(p->c->options.alpha).s, fmt_pp(x->delta.lo).s,
                     fmt_pp(x->delta.hi).s, x->n);
    buf_printf(p->b, "<td class=\"plot\" data-v=\"%.9g\">", x->delta.v);
    svg_interval(p->b, axis, span(x->delta), color, hover);
    buf_adds(p->b, "</td>");
}

/* -- variants ---------------------------------------------------------------------------------- */

static void speed_cell(struct page *p, const struct compare_speed *s, bool is_base)
{
    if (!s) {
        html_cell(p, NAN, fmt_rate(NAN));
        return;
    }
    buf_printf(p->b, "<td class=\"n\" data-v=\"%.9g\">", s->rate.v);
    html_num(p, fmt_rate(s->rate.v).s);
    bool has_ratio = !is_base && !isnan(s->ratio.v);
    if (has_ratio || s->is_disturbed)
        buf_printf(p->b, "<small>%s%s%s</small>", has_ratio ? "\xc3\x97" : "",
                   has_ratio ? fmt_ratio(s->ratio.v).s : "", s->is_disturbed ? " disturbed" : "");
    buf_adds(p->b, "</td>");
}

static void failed_row(struct page *p, size_t i, int columns)
{
    const struct compare_row *r = &p->c->rows[i];
    buf_adds(p->b, "<tr class=\"failed\">");
    html_variant_head(p, i, true);
    buf_adds(p->b, "<td>");
    html_verdict(p, r->verdict, NULL);
    buf_printf(p->b, "</td><td colspan=\"%d\" class=\"reason\">", columns);
    html_text(p->b, r->variant->status);
    buf_adds(p->b, ": ");
    html_text(p->b, r->reason);
    buf_adds(p->b, "</td></tr>\n");
}

static void accuracy_cells(struct page *p, const struct compare_row *r, const struct svg_axis *axis,
                           int color)
{
    const struct compare_cell *x = &r->pool;
    bool is_base = compare_is_base(p->c, (size_t)(r - p->c->rows));
    value_cell(p, x->variant, fmt_pct);
    if (is_base || x->kind != COMPARE_BINARY) {
        for (int k = 0; k < 3; k++)
            buf_adds(p->b, k == 1 ? "<td class=\"plot\"></td>" : "<td class=\"n none\"></td>");
        return;
    }
    value_cell(p, x->delta, fmt_pp);
    interval_cell(p, axis, x, color);
    flips_cell(p, x);
}

/* What the process needed at most, and below it the weights alone. */
static void memory_cell(struct page *p, const struct view_variant *v)
{
    if (v->peak_rss_bytes < 0) {
        html_cell(p, NAN, fmt_mib(VIEW_NONE));
        return;
    }
    buf_printf(p->b, "<td class=\"n\" data-v=\"%.9g\">%s", (double)v->peak_rss_bytes,
               fmt_mib(v->peak_rss_bytes).s);
    if (v->weight_bytes >= 0)
        buf_printf(p->b, "<small>%s weights</small>", fmt_mib(v->weight_bytes).s);
    buf_adds(p->b, "</td>");
}

static struct svg_axis pool_axis(struct page *p)
{
    struct svg_span *s = ARENA_ARRAY(p->a, struct svg_span, p->c->n_rows);
    size_t n = 0;
    double band = 0;
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct compare_cell *x = &p->c->rows[i].pool;
        if (compare_is_base(p->c, i) || x->kind != COMPARE_BINARY)
            continue;
        s[n++] = span(x->delta);
        band = band == 0 || x->margin < band ? x->margin : band;
    }
    return svg_axis_for(s, n, band, 148);
}

/* Why each verdict is what it is, in words and numbers. */
static void evidence(struct page *p)
{
    static const char *const heads[] = {
        "variant",         "why",         "#items", "#unpaired", "#p (mid-p McNemar)", "#margin pp",
        "#passes from pp", "#detects pp", NULL};
    buf_adds(p->b, "<h3>Why</h3><div class=\"scroll\"><table class=\"tight why-table\"><caption "
                   "class=\"hide\">"
                   "Verdicts and their evidence</caption>");
    html_heads(p, heads);
    buf_adds(p->b, "<tbody>");
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct compare_row *r = &p->c->rows[i];
        const struct compare_cell *x = &r->pool;
        if (compare_is_base(p->c, i) || html_is_failed(r))
            continue;
        buf_adds(p->b, "<tr>");
        html_variant_head(p, i, false);
        buf_adds(p->b, "<td class=\"reason\">");
        html_text(p->b, r->reason);
        buf_adds(p->b, "</td>");
        html_cell(p, x->n ? (double)x->n : NAN, fmt_count((int64_t)x->n));
        html_cell(p, (double)(x->only_base + x->only_variant),
                  fmt_count((int64_t)(x->only_base + x->only_variant)));
        html_cell(p, x->p_mid, fmt_p(x->p_mid));
        html_cell(p, x->margin, fmt_sig(100 * x->margin, 2));
        html_cell(p, x->smallest_margin, fmt_sig(100 * x->smallest_margin, 2));
        html_cell(p, x->mde, fmt_sig(100 * x->mde, 2));
        buf_adds(p->b, "</tr>\n");
    }
    buf_adds(p->b,
             "</tbody></table></div><p class=\"note\">All right-or-wrong items together. Passes "
             "from: the "
             "smallest margin that would have been a pass. Detects: the smallest change this many "
             "items would show with 80&nbsp;% power. Unpaired: items only one side answered.</p>");
}

void html_variants_body(struct page *p)
{
    const bool has_energy = p->c->has_token_energy[VIEW_PACKAGE];
    const char *const heads[] = {
        "variant", "verdict",        "#accuracy %",   "#\xce\x94 pp", "", "#flips",
        "#KL",     "#prefill tok/s", "#decode tok/s", "#peak MiB",
        has_energy ? "#J/token net <small>rapl-package</small>" : NULL, NULL};
    struct svg_axis axis = pool_axis(p);
    buf_adds(
        p->b,
        "<div class=\"scroll\"><table class=\"sortable main\"><caption class=\"hide\">Variants "
        "with accuracy, divergence, speed and memory</caption>");
    html_heads(p, heads);
    buf_adds(p->b, "<tbody>");
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct compare_row *r = &p->c->rows[i];
        bool is_base = compare_is_base(p->c, i);
        if (html_is_failed(r)) {
            failed_row(p, i, 8 + has_energy);
            continue;
        }
        buf_printf(p->b, "<tr%s>", is_base ? " class=\"base\"" : "");
        html_variant_head(p, i, true);
        buf_printf(p->b, "<td data-v=\"%d\">", (int)r->verdict);
        html_verdict(p, r->verdict, r->reason);
        buf_adds(p->b, "</td>");
        accuracy_cells(p, r, &axis, html_color(p, i));
        html_cell(p, r->kl.n ? r->kl.mean : NAN, fmt_sig(r->kl.mean, 3));
        speed_cell(p, r->prefill, is_base);
        speed_cell(p, r->decode, is_base);
        memory_cell(p, r->variant);
        if (has_energy)
            html_energy_cell(p, &r->per_token[VIEW_PACKAGE]);
        buf_adds(p->b, "</tr>\n");
    }
    buf_printf(
        p->b,
        "</tbody></table></div><p class=\"note\">Flips: items that were right and are wrong now, "
        "and the reverse. KL: mean divergence of the next-token distribution from the "
        "reference, in nats. Small figures are %s intervals and the ratio to the base.</p>",
        html_level(p));
    if (p->c->n_rows > 1)
        evidence(p);
}

void html_variants(struct page *p)
{
    html_begin(p, "variants", "Variants",
               p->c->n_rows < 2
                   ? NULL
                   : arena_printf(p->a,
                                  "Each variant against the base on the same items. The bar is the "
                                  "%s interval of the change in accuracy; the shaded band is the "
                                  "smallest margin in force.",
                                  html_level(p)));
    html_base_choice(p);
    html_part(p, "variants", html_variants_body);
    html_end(p);
}

/* -- tasks ------------------------------------------------------------------------------------- */

static void forest_row(struct page *p, const struct compare_cell *x, const char *name,
                       const struct svg_axis *axis, int color)
{
    buf_adds(p->b, "<th scope=\"row\">");
    html_name(p, name);
    buf_adds(p->b, "</th>");
    html_cell(p, x->base.v, fmt_pct(x->base.v));
    value_cell(p, x->variant, fmt_pct);
    interval_cell(p, axis, x, color);
    value_cell(p, x->delta, fmt_pp);
    flips_cell(p, x);
    html_cell(p, x->p_adjusted, fmt_p(x->p_adjusted));
    buf_printf(p->b, "<td data-v=\"%d\">", (int)x->verdict);
    html_verdict(p, x->verdict, x->reason);
    buf_adds(p->b, "</td></tr>\n");
}

static struct svg_axis task_axis(struct page *p, const struct compare_row *r)
{
    struct svg_span *s = ARENA_ARRAY(p->a, struct svg_span, p->c->n_tasks + 1);
    size_t n = 0;
    for (size_t t = 0; t < p->c->n_tasks; t++)
        if (r->tasks[t].kind == COMPARE_BINARY)
            s[n++] = span(r->tasks[t].delta);
    return svg_axis_for(s, n, r->pool.margin, 220);
}

static void forest(struct page *p, size_t row, bool is_open)
{
    const struct compare *c = p->c;
    const struct compare_row *r = &c->rows[row];
    struct svg_axis axis = task_axis(p, r);
    int color = html_color(p, row);
    buf_printf(p->b, "<details class=\"forest\"%s><summary><span class=\"swatch c%d\"></span>",
               is_open ? " open" : "", color);
    html_text(p->b, r->variant->label);
    buf_printf(
        p->b,
        " <span class=\"sum\">%zu pass, %zu fail, %zu inconclusive%s</span></summary>"
        "<div class=\"scroll\"><table class=\"sortable tight\"><caption class=\"hide\">Change of "
        "accuracy per task</caption><thead><tr><th scope=\"col\">task</th>"
        "<th scope=\"col\" class=\"n\">base %%</th><th scope=\"col\" class=\"n\">variant %%</th>"
        "<th scope=\"col\" class=\"plot\" aria-label=\"change in percentage points\">",
        r->n_pass, r->n_fail, r->n_inconclusive, r->n_incomparable ? ", some not comparable" : "");
    svg_ticks(p->b, &axis, 100);
    buf_adds(
        p->b,
        "</th><th scope=\"col\" class=\"n\">\xce\x94 pp</th><th scope=\"col\" class=\"n\">flips"
        "</th><th scope=\"col\" class=\"n\">p (Holm)</th><th scope=\"col\">verdict</th></tr>"
        "</thead>\n<tbody>");
    for (size_t g = 0; g < c->n_groups; g++)
        if (r->groups[g].kind == COMPARE_BINARY) {
            buf_adds(p->b, "<tr class=\"group\">");
            forest_row(p, &r->groups[g],
                       arena_printf(p->a, "%s (group, all items)", c->groups[g]->name), &axis,
                       color);
        }
    for (size_t t = 0; t < c->n_tasks; t++) {
        if (r->tasks[t].kind == COMPARE_BINARY) {
            buf_adds(p->b, "<tr>");
            forest_row(p, &r->tasks[t], c->tasks[t].name, &axis, color);
        } else if (r->tasks[t].kind == COMPARE_NONE) {
            buf_adds(p->b, "<tr class=\"failed\"><th scope=\"row\">");
            html_name(p, c->tasks[t].name);
            buf_adds(p->b, "</th><td colspan=\"6\" class=\"reason\">");
            html_text(p->b, r->tasks[t].reason ? r->tasks[t].reason : "");
            buf_adds(p->b, "</td><td>");
            html_verdict(p, COMPARE_INCOMPARABLE, NULL);
            buf_adds(p->b, "</td></tr>\n");
        }
    }
    buf_adds(p->b, "</tbody></table></div></details>\n");
}

static bool has_any(const struct page *p, enum compare_kind kind)
{
    for (size_t i = 0; i < p->c->n_rows; i++)
        for (size_t t = 0; t < p->c->n_tasks; t++)
            if (p->c->rows[i].tasks[t].kind == kind)
                return true;
    return false;
}

static void shared_texts(struct page *p)
{
    const char *note = clusters_note(p->c, p->a);
    if (!note)
        return;
    buf_adds(p->b, "<p class=\"note\">");
    html_text(p->b, note);
    buf_adds(p->b, ".</p>");
}

/* A run of one variant has nothing to differ from: its accuracy per task with the interval. */
void html_alone(struct page *p)
{
    static const char *const heads[] = {"task", "#accuracy %", "", "#items", NULL};
    const struct compare *c = p->c;
    struct svg_axis axis = {-0.02, 1.02, 0, 220};
    html_begin(p, "tasks", "Accuracy by task",
               arena_printf(p->a, "Share of right answers per task with its %s Wilson interval.",
                            html_level(p)));
    if (!has_any(p, COMPARE_BINARY)) {
        buf_adds(p->b, "<p>No task of this run is scored right or wrong.</p>");
        html_end(p);
        return;
    }
    buf_adds(p->b, "<div class=\"scroll\"><table class=\"sortable tight\"><caption class=\"hide\">"
                   "Accuracy per task</caption>");
    html_heads(p, heads);
    buf_adds(p->b, "<tbody>");
    for (size_t i = 0; i < c->n_groups + c->n_tasks; i++) {
        bool is_group = i < c->n_groups;
        const struct compare_cell *x =
            is_group ? &c->rows[0].groups[i] : &c->rows[0].tasks[i - c->n_groups];
        if (x->kind != COMPARE_BINARY)
            continue;
        buf_printf(p->b, "<tr%s><th scope=\"row\">", is_group ? " class=\"group\"" : "");
        html_name(p, is_group ? c->groups[i]->name : c->tasks[i - c->n_groups].name);
        buf_adds(p->b, is_group ? " (group, all items)</th>" : "</th>");
        value_cell(p, x->variant, fmt_pct);
        buf_printf(p->b, "<td class=\"plot\" data-v=\"%.9g\">", x->variant.v);
        svg_interval(p->b, &axis, span(x->variant), 0,
                     arena_printf(p->a, "%s %%, n = %zu", fmt_pct(x->variant.v).s, x->n));
        buf_adds(p->b, "</td>");
        html_cell(p, (double)x->n, fmt_count((int64_t)x->n));
        buf_adds(p->b, "</tr>\n");
    }
    buf_adds(p->b, "</tbody></table></div>");
    shared_texts(p);
    html_end(p);
}

/* The variant whose table stands open: the one with most failed tasks, else the last. */
static size_t row_to_open(const struct compare *c)
{
    size_t best = c->n_rows;
    for (size_t i = 0; i < c->n_rows; i++)
        if (!compare_is_base(c, i) && !html_is_failed(&c->rows[i]) &&
            (best == c->n_rows || c->rows[i].n_fail >= c->rows[best].n_fail))
            best = i;
    return best;
}

void html_forests_body(struct page *p)
{
    if (!has_any(p, COMPARE_BINARY))
        buf_adds(p->b, "<p>No task of this run is scored right or wrong.</p>");
    size_t open = row_to_open(p->c);
    for (size_t i = 0; i < p->c->n_rows && has_any(p, COMPARE_BINARY); i++)
        if (!compare_is_base(p->c, i) && !html_is_failed(&p->c->rows[i]))
            forest(p, i, i == open);
    shared_texts(p);
}

void html_forests(struct page *p)
{
    html_begin(
        p, "tasks", "Accuracy by task",
        arena_printf(p->a,
                     "Change of accuracy per task with its %s interval, in percentage points. Right "
                     "of the line is better; an interval that stays right of the band\xe2\x80\x99s "
                     "left edge passes. p-values are adjusted for the number of tasks.",
                     html_level(p)));
    if (p->c->n_tasks > MANY_TASKS)
        buf_adds(p->b, "<form class=\"filters task-filter\" hidden><label>task <input "
                       "type=\"search\" name=\"find\" placeholder=\"part of a name\"></label>"
                       "<output aria-live=\"polite\"></output></form>\n");
    html_part(p, "tasks", html_forests_body);
    html_end(p);
}

/* -- perplexities and other means -------------------------------------------------------------- */

static struct fmt sig5(double v)
{
    return fmt_sig(v, 5);
}
static struct fmt signed3(double v)
{
    return fmt_signed(v, 3);
}

static void other_task(struct page *p, size_t task)
{
    static const char *const heads[] = {"variant", "#value", "#change", "#p", "verdict", NULL};
    const struct compare_task *t = &p->c->tasks[task];
    bool is_ratio =
        cell_is_likelihood(t->aggregation) && strcmp(t->aggregation, "bits_per_byte") != 0;
    buf_adds(p->b, "<div class=\"scroll\"><table class=\"sortable tight\"><caption>");
    html_text(p->b, t->name);
    buf_adds(p->b, ", ");
    html_text(p->b, t->measure ? t->measure->metric : "no metric");
    buf_printf(p->b, " (%s is better%s", t->higher_is_better ? "higher" : "lower",
               is_ratio ? "; change in per cent" : "");
    if (cell_is_likelihood(t->aggregation))
        buf_printf(p->b, "; margin %s", cell_margin(t->aggregation, p->c->options.ppl_margin, p->a));
    buf_adds(p->b, ")</caption>");
    html_heads(p, heads);
    buf_adds(p->b, "<tbody>");
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct compare_cell *x = &p->c->rows[i].tasks[task];
        if (html_is_failed(&p->c->rows[i]))
            continue;
        buf_adds(p->b, "<tr>");
        html_variant_head(p, i, false);
        value_cell(p, x->variant, sig5);
        if (compare_is_base(p->c, i)) {
            buf_adds(p->b, "<td></td><td></td><td>");
        } else {
            value_cell(p, x->delta, is_ratio ? fmt_rel : signed3);
            html_cell(p, x->p_adjusted, fmt_p(x->p_adjusted));
            buf_printf(p->b, "<td data-v=\"%d\">", (int)x->verdict);
        }
        html_verdict(p, x->verdict, x->reason);
        buf_adds(p->b, "</td></tr>\n");
    }
    buf_adds(p->b, "</tbody></table></div>");
}

void html_others(struct page *p)
{
    bool is_any = false;
    for (size_t t = 0; t < p->c->n_tasks; t++)
        is_any |= !p->c->tasks[t].is_binary;
    if (!is_any)
        return;
    html_begin(p, "others", "Perplexity and other scores",
               arena_printf(p->a, "Tasks that are not right or wrong: the paired change with its %s "
                                  "interval.", html_level(p)));
    for (size_t t = 0; t < p->c->n_tasks; t++)
        if (!p->c->tasks[t].is_binary)
            other_task(p, t);
    html_end(p);
}

/* -- divergence and speed ---------------------------------------------------------------------- */

void html_divergence(struct page *p)
{
    static const char *const heads[] = {
        "variant", "#KL mean",    "#\xc2\xb1",      "#median",           "#p90",       "#p99",
        "#max",    "#same top %", "#\xce\x94p RMS", "#perplexity ratio", "#positions", NULL};
    html_begin(
        p, "divergence", "Divergence from the reference",
        "How far the next-token distribution moves, position by position: accuracy can stay while "
        "answers drift, and this sees it. Errors are clustered by item.");
    bool is_any = false;
    for (size_t i = 0; i < p->c->n_rows; i++)
        is_any |= p->c->rows[i].kl.n > 0;
    if (!is_any) {
        buf_adds(p->b, "<p>No distributions were kept in this run.</p>");
        html_end(p);
        return;
    }
    buf_adds(
        p->b,
        "<div class=\"scroll\"><table class=\"sortable tight\"><caption class=\"hide\">Divergence "
        "in nats</caption>");
    html_heads(p, heads);
    buf_adds(p->b, "<tbody>");
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct compare_kl *k = &p->c->rows[i].kl;
        if (k->n == 0)
            continue;
        double half = cluster_half_width(k->ln_ppl_se, k->n_true_docs, p->c->options.alpha);
        struct compare_value ratio = {k->ln_ppl_ratio, k->ln_ppl_ratio - half,
                                      k->ln_ppl_ratio + half};
        buf_adds(p->b, "<tr>");
        html_variant_head(p, i, false);
        html_cell(p, k->mean, fmt_sig(k->mean, 3));
        html_cell(p, k->se, fmt_sig(k->se, 2));
        html_cell(p, k->median, fmt_sig(k->median, 3));
        html_cell(p, k->p90, fmt_sig(k->p90, 3));
        html_cell(p, k->p99, fmt_sig(k->p99, 3));
        html_cell(p, k->max, fmt_sig(k->max, 3));
        html_cell(p, k->same_top, fmt_pct(k->same_top));
        html_cell(p, k->delta_p_rms, fmt_sig(k->delta_p_rms, 3));
        value_cell(p, ratio, fmt_rel);
        html_cell(p, (double)k->n, fmt_count((int64_t)k->n));
        buf_adds(p->b, "</tr>\n");
    }
    buf_printf(
        p->b,
        "</tbody></table></div><p class=\"note\">Perplexity ratio: change in per cent with its "
        "paired %s interval; it and &Delta;p are of the true tokens, without those of wrong "
        "choices. p99 needs 368 positions.</p>",
        html_level(p));
    html_end(p);
}

static void speed_row(struct page *p, size_t row, const struct compare_speed *s)
{
    buf_adds(p->b, "<tr>");
    html_variant_head(p, row, false);
    value_cell(p, s->rate, fmt_rate);
    if (compare_is_base(p->c, row))
        buf_adds(p->b, "<td></td>");
    else
        value_cell(p, s->ratio, fmt_ratio);
    value_cell(p, s->ttft_ms, fmt_ms);
    html_cell(p, s->itl_median_ms, fmt_ms(s->itl_median_ms));
    html_cell(p, s->itl_p90_ms, fmt_ms(s->itl_p90_ms));
    html_cell(p, s->itl_p99_ms, fmt_ms(s->itl_p99_ms));
    html_cell(p, s->cpu_share, fmt_ratio(s->cpu_share));
    buf_printf(p->b, "<td class=\"n\" data-v=\"%zu\">%zu", s->n, s->n);
    if (s->rounds)
        buf_printf(p->b, "<small>in %zu rounds</small>", s->n_units);
    if (s->n_dirty)
        buf_printf(p->b, "<small>%zu disturbed%s</small>", s->n_dirty,
                   s->is_disturbed ? ", used" : ", left out");
    buf_adds(p->b, "</td></tr>\n");
}

static bool is_measured(const struct compare *c, size_t scenario)
{
    for (size_t i = 0; i < c->n_rows; i++)
        if (c->rows[i].speeds[scenario].job)
            return true;
    return false;
}

void html_speed(struct page *p)
{
    static const char *const heads[] = {
        "variant", "#tokens/s", "#\xc3\x97 base", "#TTFT ms",     "#ITL median ms",
        "#p90",    "#p99",      "#cores busy",    "#repetitions", NULL};
    for (size_t s = 0; s < p->c->n_scenarios; s++) {
        if (!is_measured(p->c, s))
            continue;
        buf_adds(p->b, "<div class=\"scroll\"><table class=\"sortable tight\"><caption>");
        html_text(p->b, p->c->scenarios[s]->name);
        buf_adds(p->b, "</caption>");
        html_heads(p, heads);
        buf_adds(p->b, "<tbody>");
        for (size_t i = 0; i < p->c->n_rows; i++)
            if (p->c->rows[i].speeds[s].job)
                speed_row(p, i, &p->c->rows[i].speeds[s]);
        buf_adds(p->b, "</tbody></table></div>");
    }
    buf_printf(
        p->b,
        "<p class=\"note\">Medians of the rounds\xe2\x80\x99 medians with %s intervals by "
        "ranks (%zu rounds needed); the ratio is a Hodges\xe2\x80\x93Lehmann shift of the logarithms, "
        "round by round. In each round the variants take turns, every one in a process of its own. "
        "Of a single round the repetitions stand for the rounds, and the interval knows nothing of "
        "what differs from process to process. TTFT: time to first token. ITL: time between "
        "tokens.</p>",
        html_level(p), quantile_least_n(0.5, p->c->options.alpha));
}
