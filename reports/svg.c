/* svg.c - charts as inline SVG; see the header.
 *
 * Coordinates are in a viewBox of CSS pixels; text sizes and colours come from report.css. */
#include "reports/svg.h"

#include <math.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/text.h"
#include "reports/fmt.h"
#include "reports/html.h"
#include "reports/svg_impl.h"

enum { BAR_H = 22 };

/* -- scales ------------------------------------------------------------------------------------ */

double svg_at(const struct svg_scale *s, double v)
{
    double t = s->is_log ? log(v / s->lo) / log(s->hi / s->lo) : (v - s->lo) / (s->hi - s->lo);
    return s->from + t * (s->to - s->from);
}

/* 1, 2 or 5 times a power of ten: about `n` steps over `range`. */
static double nice_step(double range, int n)
{
    double raw = range / n, p = pow(10, floor(log10(raw))), f = raw / p;
    return p * (f < 1.5 ? 1 : f < 3.5 ? 2 : f < 7.5 ? 5 : 10);
}

/* Widens lo..hi to a readable range; logarithmic when it spans more than a factor of 6. */
struct svg_scale svg_scale_for(double lo, double hi, double from, double to, bool may_log)
{
    struct svg_scale s = {lo, hi, from, to, may_log && lo > 0 && hi / lo > 6};
    if (s.is_log) {
        s.lo = lo / pow(hi / lo, 0.06);
        s.hi = hi * pow(hi / lo, 0.12);
    } else {
        double pad = hi > lo ? 0.08 * (hi - lo) : hi != 0 ? 0.05 * fabs(hi) : 1;
        s.lo = lo >= 0 && lo - pad < 0 ? 0 : lo - pad;
        s.hi = hi + 1.4 * pad;
    }
    return s;
}

size_t svg_ticks_of(const struct svg_scale *s, int wanted, double out[SVG_TICKS])
{
    size_t n = 0;
    if (s->is_log) {
        static const double steps[] = {1, 2, 5};
        bool is_wide = s->hi / s->lo > 200;
        double by = pow(10, fmax(1, round(log10(s->hi / s->lo) / 6)));
        for (double p = pow(10, floor(log10(s->lo))); p <= s->hi && n < SVG_TICKS; p *= by)
            for (int k = 0; k < (is_wide ? 1 : 3) && n < SVG_TICKS; k++)
                if (p * steps[k] >= s->lo && p * steps[k] <= s->hi)
                    out[n++] = p * steps[k];
        return n;
    }
    double step = nice_step(s->hi - s->lo, wanted);
    for (double v = ceil(s->lo / step) * step; v <= s->hi + step * 1e-9 && n < SVG_TICKS; v += step)
        out[n++] = fabs(v) < step * 1e-9 ? 0 : v;
    return n;
}

/* -- text -------------------------------------------------------------------------------------- */

/* Only as many decimals as tell the ticks of a step apart; powers of ten far out as such. */
void svg_tick_text(struct buf *b, double v)
{
    static const char *const raised[] = {
        "\xe2\x81\xb0", "\xc2\xb9",     "\xc2\xb2",     "\xc2\xb3",     "\xe2\x81\xb4",
        "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7", "\xe2\x81\xb8", "\xe2\x81\xb9"};
    struct fmt f = fmt_short(v, 3);
    double power = v > 0 ? log10(v) : 0;
    if ((power < -3.5 || power > 6.5) && power > -99 && fabs(power - round(power)) < 1e-9) {
        int n = (int)round(fabs(power));
        buf_printf(b, "10%s%s%s", power < 0 ? "\xe2\x81\xbb" : "", n > 9 ? raised[n / 10] : "",
                   raised[n % 10]);
    } else if (f.s[0] == '-') {
        buf_printf(b, "\xe2\x88\x92%s", f.s + 1);
    } else {
        buf_adds(b, f.s);
    }
}

