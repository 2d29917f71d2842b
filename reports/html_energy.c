/* html_energy.c - joules: bars of what idle power and the work took per token, and the figures with
 * their sources. */
#include <math.h>
#include <string.h>
#include "reports/energy.h"
#include "reports/html_impl.h"

static bool has_any(const struct compare *c, enum view_source s)
{
    return c->has_token_energy[s] || c->has_answer_energy[s];
}

bool html_has_energy(struct page *p)
{
    return has_any(p->c, VIEW_PACKAGE) || has_any(p->c, VIEW_DRAM) ||
           energy_missing(p->c, p->a) != NULL;
}

/* A figure with its limits, or with how far the instrument can be off; marked where that is much. */
static void figure(struct page *p, struct compare_value v, double error)
{
    if (isnan(v.v)) {
        html_cell(p, NAN, fmt_sig(NAN, 3));
        return;
    }
    buf_printf(p->b, "<td class=\"n\" data-v=\"%.9g\">%s", v.v,
               energy_is_doubtful(v.v, error) ? "<abbr title=\"the meter alone can be 3 % off or "
                                                "more\">~</abbr>"
                                              : "");
    html_num(p, fmt_sig(v.v, 3).s);
    buf_adds(p->b, "<small>");
    if (isnan(v.lo)) {
        buf_adds(p->b, "\xc2\xb1");
        html_num(p, fmt_sig(error, 2).s);
    } else {
        html_num(p, fmt_sig(v.lo, 3).s);
        buf_adds(p->b, " \xe2\x80\xa6 ");
        html_num(p, fmt_sig(v.hi, 3).s);
    }
    buf_adds(p->b, "</small></td>");
}

/* In the main table: net, and below it what that is net of. */
void html_energy_cell(struct page *p, const struct compare_energy *x)
{
    bool is_net = !isnan(x->net.v);
    struct compare_value v = is_net ? x->net : x->gross;
    if (isnan(v.v)) {
        html_cell(p, NAN, fmt_sig(NAN, 3));
        return;
    }
    buf_printf(p->b, "<td class=\"n\" data-v=\"%.9g\">%s", v.v,
               energy_is_doubtful(v.v, is_net ? x->net_error : x->gross_error) ? "~" : "");
    html_num(p, fmt_sig(v.v, 3).s);
    if (is_net)
        buf_printf(p->b, "<small>%s gross</small></td>", fmt_sig(x->gross.v, 3).s);
    else
        buf_adds(p->b, "<small>gross</small></td>");
}

/* Net below zero: the bar is what was measured, and the mark is what idle power alone would take. */
static struct svg_pile pile_of(struct page *p, size_t row, const struct compare_energy *x)
{
    double net = x->net.v, gross = x->gross.v;
    struct svg_pile pile = {.name = p->c->rows[row].variant->label,
                            .color = html_color(p, row),
                            .v = {0, 0, gross},
                            .mark = NAN};
    if (isnan(net))
        return pile;
    pile.v[0] = net < 0 ? gross : gross - net;
    pile.v[1] = net < 0 ? 0 : net;
    pile.v[2] = 0;
    pile.mark = net < 0 ? gross - net : NAN;
    return pile;
}

static void bars(struct page *p, enum view_source s)
{
    const struct compare *c = p->c;
    struct svg_pile *piles = ARENA_ARRAY(p->a, struct svg_pile, c->n_rows + 1);
    size_t n = 0;
    bool has_unknown = false, has_negative = false;
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_energy *x = &c->rows[i].per_token[s];
        if (isnan(x->gross.v))
            continue;
        has_unknown |= isnan(x->net.v);
        has_negative |= x->net.v < 0;
        piles[n++] = pile_of(p, i, x);
    }
    const struct svg_stack chart = {
        .unit = "J/token",
        .label = arena_printf(p->a, "Energy per token, %s", view_source_names[s]),
        .parts = {"idle power", "net", "idle power and net together"},
        .piles = piles,
        .n = n};
    if (n == 0)
        return;
    html_open_figure(p);
    svg_stack(p->b, &chart);
    buf_adds(p->b, "<ul class=\"key\"><li><span class=\"swatch\"></span>idle power</li><li><span "
                   "class=\"swatch half\"></span>net: what the work added</li>");
    if (has_unknown)
        buf_adds(p->b, "<li><span class=\"swatch light\"></span>both together: idle power was not "
                       "measured</li>");
    buf_adds(p->b, "</ul>");
    html_figure(p, arena_printf(p->a,
                                "Joules per token, %s: what the machine takes for doing nothing so "
                                "long, and what the work added.%s",
                                view_source_names[s],
                                has_negative ? " An upright mark beyond a bar: idle power alone "
                                               "would have taken that much, so the difference is "
                                               "noise."
                                             : ""));
}

