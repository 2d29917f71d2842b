/* html_history.c - the nights before: a chart per measurement, the canaries under it, and every
 * series as a sparkline.
 *
 * Colours are the variants' as everywhere; a line through the panels is where model, data or
 * configuration changed, and nothing is compared across it. */
#include <math.h>
#include <string.h>
#include "reports/html_impl.h"

enum {
    MAX_CHARTS = 24,
    OPEN_CHARTS = 2,
    MAX_HOVERS = 2400, /* of one machine: newest nights first */
    MAX_CELLS = 150, /* about 1 KB each */
    FEW_TASKS = 4
};

struct chart { /* one metric of one task or scenario, all variants */
    const char *metric, *task;
    const struct history_series **series;
    size_t n, n_changes;
    enum history_kind kind;
};
struct story { /* one class of machine */
    struct page *p;
    const struct nights *n;
    const struct history_series **canaries;
    size_t n_canaries;
    struct chart charts[MAX_CHARTS];
    size_t n_charts;
    size_t from; /* nights before this have no values to hover */
    const char *const *dates;
};

/* -- words ------------------------------------------------------------------------------------- */

int html_name_color(const struct page *p, const char *variant)
{
    size_t n = p->c->n_rows;
    for (size_t i = 0; i < n; i++)
        if (strcmp(p->c->rows[i].variant->name, variant) == 0)
            return html_color(p, i);
    size_t k = n; /* not compared here: the next colour, by its letters */
    for (const char *s = variant; *s; s++)
        k += (unsigned char)*s;
    return 1 + (int)(k % (SVG_COLORS - 1));
}

static const char *with_unit(struct page *p, const struct history_series *s, double v)
{
    if (s->kind == HISTORY_ACCURACY && v >= 0 && v <= 1)
        return arena_printf(p->a, "%s %%", fmt_pct(v).s);
    return arena_printf(p->a, "%s%s%s", fmt_sig(v, 4).s, *s->unit ? " " : "", s->unit);
}

static const char *starts_words(uint32_t starts)
{
    static const char *const words[] = {
        "",       "model",         "dataset",         "model, dataset",
        "config", "model, config", "dataset, config", "model, dataset, config"};
    return words[starts & HISTORY_ALL];
}

/* "02-11"; within two days "14:05". */
static const char *const *dates_of(struct page *p, const struct view_set *set)
{
    const char **d = ARENA_ARRAY(p->a, const char *, set->n_runs + 1);
    int64_t span = set->runs[set->n_runs - 1].started_ns - set->runs[0].started_ns;
    bool is_short = span < 2 * (int64_t)86400 * 1000000000;
    for (size_t i = 0; i < set->n_runs; i++)
        d[i] = arena_printf(p->a, "%.*s",
                            is_short ? 5
                            : i == 0 ? 10
                                     : 5,
                            fmt_time(set->runs[i].started_ns).s + (is_short ? 11
                                                                   : i == 0 ? 0
                                                                            : 5));
    return d;
}

/* -- series as panels -------------------------------------------------------------------------- */

static bool is_bad(const struct history_series *s, const struct change_point *c)
{
    return s->higher_is_better ? c->after < c->before : c->after > c->before;
}

static const struct svg_step *steps_of(struct story *t, const struct history_series *s)
{
    struct page *p = t->p;
    struct svg_step *out = ARENA_ARRAY(p->a, struct svg_step, s->n_changes + 1);
    for (size_t i = 0; i < s->n_changes; i++) {
        const struct change_point *c = &s->changes[i];
        const struct view_run *runs = t->n->history.set->runs;
        out[i] = (struct svg_step){
            c->at,
            c->lo,
            c->hi,
            c->before,
            c->after,
            is_bad(s, c),
            arena_printf(p->a, "%s: %s %% from %s to %s (p %s), between %.10s and %.10s",
                         s->variant, fmt_signed(100 * (c->after / c->before - 1), 3).s,
                         with_unit(p, s, c->before), with_unit(p, s, c->after), fmt_p(c->p).s,
                         fmt_time(runs[s->points[c->lo ? c->lo - 1 : 0].run].started_ns).s,
                         fmt_time(runs[s->points[c->hi].run].started_ns).s)};
    }
    return out;
}

