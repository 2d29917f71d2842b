/* html_agree.c - benchmark disagreement: what each task says of a variant, which tasks contradict
 * each other, and whether they rank the variants alike. */
#include <math.h>
#include <string.h>
#include "reports/agree.h"
#include "reports/html_impl.h"

enum { MOST_IN_MATRIX = 48 };

/* Names of up to four tasks with this vote. */
static const char *voters(struct page *p, const struct compare_row *r, int vote)
{
    const char *text = "";
    size_t n = 0;
    for (size_t t = 0; t < p->c->n_tasks; t++)
        if (compare_vote(p->c, &r->tasks[t]) == vote && n++ < 4)
            text = arena_printf(p->a, "%s%s%s", text, *text ? ", " : "", p->c->tasks[t].name);
    return n > 4 ? arena_printf(p->a, "%s and %zu more", text, n - 4) : text;
}

static void conflicts(struct page *p)
{
    const struct compare *c = p->c;
    bool is_any = false;
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_row *r = &c->rows[i];
        if (!r->n_better || !r->n_worse)
            continue;
        buf_adds(p->b, is_any ? "<li>"
                              : "<h3>Tasks that contradict each other</h3><ul "
                                "class=\"failures\"><li>");
        is_any = true;
        buf_adds(p->b, "<strong>");
        html_text(p->b, r->variant->label);
        buf_adds(p->b, "</strong> is better by ");
        html_text(p->b, voters(p, r, 1));
        buf_adds(p->b, " and worse by ");
        html_text(p->b, voters(p, r, -1));
        buf_adds(p->b, "</li>");
    }
    if (is_any)
        buf_adds(p->b, "</ul>\n");
}

/* Tasks that show a loss beside others that rule it out: what one suite would say depends on its tasks. */
static void partings(struct page *p)
{
    const struct compare *c = p->c;
    bool is_any = false;
    for (size_t i = 0; i < c->n_rows; i++) {
        const char *words = agree_parting(c, &c->rows[i], p->a);
        if (!words)
            continue;
        buf_adds(p->b, is_any ? "<li><strong>"
                              : "<h3>Tasks that part</h3><ul class=\"failures\"><li><strong>");
        is_any = true;
        html_text(p->b, c->rows[i].variant->label);
        buf_adds(p->b, "</strong>: ");
        html_text(p->b, words);
        buf_adds(p->b, "</li>");
    }
    if (is_any)
        buf_adds(p->b, "</ul>\n");
}

static void votes(struct page *p)
{
    const struct compare *c = p->c;
    struct svg_bar *bars = ARENA_ARRAY(p->a, struct svg_bar, c->n_rows);
    size_t n = 0, n_conflicts = 0, all = 0, told = 0;
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_row *r = &c->rows[i];
        size_t sum = r->n_better + r->n_worse + r->n_unclear;
        n_conflicts += r->n_better && r->n_worse;
        all += sum;
        told += r->n_better + r->n_worse;
        if (sum)
            bars[n++] = (struct svg_bar){r->variant->label, html_color(p, i), (double)r->n_worse,
                                         (double)r->n_better, (double)sum};
    }
    if (n == 0)
        return;
    buf_printf(p->b, "<p>%zu of %zu comparisons of a variant on a task show a difference", told,
               all);
    buf_printf(p->b,
               n_conflicts ? "; about %s the tasks contradict each other.</p>"
                           : "; about none of the %s do the tasks contradict each other.</p>",
               fmt_things(n_conflicts ? n_conflicts : n, "variant").s);
    buf_adds(p->b, "<figure><div class=\"scroll\">");
    svg_votes(p->b, bars, n, "What the tasks say of each variant");
    buf_printf(p->b,
               "</div><figcaption>How many tasks say a variant is worse or better than the base "
               "(p &lt; %s after Holm over its tasks), and how many cannot tell. Few tasks can "
               "tell small changes: what they cannot tell is not the same as no change."
               "</figcaption></figure>\n",
               fmt_short(c->options.alpha, 2).s);
}

static void tau_cell(struct page *p, struct compare_value v)
{
    if (isnan(v.v)) {
        html_cell(p, NAN, fmt_tau(NAN));
        return;
    }
    buf_printf(p->b, "<td class=\"n\" data-v=\"%.9g\">", v.v);
    html_num(p, fmt_tau(v.v).s);
    if (!isnan(v.lo)) {
        buf_adds(p->b, "<small>");
        html_num(p, fmt_tau(v.lo).s);
        buf_adds(p->b, " \xe2\x80\xa6 ");
        html_num(p, fmt_tau(v.hi).s);
        buf_adds(p->b, "</small>");
    }
    buf_adds(p->b, "</td>");
}

