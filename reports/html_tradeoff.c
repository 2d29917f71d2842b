/* html_tradeoff.c - quality against cost, per run: runs were measured on their own machines. */
#include <math.h>
#include "harness/stats/cluster.h"
#include "harness/stats/quantile.h"
#include "reports/html_impl.h"

enum axis_x { X_SPEED, X_MEMORY, X_ENERGY, X_KINDS };
enum { FEW_RUNS = 2 }; /* whose plots stand open */

struct tradeoff {
    struct page *p;
    size_t run, n_plots, n_joint, n_far, n_speed_bars;
    bool has_memory, has_energy;
};

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
    if (x == X_ENERGY) {
        const struct compare_energy *k = &r->per_token[VIEW_PACKAGE];
        pt->x = k->gross.v;
        pt->x_lo = isnan(k->gross.lo) ? k->gross.v - k->gross_error : k->gross.lo;
        pt->x_hi = isnan(k->gross.hi) ? k->gross.v + k->gross_error : k->gross.hi;
        return k->gross.v > 0;
    }
    int64_t bytes = r->variant->peak_rss_bytes;
    pt->x = (double)bytes / 1048576;
    pt->x_lo = pt->x_hi = NAN;
    return bytes >= 0;
}

/* Divergence from the run's reference, whose own is zero.  The interval is that of the logarithm (se
 * by the delta method), so that it stays positive; where the error is as large as the mean, none. */
static bool set_kl(const struct compare_row *r, double alpha, struct svg_point *pt)
{
    bool is_reference = r->variant->is_reference, has_error = r->kl.n > 0 && r->kl.se < r->kl.mean;
    double half = cluster_half_width(r->kl.se, r->kl.n_docs, alpha);
    double factor = has_error ? exp(half / r->kl.mean) : NAN;
    pt->y = is_reference ? 0 : r->kl.mean;
    pt->y_lo = is_reference || !isfinite(factor) ? NAN : r->kl.mean / factor;
    pt->y_hi = is_reference || !isfinite(factor) ? NAN : r->kl.mean * factor;
    return is_reference || r->kl.n > 0;
}

/* Accuracy where tasks are right or wrong.  The interval of the change against the base belongs to
 * the comparison, and the base has none; between runs it is the accuracy's own.  What was stopped
 * early is where its change takes the base's accuracy on all items. */
static bool set_accuracy(const struct compare *c, const struct compare_row *r, struct svg_point *pt)
{
    bool is_base = compare_is_base(c, (size_t)(r - c->rows));
    if (r->pool.kind != COMPARE_BINARY)
        return false;
    double from = r->variant->decision ? c->rows[r->base].pool.variant.v : r->pool.base.v;
    pt->y = r->variant->decision ? from + r->pool.delta.v : r->pool.variant.v;
    pt->y_lo = is_base ? NAN : from + r->pool.delta.lo;
    pt->y_hi = is_base ? NAN : from + r->pool.delta.hi;
    if (c->is_by_name) {
        pt->y_lo = r->pool.variant.lo;
        pt->y_hi = r->pool.variant.hi;
    }
    return true;
}

/* Items (positions) that the row's quality is of; 0: none, or as many as it took to decide. */
static size_t extent_of(const struct compare_row *r, bool is_kl)
{
    return is_kl ? r->kl.n : r->variant->decision ? 0 : r->pool.n;
}

/* Whether a row was asked less than the others of its run: what it scores is of other questions. */
static bool is_part(const struct compare *c, const struct compare_row *r, bool is_kl)
{
    size_t own = extent_of(r, is_kl), most = 0;
    for (size_t i = 0; i < c->n_rows; i++)
        if (c->rows[i].variant->run == r->variant->run && extent_of(&c->rows[i], is_kl) > most)
            most = extent_of(&c->rows[i], is_kl);
    return own > 0 && own < most;
}

static const char *caption_of(enum axis_x x, bool is_kl)
{
    static const char *const words[2][X_KINDS] = {
        {"Accuracy against speed: up and to the right is better.",
         "Accuracy against memory: up and to the left is better.",
         "Accuracy against energy: up and to the left is better."},
        {"Divergence against speed: down and to the right is better; it tells variants apart that "
         "accuracy does not.",
         "Divergence against memory: down and to the left is better.",
         "Divergence against energy: down and to the left is better."}};
    return words[is_kl][x];
}