static struct svg_panel panel_of(struct story *t, const struct history_series *s, bool has_hovers)
{
    struct page *p = t->p;
    size_t *x = ARENA_ARRAY(p->a, size_t, s->n);
    double *v = ARENA_ARRAY(p->a, double, s->n);
    uint8_t *flags = ARENA_ARRAY(p->a, uint8_t, s->n);
    const char **hover = ARENA_ARRAY(p->a, const char *, s->n);
    for (size_t i = 0; i < s->n; i++) {
        const struct history_point *q = &s->points[i];
        x[i] = q->run;
        v[i] = q->value;
        flags[i] = (q->is_dirty ? SVG_DIRTY : 0) | (q->starts ? SVG_STARTS : 0);
        if (has_hovers && q->run >= t->from)
            hover[i] = arena_printf(p->a, "%s: %s%s%s%s%s",
                                    fmt_time(t->n->history.set->runs[q->run].started_ns).s,
                                    with_unit(p, s, q->value), q->is_dirty ? ", disturbed" : "",
                                    q->starts ? ", new " : "", starts_words(q->starts), "");
    }
    bool is_canary = s->kind == HISTORY_CANARY;
    return (struct svg_panel){.name = is_canary ? s->task : s->variant,
                              .value = with_unit(p, s, v[s->n - 1]),
                              .color = is_canary ? 0 : html_name_color(p, s->variant),
                              .x = x,
                              .v = v,
                              .flags = flags,
                              .hover = has_hovers ? hover : NULL,
                              .n = s->n,
                              .steps = steps_of(t, s),
                              .n_steps = s->n_changes,
                              .is_strip = is_canary};
}

/* Nights on which any series of the chart begins a new segment, once each. */
static size_t events_of(const struct chart *c, struct svg_event *out)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 1; k < c->series[i]->n; k++) {
            const struct history_point *q = &c->series[i]->points[k];
            size_t at = 0;
            while (at < n && out[at].x < q->run)
                at++;
            if (!q->starts || (at < n && out[at].x == q->run))
                continue;
            memmove(out + at + 1, out + at, (n - at) * sizeof *out);
            out[at] = (struct svg_event){q->run, starts_words(q->starts)};
            n++;
        }
    return n;
}

/* -- charts ------------------------------------------------------------------------------------ */

static const char *chart_title(struct page *p, const struct chart *c)
{
    static const char *const words[][2] = {{"decode", "Decode rate"},
                                           {"prefill", "Prefill rate"},
                                           {"ttft", "Time to first token"},
                                           {"memory", "Peak memory"}};
    const char *name = c->metric;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(c->metric, words[i][0]) == 0)
            name = words[i][1];
    return *c->task ? arena_printf(p->a, "%s, %s", name, c->task) : name;
}

static void write_chart(struct story *t, const struct chart *c)
{
    struct page *p = t->p;
    size_t n = 0, n_runs = t->n->history.set->n_runs;
    struct svg_panel *panels = ARENA_ARRAY(p->a, struct svg_panel, c->n + t->n_canaries + 1);
    struct svg_event *events = ARENA_ARRAY(p->a, struct svg_event, n_runs + 1);
    bool is_measured = c->kind == HISTORY_SPEED;
    for (size_t i = 0; i < c->n; i++)
        panels[n++] = panel_of(t, c->series[i], true);
    for (size_t i = 0; i < t->n_canaries && is_measured; i++)
        panels[n++] = panel_of(t, t->canaries[i], true);
    const struct svg_nights chart = {
        .label = arena_printf(p->a, "%s over %zu nights", chart_title(p, c), n_runs),
        .dates = t->dates,
        .n = n_runs,
        .panels = panels,
        .n_panels = n,
        .events = events,
        .n_events = events_of(c, events)};
    buf_adds(p->b, "<div class=\"scroll\">");
    svg_nights(p->b, &chart);
    buf_adds(p->b, "</div>");
}