static void ranks(struct page *p, const struct agree *g)
{
    static const char *const heads[] = {"task", "#\xcf\x84 with other tasks", "#\xcf\x84 with KL",
                                        "best to worst", NULL};
    buf_adds(p->b, "<div class=\"scroll\"><table class=\"sortable tight\"><caption class=\"hide\">"
                   "How each task ranks the variants</caption>");
    html_heads(p, heads);
    buf_adds(p->b, "<tbody>");
    for (size_t i = 0; i < g->n_tasks; i++) {
        const struct agree_task *t = &g->tasks[i];
        buf_adds(p->b, "<tr><th scope=\"row\">");
        html_name(p, p->c->tasks[t->task].name);
        buf_adds(p->b, "</th>");
        tau_cell(p, t->others);
        tau_cell(p, t->kl);
        buf_adds(p->b, "<td class=\"order\">");
        for (size_t k = 0; k < g->n_rows; k++) {
            if (k)
                buf_adds(p->b, agree_ties(t, k) ? " = " : " &gt; ");
            buf_printf(p->b, "<span class=\"one\"><span class=\"swatch c%d\"></span>",
                       html_color(p, t->order[k]));
            html_text(p->b, p->c->rows[t->order[k]].variant->label);
            buf_adds(p->b, "</span>");
        }
        buf_adds(p->b, "</td></tr>\n");
    }
    buf_adds(p->b, "</tbody></table></div>");
}

static const char *tau_words(struct page *p, struct compare_value v)
{
    return isnan(v.lo) ? arena_strdup(p->a, fmt_tau(v.v).s)
                       : arena_printf(p->a, "%s (95 %% interval %s to %s)", fmt_tau(v.v).s,
                                      fmt_tau(v.lo).s, fmt_tau(v.hi).s);
}

static void matrix(struct page *p, const struct agree *g)
{
    size_t n = g->n_tasks;
    const char **names = ARENA_ARRAY(p->a, const char *, n);
    const char **hover = ARENA_ARRAY(p->a, const char *, n *n);
    double *v = ARENA_ARRAY(p->a, double, n *n);
    for (size_t i = 0; i < n; i++) {
        names[i] = p->c->tasks[g->tasks[i].task].name;
        for (size_t j = 0; j < i; j++) {
            v[i * n + j] = g->tau[i * n + j].v;
            hover[i * n + j] = arena_printf(p->a, "%s, %s: %s", names[i], names[j],
                                            tau_words(p, g->tau[i * n + j]));
        }
    }
    struct svg_matrix m = {names, v, hover, n, "Agreement of every pair of tasks"};
    buf_adds(p->b, "<figure><div class=\"scroll\">");
    svg_correlations(p->b, &m);
    buf_adds(p->b, "</div><figcaption>Kendall\xe2\x80\x99s \xcf\x84-b of every pair of tasks, in "
                   "the same order across as down: blue where two tasks rank the variants alike, "
                   "red where they rank them the other way round, pale where they have nothing to "
                   "do with each other.</figcaption></figure>\n");
}

void html_agreement(struct page *p)
{
    const struct agree *g = p->c->agree;
    if (p->c->n_rows < 2)
        return;
    html_begin(
        p, "agreement", "Do the tasks agree?",
        "One benchmark can call a variant better while another calls it worse. This is what "
        "each task can tell, and whether the tasks would put the variants in the same order.");
    votes(p);
    conflicts(p);
    partings(p);
    if (!g) {
        buf_adds(p->b, "<p>Rankings need three variants and two tasks.</p>");
        html_end(p);
        return;
    }
    buf_printf(p->b,
               "<h3>Rankings</h3><p>%zu tasks rank %zu variants: on average Kendall\xe2\x80"
               "\x99s \xcf\x84-b between two tasks is ",
               g->n_tasks, g->n_rows);
    html_num(p, tau_words(p, g->mean));
    if (!isnan(g->mean_kl.v)) {
        buf_adds(p->b, ", and with the order by KL divergence ");
        html_num(p, tau_words(p, g->mean_kl));
    }
    buf_adds(p->b, ". 1 is the same order, 0 is no relation, \xe2\x88\x92"
                   "1 the reverse.</p>\n");
    if (g->n_tasks <= MOST_IN_MATRIX && g->n_tasks > 2)
        matrix(p, g);
    ranks(p, g);
    buf_adds(p->b, "<p class=\"note\">Intervals: the items of every task drawn again 400 times. "
                   "Where nearly all variants answer alike, the order is mostly chance and "
                   "\xcf\x84 is near 0: that is the benchmark\xe2\x80\x99s limit, not a finding "
                   "about the variants.</p>");
    html_end(p);
}
