/* html_charts.c - which numbers of the comparison go into which chart. */
#include <math.h>
#include <string.h>
#include "reports/html_impl.h"
#include "reports/speed.h"

/* A chart with its caption: one sentence that says how to read it. */
static void figure(struct page *p, const char *caption)
{
    buf_printf(p->b, "</div><figcaption>%s</figcaption></figure>\n", caption);
}

static void open_figure(struct page *p)
{
    buf_adds(p->b, "<figure><div class=\"scroll\">");
}

void html_charts_flips(struct page *p)
{
    const struct compare *c = p->c;
    struct svg_bar *bars = ARENA_ARRAY(p->a, struct svg_bar, c->n_rows);
    size_t n = 0;
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_row *r = &c->rows[i];
        if (!compare_is_base(c, i) && r->pool.kind == COMPARE_BINARY)
            bars[n++] = (struct svg_bar){r->variant->label, html_color(p, i),
                                         (double)r->pool.losses, (double)r->pool.gains, NAN};
    }
    if (n == 0)
        return;
    html_begin(p, "flips", "Flips", NULL);
    open_figure(p);
    svg_flips(p->b, bars, n, "Items lost and gained per variant");
    figure(
        p,
        "Items whose score changed. Gains do not undo losses: a variant with many of both answers "
        "differently, even when its accuracy is the same.");
    html_end(p);
}

/* -- trade-offs -------------------------------------------------------------------------------- */

enum axis_x { X_SPEED, X_MEMORY };

static bool set_x(const struct compare_row *r, enum axis_x x, struct svg_point *pt)
{
    const struct compare_speed *s = r->decode ? r->decode : r->prefill;
    if (x == X_SPEED) {
        if (!s || isnan(s->rate.v))
            return false;
        pt->x = s->rate.v;
        pt->x_lo = s->rate.lo;
        pt->x_hi = s->rate.hi;
        return true;
    }
    int64_t bytes =
        r->variant->peak_rss_bytes >= 0 ? r->variant->peak_rss_bytes : r->variant->weight_bytes;
    pt->x = (double)bytes / 1048576;
    pt->x_lo = pt->x_hi = NAN;
    return bytes >= 0;
}

/* Accuracy where tasks are right or wrong, else divergence.  The base's own divergence is zero. */
static bool set_y(const struct compare *c, const struct compare_row *r, bool is_kl,
                  struct svg_point *pt)
{
    if (is_kl) {
        bool is_base = compare_is_base(c, (size_t)(r - c->rows));
        pt->y = is_base ? 0 : r->kl.mean;
        pt->y_lo = is_base ? NAN : r->kl.mean - 1.96 * r->kl.se;
        pt->y_hi = is_base ? NAN : r->kl.mean + 1.96 * r->kl.se;
        return is_base || r->kl.n > 0;
    }
    /* the interval of the change belongs to the comparison; the base has none */
    bool is_base = compare_is_base(c, (size_t)(r - c->rows));
    pt->y = r->pool.variant.v;
    pt->y_lo = is_base ? NAN : r->pool.base.v + r->pool.delta.lo;
    pt->y_hi = is_base ? NAN : r->pool.base.v + r->pool.delta.hi;
    return r->pool.kind == COMPARE_BINARY;
}

static size_t scatter(struct page *p, enum axis_x x, bool is_kl)
{
    const struct compare *c = p->c;
    struct svg_point *pts = ARENA_ARRAY(p->a, struct svg_point, c->n_rows);
    size_t n = 0;
    const char *unit = "decode tokens per second";
    for (size_t i = 0; i < c->n_rows; i++) {
        pts[n] = (struct svg_point){.name = c->rows[i].variant->label, .color = html_color(p, i)};
        if (!c->rows[i].decode && c->rows[i].prefill)
            unit = "prefill tokens per second";
        n += !html_is_failed(&c->rows[i]) && set_x(&c->rows[i], x, &pts[n]) &&
             set_y(c, &c->rows[i], is_kl, &pts[n]);
    }
    if (n < 2)
        return 0;
    struct svg_scatter s = {.x_label = x == X_SPEED ? unit : "peak memory, MiB",
                            .y_label = is_kl ? "KL, nats" : "accuracy, %",
                            .label =
                                x == X_SPEED ? "Quality against speed" : "Quality against memory",
                            .is_x_lower_better = x == X_MEMORY,
                            .is_y_lower_better = is_kl,
                            .y_scale = is_kl ? 1 : 100,
                            .points = pts,
                            .n = n};
    open_figure(p);
    svg_pareto(p->b, &s);
    figure(
        p,
        x == X_SPEED
            ? "Quality against speed: up and to the right is better. The line joins the variants "
              "that no other beats in both."
            : "Quality against memory: up and to the left is better. The line joins the variants "
              "that no other beats in both.");
    return n;
}

void html_charts_tradeoff(struct page *p)
{
    bool is_kl = true;
    for (size_t i = 0; i < p->c->n_rows; i++)
        is_kl &= p->c->rows[i].pool.kind != COMPARE_BINARY;
    html_begin(p, "tradeoff", "Trade-offs",
               "What each variant costs and what it keeps. Vertical bars are the 95&nbsp;% "
               "interval of the "
               "change against the base.");
    buf_adds(p->b, "<div class=\"pair\">");
    size_t n = scatter(p, X_SPEED, is_kl);
    n += scatter(p, X_MEMORY, is_kl);
    buf_adds(p->b, "</div>");
    if (n == 0)
        buf_adds(p->b, "<p>Two variants with scores and measurements are needed for this.</p>");
    html_end(p);
}