void svg_text(struct buf *b, double x, double y, const char *class, const char *s)
{
    buf_printf(b, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    html_text(b, s);
    buf_adds(b, "</text>");
}

void svg_title(struct buf *b, const char *s)
{
    buf_adds(b, "<title>");
    html_text(b, s);
    buf_adds(b, "</title>");
}

void svg_open(struct buf *b, int width, int height, const char *label)
{
    buf_printf(b,
               "<svg class=\"chart\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\""
               " aria-label=\"",
               width, height, width, height);
    html_text(b, label);
    buf_adds(b, "\">");
}

void svg_line(struct buf *b, const char *class, double x1, double y1, double x2, double y2)
{
    buf_printf(b, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", class, x1,
               y1, x2, y2);
}

/* Shapes of the first ten colours and of the others, around the origin. */
static void shape(struct buf *b, int c, double r)
{
    static const double points[][17] = {
        /* number of corners, then x, y of each */
        {4, -.88, -.88, .88, -.88, .88, .88, -.88, .88},     /* square */
        {3, 0, -1.15, 1.1, .8, -1.1, .8},                    /* up */
        {4, 0, -1.25, 1.25, 0, 0, 1.25, -1.25, 0},           /* diamond */
        {3, 0, 1.15, 1.1, -.8, -1.1, -.8},                   /* down */
        {3, -1.15, 0, .8, -1.1, .8, 1.1},                    /* left */
        {3, 1.15, 0, -.8, -1.1, -.8, 1.1},                   /* right */
        {4, -1.3, -.6, 1.3, -.6, 1.3, .6, -1.3, .6},         /* flat */
        {4, -.6, -1.3, .6, -1.3, .6, 1.3, -.6, 1.3},         /* upright */
        {6, -1.2, 0, -.6, -1, .6, -1, 1.2, 0, .6, 1, -.6, 1} /* hexagon */
    };
    int k = c % 5 + (c >= 10 ? 5 : 0); /* 0: circle */
    if (k == 0) {
        buf_printf(b, "<circle r=\"%.1f\"/>", r);
        return;
    }
    const double *p = points[k - 1];
    buf_adds(b, "<path d=\"");
    for (int i = 0; i < (int)p[0]; i++)
        buf_printf(b, "%c%.1f %.1f", i ? 'L' : 'M', r * p[1 + 2 * i], r * p[2 + 2 * i]);
    buf_adds(b, "Z\"/>");
}

/* A shape per colour, filled for five and hollow for the next five, around the origin of a
 * translated group. */
void svg_marker(struct buf *b, double x, double y, int color, double r)
{
    int c = color % SVG_COLORS;
    buf_printf(b, "<g class=\"c%d %s\" transform=\"translate(%.1f %.1f)\">", c,
               c / 5 % 2 ? "hollow" : "dot", x, y);
    shape(b, c, r);
    buf_adds(b, "</g>");
}

/* -- intervals in table cells ------------------------------------------------------------------ */

struct svg_axis svg_axis_for(const struct svg_span *s, size_t n, double band, int width)
{
    double lo = -band, hi = band;
    for (size_t i = 0; i < n; i++) {
        double l = isnan(s[i].lo) ? s[i].v : s[i].lo, h = isnan(s[i].hi) ? s[i].v : s[i].hi;
        lo = l < lo ? l : lo;
        hi = h > hi ? h : hi;
    }
    if (!(hi > lo))
        lo = -1, hi = 1;
    double pad = 0.06 * (hi - lo);
    return (struct svg_axis){lo - pad, hi + pad, band, width};
}

static struct svg_scale cell_scale(const struct svg_axis *a)
{
    return (struct svg_scale){a->lo, a->hi, 4, a->width - 4, false};
}

static void open_cell(struct buf *b, const struct svg_axis *a, int height)
{
    buf_printf(b,
               "<svg class=\"cell\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\""
               " aria-hidden=\"true\">",
               a->width, height, a->width, height);
}

static void band_and_zero(struct buf *b, const struct svg_axis *a, const struct svg_scale *s,
                          int height)
{
    if (a->band > 0)
        buf_printf(b, "<rect class=\"band\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%d\"/>",
                   svg_at(s, -a->band), svg_at(s, a->band) - svg_at(s, -a->band), height);
    svg_line(b, "zero", svg_at(s, 0), 0, svg_at(s, 0), height);
}

void svg_interval(struct buf *b, const struct svg_axis *a, struct svg_span v, int color,
                  const char *hover)
{
    struct svg_scale s = cell_scale(a);
    open_cell(b, a, BAR_H);
    svg_title(b, hover);
    band_and_zero(b, a, &s, BAR_H);
    if (!isnan(v.lo) && !isnan(v.hi))
        buf_printf(b, "<line class=\"c%d span\" x1=\"%.1f\" y1=\"11\" x2=\"%.1f\" y2=\"11\"/>",
                   color % SVG_COLORS, svg_at(&s, v.lo), svg_at(&s, v.hi));
    if (!isnan(v.v))
        svg_marker(b, svg_at(&s, v.v), 11, color, 4);
    buf_adds(b, "</svg>");
}

void svg_ticks(struct buf *b, const struct svg_axis *a, double factor)
{
    struct svg_scale s = cell_scale(a);
    double v[SVG_TICKS];
    struct svg_scale shown = {a->lo * factor, a->hi * factor, s.from, s.to, false};
    open_cell(b, a, BAR_H);
    size_t n = svg_ticks_of(&shown, a->width / 56, v);
    for (size_t i = 0; i < n; i++) {
        double x = svg_at(&shown, v[i]);
        svg_line(b, "zero", x, BAR_H - 4, x, BAR_H);
        buf_printf(b, "<text class=\"tick mid\" x=\"%.1f\" y=\"%d\">",
                   x < 14              ? 14
                   : x > a->width - 14 ? a->width - 14
                                       : x,
                   BAR_H - 7);
        svg_tick_text(b, v[i]);
        buf_adds(b, "</text>");
    }
    buf_adds(b, "</svg>");
}

/* -- frames ------------------------------------------------------------------------------------ */

void svg_x_axis(struct buf *b, const struct svg_frame *f, const struct svg_scale *s,
                const char *label)
{
    double v[SVG_TICKS], y0 = f->height - f->bottom;
    size_t n = svg_ticks_of(s, (f->width - f->left - f->right) / 80, v);
    double last = -1e9;
    for (size_t i = 0; i < n; i++) {
        double x = svg_at(s, v[i]);
        svg_line(b, "grid", x, f->top, x, y0);
        if (x - last < 34)
            continue;
        last = x;
        buf_printf(b, "<text class=\"tick mid\" x=\"%.1f\" y=\"%.1f\">", x, y0 + 17);
        svg_tick_text(b, v[i]);
        buf_adds(b, "</text>");
    }
    svg_text(b, 0.5 * (f->left + f->width - f->right), f->height - 6, "axis mid", label);
}

void svg_y_axis(struct buf *b, const struct svg_frame *f, const struct svg_scale *s, double factor,
                const char *label)
{
    double v[SVG_TICKS];
    struct svg_scale shown = *s;
    shown.lo *= factor;
    shown.hi *= factor;
    size_t n = svg_ticks_of(&shown, 5, v);
    for (size_t i = 0; i < n; i++) {
        double y = svg_at(&shown, v[i]);
        svg_line(b, "grid", f->left, y, f->width - f->right, y);
        buf_printf(b, "<text class=\"tick end\" x=\"%d\" y=\"%.1f\">", f->left - 8, y + 4);
        svg_tick_text(b, v[i]);
        buf_adds(b, "</text>");
    }
    svg_text(b, 0, 13, "axis", label);
}

/* -- ranges ------------------------------------------------------------------------------------- */

double svg_least(double a, double b)
{
    return isnan(b) || a < b ? a : b;
}
double svg_most(double a, double b)
{
    return isnan(b) || a > b ? a : b;
}

/* -- distributions ----------------------------------------------------------------------------- */

static struct svg_scale series_scale(const struct svg_series *s, size_t n, double from, double to,
                                     double cut)
{
    double lo = INFINITY, hi = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (s[i].n == 0)
            continue;
        size_t last = (size_t)(cut * (double)(s[i].n - 1) + 0.5);
        lo = s[i].v[0] < lo ? s[i].v[0] : lo;
        hi = s[i].v[last] > hi ? s[i].v[last] : hi;
    }
    if (!(hi >= lo))
        lo = 0, hi = 1;
    return svg_scale_for(lo, hi, from, to, true);
}

