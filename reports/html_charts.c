/* html_charts.c - which numbers of the comparison go into which chart of latency and memory. */
#include <math.h>
#include <string.h>
#include "harness/base/err.h"
#include "reports/html_impl.h"
#include "reports/speed.h"

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
    html_open_figure(p);
    svg_ratios(p->b, bands, n, "Inter-token latency against the base, quantile by quantile");
    legend(p, names, n);
    html_figure(p,
           "Each quantile of the time between tokens as a multiple of the base\xe2\x80\x99s: below "
           "1 is faster; a line that rises to the right has a slower tail. Bands: 95&nbsp;% by "
           "drawing the repetitions again.");
}

/* -- repetition by repetition ------------------------------------------------------------------- */

enum { MOST_REPS = 200 };

/* The decode repetitions of one row as a panel: 1, or 0 when there are too few to draw. */
static int reps_panel(struct page *p, size_t row, struct svg_panel *panel, size_t *n_reps,
                      struct assay_err *e)
{
    const struct compare_row *r = &p->c->rows[row];
    const struct view_sample *v;
    size_t n = 0, k = 0;
    if (!r->decode || !r->decode->job)
        return 0;
    TRY(view_samples(p->view, r->decode->job, p->a, &v, &n, e));
    size_t *x = ARENA_ARRAY(p->a, size_t, n + 1);
    double *y = ARENA_ARRAY(p->a, double, n + 1);
    uint8_t *flags = ARENA_ARRAY(p->a, uint8_t, n + 1);
    const char **hover = ARENA_ARRAY(p->a, const char *, n + 1);
    for (size_t i = 0; i < n && k < MOST_REPS; i++) {
        size_t m = v[i].n_token_ns;
        if (v[i].is_warmup || m < 2 || v[i].token_ns[m - 1] <= v[i].token_ns[0])
            continue;
        x[k] = k;
        y[k] = (double)(m - 1) * 1e9 / (double)(v[i].token_ns[m - 1] - v[i].token_ns[0]);
        flags[k] = v[i].is_dirty ? SVG_DIRTY : 0;
        hover[k] = arena_printf(p->a, "%s, repetition %zu: %s tokens/s, %s preempted%s",
                                r->variant->label, k + 1, fmt_rate(y[k]).s,
                                v[i].switches < 0 ? "unknown times"
                                                  : fmt_things((size_t)v[i].switches, "time").s,
                                v[i].is_dirty ? ", disturbed" : "");
        k++;
    }
    *panel = (struct svg_panel){
        .name = r->variant->label,
        .value = arena_printf(p->a, "%s tokens/s", fmt_rate(r->decode->rate.v).s),
        .color = html_color(p, row),
        .x = x,
        .v = y,
        .flags = flags,
        .hover = hover,
        .n = k};
    *n_reps = k > *n_reps ? k : *n_reps;
    return k > 1;
}

static int reps_chart(struct page *p, struct assay_err *e)
{
    struct svg_panel *panels = ARENA_ARRAY(p->a, struct svg_panel, p->c->n_rows + 1);
    size_t n = 0, n_reps = 0;
    for (size_t i = 0; i < p->c->n_rows; i++) {
        int rc = reps_panel(p, i, &panels[n], &n_reps, e);
        if (rc < 0)
            return rc;
        n += rc > 0;
    }
    if (n == 0)
        return 0;
    const char **numbers = ARENA_ARRAY(p->a, const char *, n_reps + 1);
    for (size_t i = 0; i < n_reps; i++)
        numbers[i] = arena_printf(p->a, "%zu", i + 1);
    const struct svg_nights chart = {.label = "Decode rate, repetition by repetition",
                                     .dates = numbers,
                                     .n = n_reps,
                                     .panels = panels,
                                     .n_panels = n};
    buf_adds(p->b, "<details class=\"forest\"><summary>Repetition by repetition</summary><div "
                   "class=\"scroll\">");
    svg_nights(p->b, &chart);
    buf_adds(p->b,
             "</div><p class=\"note\">The decode rate of every repetition in the order they ran, "
             "each variant on its own scale; grey: the machine was disturbed meanwhile. A "
             "slope is warming up or throttling, a lone dip is somebody else.</p></details>\n");
    return 0;
}

