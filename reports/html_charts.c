/* html_charts.c - which numbers of the comparison go into which chart of latency and memory. */
#include <math.h>
#include <string.h>
#include "harness/base/err.h"
#include "reports/html_impl.h"
#include "reports/notice.h"
#include "reports/speed.h"

/* -- latency ----------------------------------------------------------------------------------- */

static void legend(struct page *p, const struct svg_series *s, size_t n)
{
    buf_adds(p->b, "<ul class=\"key\">");
    for (size_t i = 0; i < n; i++) {
        buf_printf(p->b, "<li><span class=\"swatch c%d%s\"></span>", s[i].color,
                   s[i].is_later ? " later" : "");
        html_text(p->b, s[i].name);
        buf_adds(p->b, "</li>");
    }
    buf_adds(p->b, "</ul>");
}

enum times { TIMES_ITL, TIMES_TTFT };

/* TTFT is that of the prefill scenario, whose prompt is the long one; without it the decode's. */
static const struct compare_times *times_of(const struct compare_row *r, enum times kind)
{
    const struct compare_speed *first = r->prefill && r->prefill->ttft.n ? r->prefill : r->decode;
    if (kind == TIMES_ITL)
        return r->decode && r->decode->itl.n ? &r->decode->itl : NULL;
    return first && first->ttft.n ? &first->ttft : NULL;
}

/* Of runs that are compared by name: whether its namesake has the colour already. */
static bool is_later(const struct page *p, size_t row)
{
    return p->c->is_by_name && !compare_is_base(p->c, row);
}

static size_t series_of(struct page *p, enum times kind, struct svg_series *s)
{
    size_t n = 0;
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct compare_times *t = times_of(&p->c->rows[i], kind);
        if (t)
            s[n++] = (struct svg_series){p->c->rows[i].variant->label, html_color(p, i), t->ms,
                                         t->n, is_later(p, i)};
    }
    return n;
}

static size_t walls_of(struct page *p, struct svg_series *s)
{
    size_t n = 0;
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct compare_row *r = &p->c->rows[i];
        if (r->prefill && r->prefill->n > 0)
            s[n++] = (struct svg_series){r->variant->label, html_color(p, i), r->prefill->wall_ms,
                                         r->prefill->n, is_later(p, i)};
    }
    return n;
}