void svg_ecdf(struct buf *b, const struct svg_series *s, size_t n, const struct svg_words *w)
{
    enum { STEPS = 160 };
    const struct svg_frame f = {640, 300, 44, 16, 30, 46};
    struct svg_scale sx = series_scale(s, n, f.left, f.width - f.right, 0.999);
    struct svg_scale sy = {0, 1, f.height - f.bottom, f.top, false};
    svg_open(b, f.width, f.height, w->label);
    svg_x_axis(b, &f, &sx, w->x);
    svg_y_axis(b, &f, &sy, 100, w->y);
    for (size_t i = 0; i < n; i++) {
        if (s[i].n == 0)
            continue;
        buf_printf(b, "<g class=\"c%d\">", s[i].color % SVG_COLORS);
        svg_title(b, s[i].name);
        buf_printf(b, "<path class=\"line%s\" d=\"", s[i].is_later ? " later" : "");
        size_t steps = s[i].n < STEPS ? s[i].n : STEPS;
        for (size_t k = 0; k < steps; k++) { /* denser towards the slow tail */
            double left = steps > 1 ? 1 - (double)k / (double)(steps - 1) : 0;
            size_t rank = s[i].n - 1 - (size_t)(left * left * (double)(s[i].n - 1));
            double x = svg_at(&sx, s[i].v[rank]), limit = f.width - f.right;
            double y = svg_at(&sy, (double)(rank + 1) / (double)s[i].n);
            x = x < limit ? x : limit;
            if (k)
                buf_printf(b, "H%.1fV%.1f", x, y);
            else
                buf_printf(b, "M%.1f %.1fV%.1f", x, svg_at(&sy, 0), y);
        }
        buf_adds(b, "\"/></g>");
    }
    buf_adds(b, "</svg>");
}

