/* svg_bars.c - charts of one row per variant or per task: stacks, flips, votes, correlations. */
#include <math.h>
#include <string.h>
#include "harness/base/buf.h"
#include "harness/base/text.h"
#include "reports/fmt.h"
#include "reports/svg_impl.h"

void svg_rect(struct buf *b, const char *class, double x, double y, double w, const char *hover)
{
    buf_printf(b, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"16\">", class,
               x, y - 8, w > 0.5 ? w : 0.5);
    svg_title(b, hover);
    buf_adds(b, "</rect>");
}

void svg_stack(struct buf *b, const struct svg_stack *s)
{
    static const char *const tones[SVG_PARTS] = {"solid", "half", "light"};
    const struct svg_frame f = {640, 52 + SVG_ROW_H * (int)s->n, SVG_NAME_W, 64, 6, 46};
    double most = 0;
    struct buf hover;
    buf_init(&hover, 4096);
    for (size_t i = 0; i < s->n; i++) {
        double sum = 0;
        for (int k = 0; k < SVG_PARTS; k++)
            sum += s->piles[i].v[k];
        most = svg_most(svg_most(most, sum), s->piles[i].mark);
    }
    struct svg_scale sx = {0, most > 0 ? most : 1, f.left, f.width - f.right, false};
    svg_open(b, f.width, f.height, s->label);
    svg_x_axis(b, &f, &sx, s->unit);
    for (size_t i = 0; i < s->n; i++) {
        const struct svg_pile *v = &s->piles[i];
        double y = f.top + SVG_ROW_H * ((double)i + 0.5), sum = 0;
        svg_row_name(b, v->name, v->color, y);
        buf_printf(b, "<g class=\"c%d\">", v->color % SVG_COLORS);
        for (int k = 0; k < SVG_PARTS; k++) {
            if (!(v->v[k] > 0))
                continue;
            buf_clear(&hover);
            buf_printf(&hover, "%s: %s %s", s->parts[k], fmt_sig(v->v[k], 3).s, s->unit);
            svg_rect(b, tones[k], svg_at(&sx, sum), y, svg_at(&sx, v->v[k]) - f.left, hover.v);
            sum += v->v[k];
        }
        buf_adds(b, "</g>");
        if (!isnan(v->mark))
            svg_line(b, "mark", svg_at(&sx, v->mark), y - 11, svg_at(&sx, v->mark), y + 11);
        svg_text(b, svg_at(&sx, sum) + 8, y + 4.5, "tick", fmt_sig(sum, 3).s);
    }
    buf_adds(b, "</svg>");
    buf_release(&hover);
}

static void count_in(struct buf *b, double from, double to, double y, double n, const char *class)
{
    if (n > 0 && to - from > 22)
        svg_text(b, 0.5 * (from + to), y + 4, class, fmt_count((int64_t)n).s);
}

void svg_votes(struct buf *b, const struct svg_bar *v, size_t n, const char *label)
{
    const struct svg_frame f = {640, 32 + SVG_ROW_H * (int)n, SVG_NAME_W, 8, 26, 0};
    double room = f.width - f.left - f.right;
    svg_open(b, f.width, f.height, label);
    svg_text(b, f.left, 14, "axis", "worse");
    svg_text(b, f.left + 0.5 * room, 14, "axis mid", "cannot tell");
    svg_text(b, f.width - f.right, 14, "axis end", "better");
    for (size_t i = 0; i < n; i++) {
        double whole = v[i].mark > 0 ? v[i].mark : 1, y = f.top + SVG_ROW_H * ((double)i + 0.5);
        double xa = f.left + room * v[i].a / whole, xb = f.width - f.right - room * v[i].b / whole;
        svg_row_name(b, v[i].name, v[i].color, y);
        if (v[i].a > 0)
            svg_rect(b, "lost", f.left, y, xa - f.left, "tasks that say worse");
        if (xb > xa)
            svg_rect(b, "rest", xa, y, xb - xa, "tasks that cannot tell");
        if (v[i].b > 0)
            svg_rect(b, "won", xb, y, f.width - f.right - xb, "tasks that say better");
        count_in(b, f.left, xa, y, v[i].a, "count mid");
        count_in(b, xa, xb, y, whole - v[i].a - v[i].b, "tick mid");
        count_in(b, xb, f.width - f.right, y, v[i].b, "count mid");
    }
    buf_adds(b, "</svg>");
}

