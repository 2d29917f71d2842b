/* svg_nights.c - series over nights: panels on one axis of nights, and sparklines.
 *
 * Every panel has its own scale, at least 4 % of its level high, so that noise looks like noise. */
#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "reports/fmt.h"
#include "reports/svg_impl.h"

enum {
    WIDTH = 760,
    LEFT = 118,
    RIGHT = 92,
    PANEL = 64,
    LOW_PANEL = 46,
    MANY = 8, /* panels that are drawn high */
    STRIP = 34,
    GAP = 12,
    EVENT_ROW = 15,
    AXIS = 24,
    SPARK_W = 104,
    SPARK_H = 26,
    SPARK_NIGHTS = 60
};

struct drawing {
    struct buf *b;
    const struct svg_nights *c;
    struct svg_scale x;
};

static int height_of(const struct svg_nights *c, const struct svg_panel *p)
{
    return p->is_strip ? STRIP : c->n_panels > MANY ? LOW_PANEL : PANEL;
}

static double x_of(const struct drawing *d, size_t night)
{
    return svg_at(&d->x, (double)night);
}

/* The values' range around a level, never less than `share` of it. */
static struct svg_scale panel_scale(const struct svg_panel *p, size_t from, double top, double foot,
                                    double share)
{
    double lo = INFINITY, hi = -INFINITY;
    for (size_t i = from; i < p->n; i++) {
        lo = fmin(lo, p->v[i]);
        hi = fmax(hi, p->v[i]);
    }
    if (!(hi >= lo))
        lo = 0, hi = 1;
    double mid = 0.5 * (lo + hi), half = 0.56 * (hi - lo), least = 0.5 * share * fabs(mid);
    half = half > least ? half : least > 0 ? least : 0.5;
    return (struct svg_scale){mid - half, mid + half, foot, top, false};
}

/* -- parts of a panel -------------------------------------------------------------------------- */

static bool is_step(const struct svg_panel *p, size_t i)
{
    for (size_t k = 0; k < p->n_steps; k++)
        if (p->steps[k].at == i)
            return true;
    return false;
}

