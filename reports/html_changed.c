/* html_changed.c - what is different from the night before: new, confirmed, recovered, known.
 *
 * The rows are the gate's (nights.h); what is as before is a number, not a row. */
#include <math.h>
#include <string.h>
#include "reports/html_impl.h"

enum { MAX_CHANGES = 60 };

static const char *verdict_class(const char *verdict)
{
    static const char *const words[][2] = {{"pass", "pass"},
                                           {"improvement", "pass"},
                                           {"regression", "fail"},
                                           {"failed", "fail"},
                                           {"inconclusive", "inconclusive"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(verdict, words[i][0]) == 0)
            return words[i][1];
    return "incomparable";
}

static const char *state_words(const struct gate_row *r)
{
    switch (r->state) {
    case GATE_FIXED:
        return r->is_improvement ? "gone again" : "recovered";
    case GATE_CONFIRMED:
        return r->is_improvement ? "better" : "worse";
    case GATE_SUSPECT:
        return r->is_improvement ? "perhaps better" : "suspect";
    case GATE_EXPECTED:
        return "accepted";
    case GATE_MISSING:
        return "not measured";
    default:
        return gate_state_name(r->state);
    }
}

static const char *state_class(const struct gate_row *r)
{
    switch (r->state) {
    case GATE_FIXED:
        return r->is_improvement ? "base" : "pass";
    case GATE_CONFIRMED:
        return r->is_improvement ? "pass" : "fail";
    case GATE_MISSING:
        return "fail";
    case GATE_SUSPECT:
    case GATE_UNDECIDED:
        return "inconclusive";
    default:
        return "base";
    }
}

static void series_head(struct page *p, const struct gate_row *r)
{
    buf_adds(p->b, "<th scope=\"row\">");
    if (r->key.variant && *r->key.variant) {
        buf_printf(p->b, "<span class=\"swatch c%d\"></span>", html_name_color(p, r->key.variant));
        html_text(p->b, r->key.variant);
        buf_adds(p->b, "<small>");
        html_text(p->b, r->key.metric);
        if (r->key.task && *r->key.task) {
            buf_adds(p->b, ", ");
            html_name(p, r->key.task);
        }
        buf_adds(p->b, "</small></th>");
        return;
    }
    html_name(p, r->name);
    buf_adds(p->b, "</th>");
}

static void effect_cell(struct page *p, const struct nights_change *x)
{
    bool is_points = x->row->key.kind == HISTORY_ACCURACY;
    if (isnan(x->effect.v)) {
        html_cell(p, NAN, fmt_sig(NAN, 2));
        return;
    }
    bool is_bad = !x->row->is_improvement && x->row->state != GATE_FIXED;
    buf_printf(p->b, "<td class=\"n\" data-v=\"%.9g\"><span class=\"%s\">", 100 * x->effect.v,
               is_bad ? "lost-n" : "won-n");
    html_num(p, is_points ? fmt_pp(x->effect.v).s : fmt_signed(100 * x->effect.v, 3).s);
    buf_printf(p->b, "</span> %s", is_points ? "pp" : "%");
    if (!isnan(x->effect.lo) && !isnan(x->effect.hi)) {
        buf_adds(p->b, "<small>");
        html_num(p, is_points ? fmt_pp(x->effect.lo).s : fmt_signed(100 * x->effect.lo, 2).s);
        buf_adds(p->b, " \xe2\x80\xa6 ");
        html_num(p, is_points ? fmt_pp(x->effect.hi).s : fmt_signed(100 * x->effect.hi, 2).s);
        buf_adds(p->b, "</small>");
    }
    buf_adds(p->b, "</td>");
}

/* "401 -> 382 tokens/s". */
static void levels_cell(struct page *p, const struct gate_row *r)
{
    bool is_share = r->key.kind == HISTORY_ACCURACY && r->before <= 1 && r->after <= 1;
    if (!isfinite(r->before) || !isfinite(r->after)) {
        html_cell(p, NAN, fmt_sig(NAN, 2));
        return;
    }
    buf_adds(p->b, "<td class=\"n\">");
    html_num(p, is_share ? fmt_pct(r->before).s : fmt_sig(r->before, 4).s);
    buf_adds(p->b, " \xe2\x86\x92 ");
    html_num(p, is_share ? fmt_pct(r->after).s : fmt_sig(r->after, 4).s);
    if (is_share || (r->key.unit && *r->key.unit)) {
        buf_adds(p->b, "<small>");
        html_text(p->b, is_share ? "%" : r->key.unit);
        buf_adds(p->b, "</small>");
    }
    buf_adds(p->b, "</td>");
}

static void since_cell(struct page *p, const struct nights_change *x)
{
    if (x->from_ns <= 0) {
        buf_adds(p->b, "<td class=\"none\">\xe2\x80\x93</td>");
        return;
    }
    struct fmt from = fmt_time(x->from_ns), to = fmt_time(x->to_ns);
    buf_printf(p->b, "<td class=\"one\" data-v=\"%.9g\">%.10s", (double)x->to_ns, from.s);
    if (strncmp(from.s, to.s, 10) != 0) /* the year once */
        buf_printf(p->b, " \xe2\x80\xa6 %.*s", strncmp(from.s, to.s, 5) ? 10 : 5,
                   to.s + (strncmp(from.s, to.s, 5) ? 0 : 5));
    if (x->from_uid) {
        size_t n = strlen(x->from_uid);
        buf_adds(p->b, "<small>run \xe2\x80\xa6");
        html_text(p->b, x->from_uid + (n > 6 ? n - 6 : 0));
        buf_adds(p->b, "</small>");
    }
    buf_adds(p->b, "</td>");
}

static void change_row(struct page *p, const struct nights *n, const struct nights_change *x)
{
    const struct gate_row *r = x->row;
    buf_adds(p->b, "<tr>");
    series_head(p, r);
    buf_printf(p->b, "<td data-v=\"%d\"><span class=\"v %s\">%s</span>%s</td>", (int)r->state,
               state_class(r), state_words(r), x->is_new ? " <small>new</small>" : "");
    effect_cell(p, x);
    levels_cell(p, r);
    since_cell(p, x);
    buf_adds(p->b, "<td>");
    html_text(p->b, r->tag ? r->tag : "\xe2\x80\x93");
    buf_adds(p->b, "</td><td class=\"host\">");
    html_text(p->b, n->run->machine);
    buf_adds(p->b, "</td><td class=\"reason\">");
    html_text(p->b, r->reason ? r->reason : "");
    buf_adds(p->b, "</td></tr>\n");
}

static void changes_table(struct page *p, const struct nights *n)
{
    static const char *const heads[] = {"series", "state", "#effect", "#level", "since",
                                        "cause",  "host",  "why",     NULL};
    buf_adds(p->b, "<div class=\"scroll\"><table class=\"sortable changed\"><caption "
                   "class=\"hide\">What is not as it was the night before</caption>");
    html_heads(p, heads);
    buf_adds(p->b, "<tbody>");
    for (size_t i = 0; i < n->n_changes && i < MAX_CHANGES; i++)
        change_row(p, n, &n->changes[i]);
    buf_adds(p->b, "</tbody></table></div>");
    if (n->n_changes > MAX_CHANGES)
        buf_printf(p->b,
                   "<p class=\"note\">The %d worst of %zu are shown; <code>assay gate "
                   "--no-run</code> lists all.</p>",
                   (int)MAX_CHANGES, n->n_changes);
}

static void as_before(struct page *p, const struct nights *n)
{
    const struct gate_night *g = &n->gate;
    buf_adds(p->b, "<p class=\"note\">");
    if (g->n[GATE_OK])
        buf_printf(p->b, "%s as before. ", fmt_things(g->n[GATE_OK], "measurement").s);
    if (g->n[GATE_NO_BASELINE])
        buf_printf(p->b, "%s too few nights to be judged yet. ",
                   g->n[GATE_NO_BASELINE] == 1
                       ? "1 measurement has"
                       : arena_printf(p->a, "%s have",
                                      fmt_things(g->n[GATE_NO_BASELINE], "measurement").s));
    if (g->n_gone)
        buf_printf(p->b, "%s of the night before did not come back. ",
                   fmt_things(g->n_gone, "measurement").s);
    if (g->canary) {
        buf_adds(p->b, "Canaries: ");
        html_text(p->b, g->canary);
        buf_adds(p->b, ". ");
    }
    if (!isnan(g->floor))
        buf_printf(p->b, "Noise floor, the same program against itself: %s&nbsp;%% (%s). ",
                   fmt_sig(100 * g->floor, 2).s, fmt_things(g->n_floor, "block").s);
    buf_adds(p->b, n->is_stored ? "The verdict is the one <code>assay gate</code> gave that night."
                                : "Judged here, by default rules: <code>assay gate</code> was not "
                                  "asked about this run.");
    buf_adds(p->b, "</p>");
}

static void write_night(struct page *p, const struct nights *n)
{
    buf_printf(p->b, "<p class=\"night\"><span class=\"v %s\">", verdict_class(n->verdict));
    html_text(p->b, n->verdict);
    buf_adds(p->b, "</span> ");
    html_text(p->b, n->headline);
    buf_adds(p->b, " <small>");
    html_text(p->b, n->run->machine);
    buf_printf(p->b, ", %s; the run before: %s</small></p>\n", fmt_time(n->run->started_ns).s,
               fmt_time(n->last->started_ns).s);
    if (n->n_changes)
        changes_table(p, n);
    as_before(p, n);
}

void html_changed(struct page *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_nights; i++)
        n += p->nights[i].is_judged;
    if (n == 0)
        return;
    html_begin(p, "changed", "What changed since last night",
               "Speed, memory and perplexity against the nights before on the same class of "
               "machine, accuracy item by item against the last good run. Cause: <em>environment"
               "</em> when program, model and settings were the same or a canary moved too, "
               "<em>dataset</em> or <em>config</em> when its hash changed at the same time.");
    for (size_t i = 0; i < p->n_nights; i++)
        if (p->nights[i].is_judged)
            write_night(p, &p->nights[i]);
    html_end(p);
}