static void write_charts(struct story *t)
{
    struct page *p = t->p;
    for (size_t i = 0; i < t->n_charts; i++) {
        const struct chart *c = &t->charts[i];
        buf_printf(p->b, "<details class=\"forest\"%s><summary>",
                   i == 0 || (i < OPEN_CHARTS && c->n_changes) ? " open" : "");
        html_text(p->b, chart_title(p, c));
        buf_adds(p->b, " <span class=\"sum\">");
        html_text(p->b, fmt_things(c->n, "variant").s);
        if (c->n_changes) {
            buf_adds(p->b, ", ");
            html_text(p->b, fmt_things(c->n_changes, "change of level").s);
        }
        buf_adds(p->b, "</span></summary>");
        write_chart(t, c);
        buf_adds(p->b, "</details>\n");
    }
    buf_adds(
        p->b,
        "<p class=\"note\">A dot is one night, hollow when others used the machine; the heavy line "
        "is the median of a level. A red or blue upright marks a change of level that a "
        "permutation "
        "test confirms (p \xe2\x89\xa4 0.01), with the nights between which it began. "
        "A dashed upright is where model, data set or configuration changed: nothing is compared "
        "across it. Each panel has its own scale.");
    if (t->n_canaries)
        buf_adds(p->b, " Below the rates: canaries, fixed work that never changes. When they move "
                       "too, it was the machine.");
    buf_adds(p->b, "</p>");
}

/* -- sorting series into charts ---------------------------------------------------------------- */

/* Tasks with a series of their first metric: as many as its first variant has. */
static size_t n_main_tasks(const struct history *h)
{
    const char *variant = NULL;
    size_t n = 0;
    for (size_t i = 0; i < h->n_series; i++) {
        const struct history_series *s = &h->series[i];
        if (!s->is_main || (variant && strcmp(s->variant, variant) != 0))
            continue;
        variant = s->variant;
        n++;
    }
    return n;
}

static bool is_group(const struct history_series *s)
{
    return s->kind == HISTORY_ACCURACY && s->n && !s->points[0].job;
}

/* Charts are for what there is little of; the wall has everything. */
static bool has_chart(const struct history_series *s, size_t n_tasks)
{
    bool is_quality = s->kind == HISTORY_ACCURACY || s->kind == HISTORY_PERPLEXITY;
    if (s->n < 2 || s->kind == HISTORY_CANARY)
        return false;
    return !is_quality || is_group(s) || s->n_changes || (s->is_main && n_tasks <= FEW_TASKS);
}

static void sort_series(struct story *t)
{
    const struct history *h = &t->n->history;
    size_t n_tasks = n_main_tasks(h);
    for (size_t i = 0; i < h->n_series; i++) {
        const struct history_series *s = &h->series[i];
        size_t k = 0;
        if (s->kind == HISTORY_CANARY && s->n > 1)
            t->canaries[t->n_canaries++] = s;
        if (!has_chart(s, n_tasks))
            continue;
        while (k < t->n_charts && (strcmp(t->charts[k].metric, s->metric) != 0 ||
                                   strcmp(t->charts[k].task, s->task) != 0))
            k++;
        if (k == MAX_CHARTS)
            continue;
        struct chart *c = &t->charts[k];
        if (k == t->n_charts) {
            *c = (struct chart){.metric = s->metric, .task = s->task, .kind = s->kind};
            c->series = ARENA_ARRAY(t->p->a, const struct history_series *, h->n_series);
            t->n_charts++;
        }
        c->series[c->n++] = s;
        c->n_changes += s->n_changes;
    }
    for (size_t i = 1; i < t->n_charts; i++) { /* changes first, decode before the others */
        struct chart c = t->charts[i];
        size_t k = i;
        for (; k > 0; k--) {
            const struct chart *x = &t->charts[k - 1];
            int mine = (c.n_changes > 0) * 2 + (strcmp(c.metric, "decode") == 0);
            int its = (x->n_changes > 0) * 2 + (strcmp(x->metric, "decode") == 0);
            if (its >= mine)
                break;
            t->charts[k] = *x;
        }
        t->charts[k] = c;
    }
    size_t n_panels = t->n_canaries * t->n_charts;
    for (size_t i = 0; i < t->n_charts; i++)
        n_panels += t->charts[i].n;
    size_t n_runs = h->set->n_runs, room = n_panels ? MAX_HOVERS / n_panels : n_runs;
    t->from = n_runs > room ? n_runs - room : 0;
}