/* Medians are drawn as levels: from one step or segment to the next. */
static double level_of(const struct svg_panel *p, size_t from, size_t to, struct arena *a)
{
    double *v = ARENA_ARRAY(a, double, to - from);
    size_t n = 0;
    for (size_t i = from; i < to; i++) { /* insertion: a hundred nights at most */
        double x = p->v[i];
        size_t k = n;
        if (p->flags[i] & SVG_DIRTY)
            continue;
        for (; k > 0 && v[k - 1] > x; k--)
            v[k] = v[k - 1];
        v[k] = x;
        n++;
    }
    return n == 0 ? NAN : n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

static void draw_levels(const struct drawing *d, const struct svg_panel *p,
                        const struct svg_scale *y)
{
    struct arena a = {0};
    buf_adds(d->b, "<path class=\"level\" d=\"");
    for (size_t from = 0, to; from < p->n; from = to) {
        for (to = from + 1; to < p->n && !(p->flags[to] & SVG_STARTS) && !is_step(p, to);)
            to++;
        double v = level_of(p, from, to, &a);
        if (!isnan(v) && to - from > 1)
            buf_printf(d->b, "M%.1f %.1fH%.1f", x_of(d, p->x[from]), svg_at(y, v),
                       x_of(d, p->x[to - 1]));
        arena_reset(&a);
    }
    buf_adds(d->b, "\"/>");
    arena_release(&a);
}

/* Dots: round ends of lines of no length, so that a night costs eight bytes. */
static void draw_dots(const struct drawing *d, const struct svg_panel *p, const struct svg_scale *y,
                      bool is_dirty)
{
    buf_printf(d->b, "<path class=\"%s\" d=\"", is_dirty ? "dots off" : "dots");
    for (size_t i = 0; i < p->n; i++)
        if (((p->flags[i] & SVG_DIRTY) != 0) == is_dirty)
            buf_printf(d->b, "M%.1f %.1fh0", x_of(d, p->x[i]), svg_at(y, p->v[i]));
    buf_adds(d->b, "\"/>");
}

/* The step through the nights, broken where a new segment begins. */
static void draw_steps(const struct drawing *d, const struct svg_panel *p,
                       const struct svg_scale *y)
{
    buf_adds(d->b, "<path class=\"trace\" d=\"");
    for (size_t i = 0; i < p->n; i++) {
        double x = x_of(d, p->x[i]), v = svg_at(y, p->v[i]);
        if (i == 0 || p->flags[i] & SVG_STARTS)
            buf_printf(d->b, "M%.1f %.1f", x, v);
        else
            buf_printf(d->b, "H%.1fV%.1f", 0.5 * (x + x_of(d, p->x[i - 1])), v);
        if (i + 1 == p->n || p->flags[i + 1] & SVG_STARTS)
            buf_printf(d->b, "H%.1f", x);
    }
    buf_adds(d->b, "\"/>");
}

static void draw_change(const struct drawing *d, const struct svg_panel *p,
                        const struct svg_step *s, double top, double *last)
{
    double x = 0.5 * (x_of(d, p->x[s->at]) + x_of(d, p->x[s->at ? s->at - 1 : 0]));
    double a = x_of(d, p->x[s->lo ? s->lo - 1 : 0]), z = x_of(d, p->x[s->hi]);
    double foot = top + height_of(d->c, p);
    struct buf t;
    buf_printf(d->b, "<g class=\"change %s\">", s->is_worse ? "worse" : "better");
    svg_title(d->b, s->hover);
    buf_printf(d->b, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", a, top,
               z - a > 1 ? z - a : 1, foot - top);
    svg_line(d->b, "at", x, top, x, foot);
    buf_adds(d->b, "</g>");
    if (p->is_strip || x - *last < 52)
        return;
    buf_init(&t, 64);
    double effect = 100 * (s->after / s->before - 1);
    buf_printf(&t, "%s%s %%", effect < 0 ? "\xe2\x88\x92" : "+", fmt_short(fabs(effect), 2).s);
    bool is_left = x > WIDTH - RIGHT - 50;
    svg_text(d->b, x + (is_left ? -4 : 4), top + 10,
             s->is_worse ? (is_left ? "effect lost-t end" : "effect lost-t")
                         : (is_left ? "effect won-t end" : "effect won-t"),
             t.v);
    buf_release(&t);
    *last = x;
}

static void draw_hovers(const struct drawing *d, const struct svg_panel *p, double top, double foot)
{
    double step = d->c->n > 1 ? x_of(d, 1) - x_of(d, 0) : 20;
    for (size_t i = 0; i < p->n && p->hover; i++) {
        if (!p->hover[i])
            continue;
        buf_printf(d->b,
                   "<rect class=\"hit\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\">",
                   x_of(d, p->x[i]) - 0.5 * step, top, step, foot - top);
        svg_title(d->b, p->hover[i]);
        buf_adds(d->b, "</rect>");
    }
}

static void name_panel(const struct drawing *d, const struct svg_panel *p, double top)
{
    struct buf cut;
    size_t len = strlen(p->name);
    if (!p->is_strip) {
        svg_row_name(d->b, p->name, p->color, top + 14);
        if (p->value)
            svg_text(d->b, 20, top + 36, "tick", p->value);
        return;
    }
    buf_init(&cut, 4096);
    buf_printf(&cut, "%.*s%s", len > 16 ? 15 : (int)len, p->name, len > 16 ? "\xe2\x80\xa6" : "");
    svg_text(d->b, 20, top + 13, "axis", cut.v);
    if (p->value)
        svg_text(d->b, 20, top + 28, "tick", p->value);
    buf_release(&cut);
}

static void draw_panel(const struct drawing *d, const struct svg_panel *p, double top)
{
    double foot = top + height_of(d->c, p), last = -1e9;
    struct svg_scale y = panel_scale(p, 0, top + 4, foot - 4, 0.04);
    name_panel(d, p, top);
    buf_printf(d->b, "<rect class=\"panel\" x=\"%d\" y=\"%.0f\" width=\"%d\" height=\"%.0f\"/>",
               LEFT, top, WIDTH - LEFT - RIGHT, foot - top);
    for (size_t i = 0; i < d->c->n_events; i++) {
        double x = 0.5 * (x_of(d, d->c->events[i].x) +
                          x_of(d, d->c->events[i].x ? d->c->events[i].x - 1 : 0));
        svg_line(d->b, "event", x, top, x, foot);
    }
    for (size_t i = 0; i < p->n_steps; i++)
        draw_change(d, p, &p->steps[i], top, &last);
    buf_printf(d->b, "<g class=\"c%d\">", p->color % SVG_COLORS);
    draw_steps(d, p, &y);
    draw_levels(d, p, &y);
    draw_dots(d, p, &y, false);
    draw_dots(d, p, &y, true);
    buf_adds(d->b, "</g>");
    double room = p->is_strip ? 11 : 10;
    svg_text(d->b, WIDTH - RIGHT + 8, top + room, "tick", fmt_sig(y.hi, 3).s);
    svg_text(d->b, WIDTH - RIGHT + 8, foot - 2, "tick", fmt_sig(y.lo, 3).s);
    draw_hovers(d, p, top, foot);
}

/* -- the chart --------------------------------------------------------------------------------- */

enum { MAX_ROWS = 3 };

/* Names of events in rows above the panels, so that none covers another. */
static int event_rows(const struct drawing *d, bool is_drawn)
{
    double end[MAX_ROWS] = {0, 0, 0};
    int rows = 0;
    for (size_t i = 0; i < d->c->n_events; i++) {
        double x = x_of(d, d->c->events[i].x), w = 6.4 * (double)strlen(d->c->events[i].name) + 10;
        int k = 0;
        x = x + w > WIDTH ? WIDTH - w : x;
        while (k < MAX_ROWS && end[k] > x)
            k++;
        if (k == MAX_ROWS)
            continue; /* the line says it on hover */
        end[k] = x + w;
        rows = k + 1 > rows ? k + 1 : rows;
        if (is_drawn)
            svg_text(d->b, x, 11 + EVENT_ROW * k, "axis", d->c->events[i].name);
    }
    return rows;
}

static void date_axis(const struct drawing *d, double y)
{
    size_t n = d->c->n, step = n > 7 ? (n + 6) / 7 : 1;
    for (size_t i = (n - 1) % step; i < n; i += step) {
        double x = x_of(d, i);
        svg_line(d->b, "zero", x, y, x, y + 4);
        svg_text(d->b, x, y + 18, "tick mid", d->c->dates[i]);
    }
}

void svg_nights(struct buf *b, const struct svg_nights *c)
{
    struct drawing d = {
        b, c, {0, c->n > 1 ? (double)(c->n - 1) : 1, LEFT + 10, WIDTH - RIGHT - 10, false}};
    int top = event_rows(&d, false) * EVENT_ROW + 6, height = top + AXIS;
    for (size_t i = 0; i < c->n_panels; i++)
        height += height_of(c, &c->panels[i]) + GAP;
    if (c->n == 0)
        return;
    svg_open(b, WIDTH, height, c->label);
    event_rows(&d, true);
    for (size_t i = 0; i < c->n_panels; i++) {
        draw_panel(&d, &c->panels[i], top);
        top += height_of(c, &c->panels[i]) + GAP;
    }
    date_axis(&d, top - GAP + 4);
    buf_adds(b, "</svg>");
}

/* -- sparklines -------------------------------------------------------------------------------- */

void svg_spark(struct buf *b, const struct svg_panel *p, const char *hover)
{
    size_t from = p->n > SPARK_NIGHTS ? p->n - SPARK_NIGHTS : 0;
    struct svg_scale y = panel_scale(p, from, 3, SPARK_H - 3, 0.02);
    double first = p->n ? (double)p->x[from] : 0, last = p->n ? (double)p->x[p->n - 1] : 1;
    struct svg_scale x = {first, last > first ? last : first + 1, 3, SPARK_W - 5, false};
    buf_printf(b,
               "<svg class=\"spark c%d\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
               "aria-hidden=\"true\">",
               p->color % SVG_COLORS, SPARK_W, SPARK_H, SPARK_W, SPARK_H);
    svg_title(b, hover);
    for (size_t k = 0; k < p->n_steps; k++)
        if (p->steps[k].at >= from) {
            double at = svg_at(&x, (double)p->x[p->steps[k].at]);
            buf_printf(b, "<g class=\"change %s\">", p->steps[k].is_worse ? "worse" : "better");
            svg_line(b, "at", at, 0, at, SPARK_H);
            buf_adds(b, "</g>");
        }
    for (size_t i = from + 1; i < p->n; i++)
        if (p->flags[i] & SVG_STARTS)
            svg_line(b, "event", svg_at(&x, (double)p->x[i]), 0, svg_at(&x, (double)p->x[i]),
                     SPARK_H);
    buf_adds(b, "<path d=\"");
    for (size_t i = from; i < p->n; i++)
        buf_printf(b, "%s%.0f %.1f", i == from || p->flags[i] & SVG_STARTS ? "M" : "L",
                   svg_at(&x, (double)p->x[i]), svg_at(&y, p->v[i]));
    buf_adds(b, "\"/>");
    if (p->n)
        buf_printf(b, "<circle cx=\"%.0f\" cy=\"%.1f\" r=\"2\"/>",
                   svg_at(&x, (double)p->x[p->n - 1]), svg_at(&y, p->v[p->n - 1]));
    buf_adds(b, "</svg>");
}