int html_charts_latency(struct page *p, struct assay_err *e)
{
    struct svg_series *s = ARENA_ARRAY(p->a, struct svg_series, p->c->n_rows);
    html_begin(
        p, "latency", "Speed and latency",
        "Measured without warm-up repetitions, one request at a time; repetitions the machine "
        "disturbed are counted and left out.");
    if (p->c->n_scenarios == 0) {
        buf_adds(p->b, "<p>No speed scenario was part of this run.</p>");
        html_end(p);
        return 0;
    }
    html_speed(p);
    buf_adds(p->b, "<div class=\"pair\">");
    size_t n = gaps_of(p, s);
    if (n) {
        html_open_figure(p);
        svg_ecdf(p->b, s, n, "milliseconds between tokens", "Distribution of inter-token latency");
        legend(p, s, n);
        html_figure(p, "Share of tokens that came within a time: further left is faster, a steep line "
                  "is steady, "
                  "a flat top is a slow tail.");
    }
    ratio_chart(p);
    n = prefills_of(p, s);
    if (n) {
        html_open_figure(p);
        svg_strips(p->b, s, n, "milliseconds per prompt", "Prefill time per repetition");
        html_figure(p, "Each dot is one repetition of the prefill; the upright line is the median.");
    }
    buf_adds(p->b, "</div>");
    int rc = reps_chart(p, e);
    html_end(p);
    return rc;
}

/* -- memory ------------------------------------------------------------------------------------ */

static void bytes_cell(struct page *p, int64_t bytes)
{
    html_cell(p, bytes < 0 ? NAN : (double)bytes / 1048576, fmt_mib(bytes));
}

/* What the bars are made of, and what lies inside them. */
static void memory_table(struct page *p)
{
    static const char *const heads[] = {"variant",      "#model file",  "#weights",
                                        "#KV cache",    "#KV/token, B", "#private",
                                        "#file-backed", "#peak",        NULL};
    buf_adds(p->b, "<div class=\"scroll\"><table class=\"sortable tight\"><caption>Memory in MiB"
                   "</caption>");
    html_heads(p, heads);
    buf_adds(p->b, "<tbody>");
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct view_variant *v = p->c->rows[i].variant;
        if (html_is_failed(&p->c->rows[i]))
            continue;
        buf_adds(p->b, "<tr>");
        html_variant_head(p, i, false);
        bytes_cell(p, v->file_bytes);
        bytes_cell(p, v->weight_bytes);
        bytes_cell(p, v->kv_bytes);
        html_cell(p, v->kv_bytes_per_token < 0 ? NAN : (double)v->kv_bytes_per_token,
                  fmt_count(v->kv_bytes_per_token));
        bytes_cell(p, v->anon_bytes);
        bytes_cell(p, v->file_rss_bytes);
        bytes_cell(p, v->peak_rss_bytes);
        buf_adds(p->b, "</tr>\n");
    }
    buf_adds(p->b,
             "</tbody></table></div><p class=\"note\">Weights: as held for computing. KV cache: "
             "at its largest. Private and file-backed: resident at the largest observation. "
             "Peak: the kernel\xe2\x80\x99s count for the whole process. An en dash: not "
             "recorded.</p>");
}

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
    html_open_figure(p);
    svg_stack(p->b, bars, n, "MiB", "Resident memory per variant");
    html_figure(p,
           "Resident memory at its largest observation: solid is private to the process, light is "
           "mapped "
           "from files and can be shared or dropped; the upright mark is the size of the weights.");
    memory_table(p);
    html_end(p);
}