/* A variant's quantiles over the base's as columns; false: one of them has too few times. */
static bool set_band(struct page *p, size_t row, enum times kind, struct svg_band *band)
{
    const struct compare_row *r = &p->c->rows[row];
    struct speed_ratio q[SPEED_QUANTILES];
    if (compare_is_base(p->c, row) || r->base >= p->c->n_rows)
        return false;
    const struct compare_times *b = times_of(&p->c->rows[r->base], kind), *t = times_of(r, kind);
    if (!b || !t ||
        (kind == TIMES_TTFT && (b->n < SPEED_LEAST_TTFT || t->n < SPEED_LEAST_TTFT)))
        return false;
    size_t n = speed_ratios(b, t, q);
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

static bool ratio_chart(struct page *p, enum times kind)
{
    static const struct svg_words words[] = {
        {"quantile of the time between tokens, %", "times the base",
         "Time between tokens against the base, quantile by quantile"},
        {"quantile of the time to first token, %", "times the base",
         "Time to first token against the base, quantile by quantile"}};
    struct svg_band *bands = ARENA_ARRAY(p->a, struct svg_band, p->c->n_rows);
    struct svg_series *names = ARENA_ARRAY(p->a, struct svg_series, p->c->n_rows);
    size_t n = 0;
    for (size_t i = 0; i < p->c->n_rows; i++)
        if (set_band(p, i, kind, &bands[n])) {
            names[n] = (struct svg_series){.name = bands[n].name, .color = bands[n].color};
            n++;
        }
    if (n == 0)
        return false;
    html_open_figure(p);
    svg_ratios(p->b, bands, n, &words[kind]);
    legend(p, names, n);
    html_figure(p, kind == TIMES_ITL
                       ? "Each quantile as a multiple of the base\xe2\x80\x99s: below 1 is "
                         "faster; a line that rises to the right has a slower tail. Bands: "
                         "95&nbsp;% by drawing the rounds again."
                       : "Each quantile as a multiple of the base\xe2\x80\x99s, where the "
                         "repetitions are enough for an interval. Bands: 95&nbsp;% by drawing the "
                         "rounds again.");
    return true;
}

static void itl_charts(struct page *p, struct svg_series *s)
{
    static const struct svg_words words = {"milliseconds between tokens", "% of tokens at most",
                                           "Distribution of the time between tokens"};
    size_t n = series_of(p, TIMES_ITL, s);
    if (n == 0)
        return;
    buf_adds(p->b, "<h3>Time between tokens</h3><div class=\"pair\">");
    html_open_figure(p);
    svg_ecdf(p->b, s, n, &words);
    legend(p, s, n);
    html_figure(p, "Share of tokens that came within a time: further left is faster, a steep line "
                   "is steady, a flat top is a slow tail.");
    ratio_chart(p, TIMES_ITL);
    buf_adds(p->b, "</div>");
}

static void ttft_charts(struct page *p, struct svg_series *s)
{
    static const struct svg_words words = {"milliseconds to the first token",
                                           "% of repetitions at most",
                                           "Distribution of the time to first token"};
    size_t n = series_of(p, TIMES_TTFT, s), most = 0;
    bool is_wall = n == 0;
    n = is_wall ? walls_of(p, s) : n;
    for (size_t i = 0; i < n; i++)
        most = s[i].n > most ? s[i].n : most;
    if (n == 0)
        return;
    buf_printf(p->b, "<h3>%s</h3><div class=\"pair\">",
               is_wall ? "Prefill time" : "Time to first token");
    html_open_figure(p);
    if (is_wall || most < SPEED_LEAST_TTFT) {
        svg_strips(p->b, s, n, is_wall ? "milliseconds per prompt" : words.x, words.label);
        html_figure(p, "Each dot is one repetition; the upright line is the median.");
    } else {
        svg_ecdf(p->b, s, n, &words);
        legend(p, s, n);
        html_figure(p, "Share of repetitions whose first token came within a time: further left is "
                       "faster.");
    }
    bool has_ratios = !is_wall && ratio_chart(p, TIMES_TTFT);
    size_t n_few = 0;
    for (size_t i = 0; i < n; i++)
        n_few += s[i].n < SPEED_LEAST_TTFT;
    buf_adds(p->b, "</div>");
    if (has_ratios && n_few)
        buf_printf(p->b,
                   "<p class=\"note\">%s fewer than %d undisturbed repetitions: no quantiles of "
                   "the time to first token against the base.</p>",
                   n_few == 1 ? "1 variant has" : arena_printf(p->a, "%zu variants have", n_few),
                   (int)SPEED_LEAST_TTFT);
    if (!is_wall && !has_ratios && p->c->n_rows > 1)
        buf_printf(p->b,
                   "<p class=\"note\">Quantile by quantile against the base: not drawn. A "
                   "repetition has one time to first token, and below %d of them on both sides "
                   "hardly a quantile has an interval; here %s at most. More: <code>assay run "
                   "--repetitions %d</code>.</p>",
                   (int)SPEED_LEAST_TTFT,
                   most == 1 ? "there is 1" : arena_printf(p->a, "there are %zu", most),
                   2 * (int)SPEED_LEAST_TTFT);
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
        hover[k] = arena_printf(
            p->a, "%s, round %lld, repetition %zu: %s tokens/s, %s cores busy, %s preempted%s",
            r->variant->label, (long long)v[i].round + 1, k + 1, fmt_rate(y[k]).s,
            v[i].wall_ns > 0 ? fmt_ratio((double)v[i].cpu_ns / (double)v[i].wall_ns).s : "unknown",
            v[i].switches < 0 ? "unknown times" : fmt_things((size_t)v[i].switches, "time").s,
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
             "slope is warming up or throttling, a lone dip is somebody else; a step lies between "
             "rounds, which are processes of their own. Temperature and "
             "pressure are not kept for a repetition: what disturbed it was preemption or waiting "
             "for a processor.</p></details>\n");
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
    itl_charts(p, s);
    ttft_charts(p, s);
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
    static const char *const heads[] = {"variant",
                                        "#model file <small>disk</small>",
                                        "#weights <small>engine</small>",
                                        "#KV cache <small>engine</small>",
                                        "#KV/token, B <small>engine</small>",
                                        "#private <small>kernel, RssAnon</small>",
                                        "#file-backed <small>kernel, RssFile</small>",
                                        "#peak <small>kernel, maxrss</small>",
                                        NULL};
    buf_adds(p->b, "<div class=\"scroll\"><table class=\"sortable tight\"><caption>Memory in MiB, "
                   "and who says so</caption>");
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
    buf_adds(
        p->b,
        "</tbody></table></div><p class=\"note\">Weights: as held for computing; KV cache: as "
        "allocated, at its largest; both are the engine\xe2\x80\x99s own figures and lie "
        "within private memory where the engine copies or converts, within file-backed where "
        "it maps. Private and file-backed: resident at the largest observation, shared "
        "libraries included. Peak: of the whole process, from its start to its end; the kernel "
        "counts in batches, so that it may be a few pages below their sum. Memory of "
        "accelerators is not recorded. An en dash: not recorded.</p>");
}

/* The KV cache is private memory, unless it lies elsewhere: then it is more than there is. */
static struct svg_pile pile_of(struct page *p, size_t row)
{
    const struct view_variant *v = p->c->rows[row].variant;
    const double mib = 1048576;
    int64_t anon = v->anon_bytes < 0 ? 0 : v->anon_bytes;
    int64_t kv = v->kv_bytes < 0 || v->kv_bytes > anon ? 0 : v->kv_bytes;
    return (struct svg_pile){.name = v->label,
                             .color = html_color(p, row),
                             .v = {(double)(anon - kv) / mib, (double)kv / mib,
                                   v->file_rss_bytes < 0 ? 0 : (double)v->file_rss_bytes / mib},
                             .mark = v->weight_bytes < 0 ? NAN : (double)v->weight_bytes / mib};
}

void html_charts_memory(struct page *p)
{
    const struct compare *c = p->c;
    struct svg_pile *piles = ARENA_ARRAY(p->a, struct svg_pile, c->n_rows + 1);
    size_t n = 0;
    for (size_t i = 0; i < c->n_rows; i++)
        if (c->rows[i].variant->anon_bytes >= 0 || c->rows[i].variant->file_rss_bytes >= 0)
            piles[n++] = pile_of(p, i);
    const struct view_variant **all = ARENA_ARRAY(p->a, const struct view_variant *, c->n_rows + 1);
    for (size_t i = 0; i < c->n_rows; i++)
        all[i] = c->rows[i].variant;
    const char *unknown = notice_memory(all, c->n_rows, p->a);
    html_begin(p, "memory", "Memory", NULL);
    if (unknown) {
        buf_adds(p->b, "<p>");
        html_text(p->b, unknown);
        buf_adds(p->b, ".</p>");
    }
    if (n == 0) {
        buf_adds(p->b, "<p>No memory figures were recorded.</p>");
        html_end(p);
        return;
    }
    const struct svg_stack s = {
        .unit = "MiB",
        .label = "Resident memory per variant",
        .parts = {"private, without the KV cache", "KV cache", "file-backed"},
        .piles = piles,
        .n = n};
    html_open_figure(p);
    svg_stack(p->b, &s);
    buf_adds(p->b, "<ul class=\"key\"><li><span class=\"swatch\"></span>private, without the KV "
                   "cache</li><li><span class=\"swatch half\"></span>KV cache</li><li><span "
                   "class=\"swatch light\"></span>file-backed</li></ul>");
    html_figure(p, "Resident memory at its largest observation: private to the process, of it what "
                   "the engine says its KV cache takes, and what is mapped from files and can be "
                   "shared or dropped. The upright mark is the size of the weights.");
    memory_table(p);
    html_end(p);
}