/* -- the wall ---------------------------------------------------------------------------------- */

struct wall {
    const char **names; /* of variants: columns */
    size_t n_names, n_cells;
};

static bool is_on_wall(const struct history_series *s)
{
    bool is_quality = s->kind == HISTORY_ACCURACY || s->kind == HISTORY_PERPLEXITY;
    return s->n > 1 && *s->variant && (!is_quality || s->is_main || is_group(s));
}

static void wall_cell(struct story *t, const struct history_series *s)
{
    struct page *p = t->p;
    const struct svg_panel panel = panel_of(t, s, false);
    const struct change_point *c = s->n_changes ? &s->changes[s->n_changes - 1] : NULL;
    double v = s->points[s->n - 1].value;
    bool is_now = c && c->at > s->first;
    buf_printf(p->b, "<td class=\"n\" data-v=\"%.9g\">", v);
    svg_spark(
        p->b, &panel,
        arena_printf(p->a, "%s: %zu nights, %s now%s", history_name(s, p->a), s->n, panel.value,
                     c ? arena_printf(p->a, "; %s", panel.steps[s->n_changes - 1].hover) : ""));
    html_text(p->b,
              s->kind == HISTORY_ACCURACY && v >= 0 && v <= 1 ? fmt_pct(v).s : fmt_sig(v, 4).s);
    if (is_now) {
        double effect = c->after / c->before - 1;
        buf_printf(p->b, "<small class=\"%s\">", is_bad(s, c) ? "lost-n" : "won-n");
        html_num(p, fmt_signed(100 * effect, 2).s);
        buf_adds(p->b, " %</small>");
    }
    buf_adds(p->b, "</td>");
}

/* One row: the metric of a task, its series under their variants' names. */
static void wall_row(struct story *t, struct wall *w, size_t first)
{
    struct page *p = t->p;
    const struct history *h = &t->n->history;
    const struct history_series *s = &h->series[first];
    buf_adds(p->b, "<tr><th scope=\"row\">");
    html_name(p, *s->task ? s->task : s->metric);
    const char *unit =
        s->kind == HISTORY_ACCURACY && s->points[s->n - 1].value <= 1 ? "%" : s->unit;
    if (*s->task || *unit) {
        buf_adds(p->b, "<small>");
        html_text(p->b, *s->task ? s->metric : "");
        html_text(p->b, *s->task && *unit ? ", " : "");
        html_text(p->b, unit);
        buf_adds(p->b, "</small>");
    }
    buf_adds(p->b, "</th>");
    for (size_t k = 0; k < w->n_names; k++) {
        size_t i = first;
        while (i < h->n_series && !(strcmp(h->series[i].metric, s->metric) == 0 &&
                                    strcmp(h->series[i].task, s->task) == 0 &&
                                    strcmp(h->series[i].variant, w->names[k]) == 0))
            i++;
        if (i < h->n_series && h->series[i].n > 1 && w->n_cells < MAX_CELLS) {
            wall_cell(t, &h->series[i]);
            w->n_cells++;
        } else {
            buf_adds(p->b, "<td class=\"n none\">\xe2\x80\x93</td>");
        }
    }
    buf_adds(p->b, "</tr>\n");
}