static void scatter(struct tradeoff *t, enum axis_x x, bool is_kl)
{
    const struct compare *c = t->p->c;
    struct svg_point *pts = ARENA_ARRAY(t->p->a, struct svg_point, c->n_rows + 1);
    size_t n = 0, n_known = 0;
    const char *unit = "decode tokens per second";
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_row *r = &c->rows[i];
        if (r->variant->run != t->run || html_is_failed(r))
            continue;
        pts[n] = (struct svg_point){.name = r->variant->name, .color = html_color(t->p, i)};
        if (!r->decode && r->prefill)
            unit = "prefill tokens per second";
        if (is_part(c, r, is_kl) || !set_x(r, x, &pts[n]) ||
            !(is_kl ? set_kl(r, c->options.alpha, &pts[n]) : set_accuracy(c, r, &pts[n])))
            continue;
        n_known += !is_kl || pts[n].y > 0;
        n++;
    }
    if (n < 2 || n_known == 0)
        return;
    struct svg_scatter s = {.x_label = x == X_SPEED    ? unit
                                       : x == X_MEMORY ? "peak memory, MiB"
                                                       : "energy with idle power, J/token",
                            .y_label = is_kl ? "KL to the reference, nats" : "accuracy, %",
                            .label = caption_of(x, is_kl),
                            .is_x_lower_better = x != X_SPEED,
                            .is_y_lower_better = is_kl,
                            .is_y_log = is_kl,
                            .y_scale = is_kl ? 1 : 100,
                            .alpha = c->options.alpha,
                            .points = pts,
                            .n = n};
    html_open_figure(t->p);
    svg_pareto(t->p->b, &s, &t->n_joint, &t->n_far);
    html_figure(t->p, caption_of(x, is_kl));
    t->n_plots++;
    t->has_memory |= x == X_MEMORY;
    t->has_energy |= x == X_ENERGY;
    for (size_t i = 0; i < n && x == X_SPEED; i++)
        t->n_speed_bars += isnan(pts[i].x_lo);
}

/* A control, shown by the script: without it every machine's plots can be unfolded. */
static void machine_choice(struct page *p)
{
    size_t n = p->c->set->n_runs;
    if (n < 2)
        return;
    buf_adds(p->b, "<form class=\"filters machines\" hidden><label>machine <select "
                   "name=\"machine\"><option value=\"\">all</option>");
    for (size_t i = 0; i < n; i++) {
        buf_printf(p->b, "<option value=\"%zu\">", i);
        html_text(p->b, html_run_label(p, i));
        buf_adds(p->b, "</option>");
    }
    buf_adds(p->b, "</select></label></form>\n");
}

static void notes(const struct tradeoff *t)
{
    struct buf *b = t->p->b;
    double alpha = t->p->c->options.alpha;
    const char *level = html_level(t->p);
    buf_adds(b,
             "<p class=\"note\">The dotted line joins the variants that no other beats in both. ");
    if (t->n_joint)
        buf_printf(b,
                   "Ellipses are joint %s regions of both axes: answers and timings are "
                   "measured apart, so (\xce\x94x/s<sub>x</sub>)\xc2\xb2 + "
                   "(\xce\x94y/s<sub>y</sub>)\xc2\xb2 \xe2\x89\xa4 %.2f, which is %.2f times each "
                   "%s interval. ",
                   level, -2 * log(alpha), svg_joint(alpha), level);
    buf_printf(b, "A bar is the %s interval of one axis where the other has none", level);
    if (t->n_speed_bars)
        buf_printf(b, " (a speed has one from %zu rounds on)", quantile_least_n(0.5, alpha));
    buf_adds(b, t->p->c->is_by_name
                    ? ". The interval of an accuracy is its own. "
                    : ". The interval of an accuracy is that of its change against the base, which "
                      "therefore has none. ");
    if (t->has_memory)
        buf_adds(b, "Memory is one reading of the kernel\xe2\x80\x99s peak. ");
    const char *parts = "";
    for (size_t i = 0; i < t->p->c->n_rows; i++)
        if (is_part(t->p->c, &t->p->c->rows[i], false) || is_part(t->p->c, &t->p->c->rows[i], true))
            parts = arena_printf(t->p->a, "%s%s%s", parts, *parts ? ", " : "",
                                 t->p->c->rows[i].variant->label);
    if (*parts) {
        buf_adds(b, "Not drawn where it was asked less than the others: ");
        html_text(b, parts);
        buf_adds(b, ". ");
    }
    if (t->has_energy)
        buf_adds(b, "Of energy the interval is of the rounds, and where there are too few, how far "
                    "the meter can be off. ");
    if (t->n_far)
        buf_adds(b, "An arrow at the edge: much further out than the others, with its value.");
    buf_adds(b, "</p>");
}

void html_charts_tradeoff(struct page *p)
{
    struct tradeoff t = {.p = p};
    size_t n_runs = p->c->set->n_runs;
    html_begin(p, "tradeoff", "Trade-offs", "What each variant costs and what it keeps.");
    machine_choice(p);
    for (size_t i = 0; i < n_runs; i++) {
        if (n_runs > 1) {
            buf_printf(p->b, "<details class=\"forest\" data-machine=\"%zu\"%s><summary>", i,
                       i < FEW_RUNS ? " open" : "");
            html_text(p->b, html_run_label(p, i));
            buf_adds(p->b, "</summary>");
        }
        t.run = i;
        buf_adds(p->b, "<div class=\"pair\">");
        for (int is_kl = 0; is_kl < 2; is_kl++) {
            for (int x = 0; x < X_KINDS; x++)
                scatter(&t, (enum axis_x)x, is_kl);
        }
        buf_adds(p->b, n_runs > 1 ? "</div></details>\n" : "</div>");
    }
    if (t.n_plots)
        notes(&t);
    else
        buf_adds(p->b, "<p>Two variants with scores and measurements are needed for this.</p>");
    html_end(p);
}