static void band_path(struct buf *b, const struct svg_band *v, const struct svg_scale *sx,
                      const struct svg_scale *sy)
{
    size_t n = 0;
    while (n < v->n && !isnan(v->lo[n]))
        n++;
    if (n < 2)
        return;
    buf_adds(b, "<path class=\"spread\" d=\"");
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%c%.1f %.1f", i ? 'L' : 'M', svg_at(sx, v->x[i]), svg_at(sy, v->hi[i]));
    for (size_t i = n; i-- > 0;)
        buf_printf(b, "L%.1f %.1f", svg_at(sx, v->x[i]), svg_at(sy, v->lo[i]));
    buf_adds(b, "Z\"/>");
}

void svg_ratios(struct buf *b, const struct svg_band *v, size_t n, const struct svg_words *w)
{
    const struct svg_frame f = {640, 300, 44, 16, 30, 46};
    double lo = 1, hi = 1;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < v[i].n; k++) {
            lo = fmin(lo, isnan(v[i].lo[k]) ? v[i].y[k] : v[i].lo[k]);
            hi = fmax(hi, isnan(v[i].hi[k]) ? v[i].y[k] : v[i].hi[k]);
        }
    struct svg_scale sx = {0, 1, f.left, f.width - f.right, false};
    struct svg_scale sy = svg_scale_for(lo, hi, f.height - f.bottom, f.top, true);
    struct svg_scale percent = {0, 100, f.left, f.width - f.right, false};
    svg_open(b, f.width, f.height, w->label);
    svg_x_axis(b, &f, &percent, w->x);
    svg_y_axis(b, &f, &sy, 1, w->y);
    svg_line(b, "zero", f.left, svg_at(&sy, 1), f.width - f.right, svg_at(&sy, 1));
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "<g class=\"c%d\">", v[i].color % SVG_COLORS);
        svg_title(b, v[i].name);
        band_path(b, &v[i], &sx, &sy);
        buf_adds(b, "<path class=\"line\" d=\"");
        for (size_t k = 0; k < v[i].n; k++)
            buf_printf(b, "%c%.1f %.1f", k ? 'L' : 'M', svg_at(&sx, v[i].x[k]),
                       svg_at(&sy, v[i].y[k]));
        buf_adds(b, "\"/></g>");
    }
    buf_adds(b, "</svg>");
}

void svg_row_name(struct buf *b, const char *name, int color, double y)
{
    svg_marker(b, 8, y, color, 4.5);
    struct buf cut;
    buf_init(&cut, 4096);
    size_t len = strlen(name);
    buf_printf(&cut, "%.*s%s", len > 13 ? 12 : (int)len, name, len > 13 ? "\xe2\x80\xa6" : "");
    svg_text(b, 20, y + 4.5, "name", cut.v);
    buf_release(&cut);
}

void svg_strips(struct buf *b, const struct svg_series *s, size_t n, const char *x_label,
                const char *label)
{
    const struct svg_frame f = {640, 52 + SVG_ROW_H * (int)n, SVG_NAME_W, 16, 6, 46};
    struct svg_scale sx = series_scale(s, n, f.left, f.width - f.right, 1);
    svg_open(b, f.width, f.height, label);
    svg_x_axis(b, &f, &sx, x_label);
    for (size_t i = 0; i < n; i++) {
        double y = f.top + SVG_ROW_H * ((double)i + 0.5);
        svg_row_name(b, s[i].name, s[i].color, y);
        buf_printf(b, "<g class=\"c%d\">", s[i].color % SVG_COLORS);
        for (size_t k = 0; k < s[i].n && k < 400; k++) {
            buf_printf(b, "<circle class=\"faint\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\">",
                       svg_at(&sx, s[i].v[k]), y);
            svg_title(b, fmt_sig(s[i].v[k], 4).s);
            buf_adds(b, "</circle>");
        }
        if (s[i].n)
            svg_line(b, "median", svg_at(&sx, s[i].v[s[i].n / 2]), y - 9,
                     svg_at(&sx, s[i].v[s[i].n / 2]), y + 9);
        buf_adds(b, "</g>");
    }
    buf_adds(b, "</svg>");
}