static void table(struct page *p, enum view_source s)
{
    static const char *const heads[] = {"variant",  "measured on",       "#J/token",
                                        "#net",     "#J/correct answer", "#net",
                                        "#seconds", "why not",           NULL};
    buf_printf(p->b,
               "<div class=\"scroll\"><table class=\"sortable tight\"><caption>Energy in joules "
               "<small class=\"source\">%s</small></caption>",
               view_source_names[s]);
    html_heads(p, heads);
    buf_adds(p->b, "<tbody>");
    for (size_t i = 0; i < p->c->n_rows; i++) {
        const struct compare_row *r = &p->c->rows[i];
        const struct compare_energy *k = &r->per_token[s], *q = &r->per_answer[s];
        if (html_is_failed(r))
            continue;
        double seconds = (double)(k->ns + q->ns) * 1e-9;
        const char *why = k->reason ? k->reason : q->reason;
        buf_adds(p->b, "<tr>");
        html_variant_head(p, i, false);
        buf_adds(p->b, "<td>");
        if (!isnan(k->gross.v))
            html_text(p->b, (r->decode ? r->decode : r->prefill)->job->name);
        buf_adds(p->b, "</td>");
        figure(p, k->gross, k->gross_error);
        figure(p, k->net, k->net_error);
        figure(p, q->gross, q->gross_error);
        figure(p, q->net, q->net_error);
        html_cell(p, seconds > 0 ? seconds : NAN, fmt_sig(seconds > 0 ? seconds : NAN, 3));
        buf_adds(p->b, "<td class=\"reason\">");
        html_text(p->b, why ? why : "");
        buf_adds(p->b, "</td></tr>\n");
    }
    buf_adds(p->b, "</tbody></table></div>");
}

static void idle_note(struct page *p, enum view_source s)
{
    const struct view_set *set = p->c->set;
    buf_printf(p->b, "<p class=\"note\">Idle power, %s: ", view_source_names[s]);
    for (size_t i = 0; i < set->n_runs; i++) {
        double error, watts = energy_idle(&set->runs[i].idle[s], &error);
        const char *why = set->runs[i].idle[s].reason;
        buf_adds(p->b, i ? "; " : "");
        if (set->n_runs > 1) {
            html_text(p->b, html_run_label(p, i));
            buf_adds(p->b, " ");
        }
        if (isnan(watts))
            html_text(p->b, why ? why : "not recorded");
        else
            buf_printf(p->b, "%s W%s%s over %s s before the first model was opened",
                       fmt_sig(watts, 3).s, isnan(error) ? "" : " \xc2\xb1",
                       isnan(error) ? "" : fmt_sig(error, 2).s,
                       fmt_short((double)set->runs[i].idle[s].ns * 1e-9, 3).s);
    }
    buf_adds(p->b, ".</p>");
}

void html_energy(struct page *p)
{
    const char *missing = energy_missing(p->c, p->a);
    if (!html_has_energy(p))
        return;
    html_begin(p, "energy", "Energy", NULL);
    if (missing) {
        buf_adds(p->b, "<p>");
        html_text(p->b, missing);
        buf_adds(p->b, ".</p>");
    }
    bool is_any = false;
    for (int s = 0; s < VIEW_SOURCES; s++) {
        if (!has_any(p->c, (enum view_source)s))
            continue;
        is_any = true;
        bars(p, (enum view_source)s);
        table(p, (enum view_source)s);
        idle_note(p, (enum view_source)s);
    }
    if (is_any)
        buf_printf(
            p->b,
            "<p class=\"note\">Counters of the processor package, and of its memory apart; whatever "
            "else ran then is in them. Per token: the counted repetitions of the scenario, of a "
            "decode with the evaluation of its prompt; the median of its rounds with the %s "
            "interval of their ranks, or \xc2\xb1 how far the meter can be off: a millisecond at "
            "each edge of a measurement, and in net the uncertainty of the idle power. ~ marks "
            "figures that it alone can shift by 3&nbsp;%% or more. Per correct answer: asking, "
            "answering and scoring all items of the tasks that are right or wrong. Net: idle power "
            "for as long is taken off; below zero is noise, and shown as measured.</p>",
            html_level(p));
    html_end(p);
}