/* Whether an earlier series stands in the same row. */
static bool is_in_row_before(const struct history *h, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(h->series[k].metric, h->series[i].metric) == 0 &&
            strcmp(h->series[k].task, h->series[i].task) == 0 && is_on_wall(&h->series[k]))
            return true;
    return false;
}

static void wall_columns(struct story *t, struct wall *w)
{
    const struct history *h = &t->n->history;
    struct page *p = t->p;
    w->names = ARENA_ARRAY(p->a, const char *, h->n_series + 1);
    for (size_t i = 0; i < h->n_series; i++) {
        size_t k = 0;
        while (k < w->n_names && strcmp(w->names[k], h->series[i].variant) != 0)
            k++;
        if (k == w->n_names && is_on_wall(&h->series[i]))
            w->names[w->n_names++] = h->series[i].variant;
    }
    buf_adds(p->b, "<thead><tr><th scope=\"col\">series</th>");
    for (size_t k = 0; k < w->n_names; k++) {
        buf_printf(p->b, "<th scope=\"col\" class=\"n\"><span class=\"swatch c%d\"></span>",
                   html_name_color(p, w->names[k]));
        html_text(p->b, w->names[k]);
        buf_adds(p->b, "</th>");
    }
    buf_adds(p->b, "</tr></thead>\n<tbody>");
}

static void write_wall(struct story *t)
{
    static const enum history_kind order[] = {HISTORY_SPEED, HISTORY_MEMORY, HISTORY_PERPLEXITY,
                                              HISTORY_ACCURACY};
    const struct history *h = &t->n->history;
    struct wall w = {0};
    buf_adds(t->p->b, "<h3>Every series</h3><div class=\"scroll tall\"><table class=\"tight wall\">"
                      "<caption class=\"hide\">Every series of this machine, newest value and "
                      "course</caption>");
    wall_columns(t, &w);
    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        for (size_t i = 0; i < h->n_series; i++)
            if (h->series[i].kind == order[k] && is_on_wall(&h->series[i]) &&
                w.n_cells < MAX_CELLS && !is_in_row_before(h, i))
                wall_row(t, &w, i);
    buf_adds(t->p->b, "</tbody></table></div><p class=\"note\">The newest value and the newest 60 "
                      "nights of every series, each on its own scale. Below it: the newest change "
                      "of level of this segment.");
    if (w.n_cells >= MAX_CELLS)
        buf_printf(t->p->b, " The first %d series are shown; <code>assay history</code> has all.",
                   (int)MAX_CELLS);
    buf_adds(t->p->b, "</p>");
}

/* -- the section ------------------------------------------------------------------------------- */

static void write_machine(struct page *p, const struct nights *n, bool is_named)
{
    const struct view_set *set = n->history.set;
    struct story *t = ARENA_NEW(p->a, struct story);
    *t = (struct story){.p = p, .n = n};
    t->canaries = ARENA_ARRAY(p->a, const struct history_series *, n->history.n_series + 1);
    t->dates = dates_of(p, set);
    sort_series(t);
    if (is_named) {
        buf_adds(p->b, "<h3>");
        html_text(p->b, n->run->machine);
        buf_adds(p->b, " <span class=\"sum\">class ");
        html_text(p->b, arena_printf(p->a, "%.8s, %s", n->run->machine_class,
                                     fmt_things(set->n_runs, "run").s));
        buf_adds(p->b, "</span></h3>");
    }
    write_charts(t);
    write_wall(t);
}

void html_history(struct page *p)
{
    if (p->n_nights == 0)
        return;
    html_begin(p, "history", "History",
               "What every run on the same class of machine measured, oldest first.");
    for (size_t i = 0; i < p->n_nights; i++)
        write_machine(p, &p->nights[i], p->n_nights > 1);
    html_end(p);
}