/* -- latency ----------------------------------------------------------------------------------- */

static void legend(struct page *p, const struct svg_series *s, size_t n)
{
    buf_adds(p->b, "<ul class=\"key\">");
    for (size_t i = 0; i < n; i++) {
        buf_printf(p->b, "<li><span class=\"swatch c%d\"></span>", s[i].color);
        html_text(p->b, s[i].name);
        buf_adds(p->b, "</li>");
    }
    buf_adds(p->b, "</ul>");
}

static size_t gaps_of(struct page *p, struct svg_series *s)
{
    size_t n = 0;
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct compare_row *r = &p->c->rows[i];
        if (r->decode && r->decode->n_itl > 0)
            s[n++] = (struct svg_series){r->variant->label, html_color(p, i), r->decode->itl_ms,
                                         r->decode->n_itl};
    }
    return n;
}

static size_t prefills_of(struct page *p, struct svg_series *s)
{
    size_t n = 0;
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct compare_row *r = &p->c->rows[i];
        if (r->prefill && r->prefill->n > 0)
            s[n++] = (struct svg_series){r->variant->label, html_color(p, i), r->prefill->wall_ms,
                                         r->prefill->n};
    }
    return n;
}

/* A variant's quantiles over the base's as columns; false: one of them has no gaps. */
static bool set_band(struct page *p, size_t row, struct svg_band *band)
{
    const struct compare_row *r = &p->c->rows[row];
    struct speed_ratio q[SPEED_QUANTILES];
    if (compare_is_base(p->c, row) || r->base >= p->c->n_rows || !r->decode ||
        !p->c->rows[r->base].decode)
        return false;
    size_t n = speed_ratios(p->c->rows[r->base].decode, r->decode, q);
    double *v = ARENA_ARRAY(p->a, double, 4 * n + 1);
    for (size_t i = 0; i < n; i++) {
        v[i] = q[i].p;
        v[n + i] = q[i].v;
        v[2 * n + i] = q[i].lo;
        v[3 * n + i] = q[i].hi;
    }
    *band =
        (struct svg_band){r->variant->label, html_color(p, row), v, v + n, v + 2 * n, v + 3 * n, n};
    return n > 1;
}

static void ratio_chart(struct page *p)
{
    struct svg_band *bands = ARENA_ARRAY(p->a, struct svg_band, p->c->n_rows);
    struct svg_series *names = ARENA_ARRAY(p->a, struct svg_series, p->c->n_rows);
    size_t n = 0;
    for (size_t i = 0; i < p->c->n_rows; i++)
        if (set_band(p, i, &bands[n])) {
            names[n] = (struct svg_series){.name = bands[n].name, .color = bands[n].color};
            n++;
        }
    if (n == 0)
        return;
    open_figure(p);
    svg_ratios(p->b, bands, n, "Inter-token latency against the base, quantile by quantile");
    legend(p, names, n);
    figure(p,
           "Each quantile of the time between tokens as a multiple of the base\xe2\x80\x99s: below "
           "1 is faster; a line that rises to the right has a slower tail. Bands: 95&nbsp;% by "
           "drawing the repetitions again.");
}

void html_charts_latency(struct page *p)
{
    struct svg_series *s = ARENA_ARRAY(p->a, struct svg_series, p->c->n_rows);
    html_begin(
        p, "latency", "Speed and latency",
        "Measured without warm-up repetitions, one request at a time; repetitions the machine "
        "disturbed are counted and left out.");
    if (p->c->n_scenarios == 0) {
        buf_adds(p->b, "<p>No speed scenario was part of this run.</p>");
        html_end(p);
        return;
    }
    html_speed(p);
    size_t n = gaps_of(p, s);
    if (n) {
        open_figure(p);
        svg_ecdf(p->b, s, n, "milliseconds between tokens", "Distribution of inter-token latency");
        legend(p, s, n);
        figure(p, "Share of tokens that came within a time: further left is faster, a steep line "
                  "is steady, "
                  "a flat top is a slow tail.");
    }
    ratio_chart(p);
    n = prefills_of(p, s);
    if (n) {
        open_figure(p);
        svg_strips(p->b, s, n, "milliseconds per prompt", "Prefill time per repetition");
        figure(p, "Each dot is one repetition of the prefill; the upright line is the median.");
    }
    html_end(p);
}

/* -- memory ------------------------------------------------------------------------------------ */

void html_charts_memory(struct page *p)
{
    const struct compare *c = p->c;
    struct svg_bar *bars = ARENA_ARRAY(p->a, struct svg_bar, c->n_rows);
    size_t n = 0;
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct view_variant *v = c->rows[i].variant;
        if (v->anon_bytes < 0 && v->file_rss_bytes < 0)
            continue;
        bars[n++] = (struct svg_bar){
            v->label, html_color(p, i), v->anon_bytes < 0 ? 0 : (double)v->anon_bytes / 1048576,
            v->file_rss_bytes < 0 ? 0 : (double)v->file_rss_bytes / 1048576,
            v->weight_bytes < 0 ? NAN : (double)v->weight_bytes / 1048576};
    }
    html_begin(p, "memory", "Memory", NULL);
    if (n == 0) {
        buf_adds(p->b, "<p>No memory figures were recorded.</p>");
        html_end(p);
        return;
    }
    open_figure(p);
    svg_stack(p->b, bars, n, "MiB", "Resident memory per variant");
    figure(p,
           "Resident memory at its largest observation: solid is private to the process, light is "
           "mapped "
           "from files and can be shared or dropped; the upright mark is the size of the weights.");
    html_end(p);
}