void svg_correlations(struct buf *b, const struct svg_matrix *m)
{
    enum { LABELS = 250, ROOM = 500 };
    int cell = m->n ? ROOM / (int)m->n : 24;
    cell = cell > 24 ? 24 : cell < 9 ? 9 : cell;
    int size = cell * (int)m->n;
    svg_open(b, LABELS + size, size + 4, m->label);
    for (size_t i = 0; i < m->n; i++) {
        double y = 2 + cell * (double)i;
        struct buf cut;
        buf_init(&cut, 4096);
        size_t len = strlen(m->names[i]);
        buf_printf(&cut, "%.*s%s", len > 36 ? (int)text_whole(m->names[i], 35) : (int)len,
                   m->names[i], len > 36 ? "\xe2\x80\xa6" : "");
        svg_text(b, LABELS - 8, y + 0.5 * cell + 4, cell < 13 ? "small end" : "tick end", cut.v);
        buf_release(&cut);
        for (size_t j = 0; j < i; j++) {
            double v = m->v[i * m->n + j];
            if (isnan(v))
                continue;
            buf_printf(b,
                       "<rect class=\"%s\" fill-opacity=\"%.2f\" x=\"%d\" y=\"%.0f\" "
                       "width=\"%d\" height=\"%d\">",
                       v < 0 ? "lost" : "won", 0.06 + 0.94 * fabs(v), LABELS + cell * (int)j, y,
                       cell - 1, cell - 1);
            svg_title(b, m->hover[i * m->n + j]);
            buf_adds(b, "</rect>");
        }
        buf_printf(b, "<rect class=\"rest\" x=\"%d\" y=\"%.0f\" width=\"%d\" height=\"%d\"/>",
                   LABELS + cell * (int)i, y, cell - 1, cell - 1);
    }
    buf_adds(b, "</svg>");
}

void svg_flips(struct buf *b, const struct svg_bar *v, size_t n, const char *label)
{
    enum { LANE = 190 };
    double most_ = 1;
    bool has_lane = false;
    for (size_t i = 0; i < n; i++) {
        most_ = svg_most(svg_most(svg_most(most_, v[i].a), v[i].b), v[i].mark);
        has_lane |= v[i].mark > 0;
    }
    const struct svg_frame f = {760, 32 + SVG_ROW_H * (int)n, SVG_NAME_W, 8, 26, 0};
    double end = f.width - f.right - (has_lane ? LANE : 0), mid = 0.5 * (f.left + end);
    double reach = end - mid - 56, lane = end + 14;
    reach = has_lane && reach > LANE - 70 ? LANE - 70 : reach; /* one scale for all three */
    svg_open(b, f.width, f.height, label);
    svg_text(b, mid - 10, 14, "axis end", "right before, wrong now");
    svg_text(b, mid + 10, 14, "axis", "wrong before, right now");
    if (has_lane)
        svg_text(b, lane, 14, "axis", "other answer, same score");
    svg_line(b, "zero", mid, f.top - 4, mid, f.height - 6);
    for (size_t i = 0; i < n; i++) {
        double y = f.top + SVG_ROW_H * ((double)i + 0.5);
        double l = reach * v[i].a / most_, r = reach * v[i].b / most_;
        svg_row_name(b, v[i].name, v[i].color, y);
        svg_rect(b, "lost", mid - l, y, l, "items lost");
        svg_rect(b, "won", mid, y, r, "items gained");
        svg_text(b, mid - l - 7, y + 4.5, "tick end", fmt_count((int64_t)v[i].a).s);
        svg_text(b, mid + r + 7, y + 4.5, "tick", fmt_count((int64_t)v[i].b).s);
        if (!has_lane)
            continue;
        double o = reach * v[i].mark / most_;
        svg_rect(b, "other", lane, y, o, "items answered otherwise for the same score");
        svg_text(b, lane + o + 7, y + 4.5, "tick", fmt_count((int64_t)v[i].mark).s);
    }
    buf_adds(b, "</svg>");
}
