/* svg_scatter.c - what a variant costs against what it keeps: points, their joint regions, the front.
 *
 * The two estimates of a point come from different measurements (answers, timings), so their errors
 * are independent, and the joint region (here of 95 %) is
 *     (dx / s_x)^2 + (dy / s_y)^2 <= chi2(0.95; 2) = 5.991:
 * an ellipse along the axes whose half axes are sqrt(5.991) / 1.960 = 1.249 times the half widths of
 * the 95 % intervals of each alone.  Intervals need not be symmetrical: each quarter of the ellipse
 * has the half widths of its own two sides, measured as drawn (on a logarithmic axis: of the
 * logarithm).  Where one axis has no interval there is no joint region: the other's is a bar.
 *
 * A point that nothing on the front needs and that lies so far down that the others would become one
 * line is drawn at the edge, with an arrow and its value. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/stats/dist.h"
#include "reports/fmt.h"
#include "reports/svg_impl.h"

enum { ZERO_LANE = 22, FAR_LANE = 20 };

struct box {
    double x, y, w, h;
};
struct plot {
    struct buf *b;
    const struct svg_scatter *c;
    struct svg_frame f;
    struct svg_scale sx, sy;
    double joint; /* of svg_joint */
    double far;   /* y worse than this is off the scale; NAN: none is */
    bool has_zeros;
};

/* -- labels ------------------------------------------------------------------------------------ */

static bool overlaps(const struct box *a, const struct box *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a->x < all[i].x + all[i].w && all[i].x < a->x + a->w && a->y < all[i].y + all[i].h &&
            all[i].y < a->y + a->h)
            return true;
    return false;
}

/* The k-th place to try for a label `w` wide: right, left, above and below, then further out. */
static struct box place(double x, double y, double w, int k)
{
    static const double near[][2] = {{1, -8},  {-1, -8}, {0, -24},  {0, 9},
                                     {1, -24}, {1, 9},   {-1, -24}, {-1, 9}};
    double side = k < 8 ? near[k][0] : k % 2 ? -1 : 1;
    double dy = k < 8 ? near[k][1] : k / 2 % 2 ? 9 + 16 * (k / 4 - 1) : -24 - 16 * (k / 4 - 1);
    double out = k < 40 ? 9 : 40; /* a second column where the first is full */
    if (k >= 40)
        dy = k / 2 % 2 ? 9 + 16 * ((k - 40) / 4) : -24 - 16 * ((k - 40) / 4);
    return (struct box){side > 0 ? x + out : side < 0 ? x - out - w : x - w / 2, y + dy, w, 15};
}

/* Puts a label beside its point where it hides neither points nor labels, if there is room. */
static void place_label(const struct plot *p, double x, double y, const char *name,
                        struct box *taken, size_t *n_taken)
{
    enum { TRIES = 72 };
    double w = 7.7 * (double)strlen(name) + 4;
    /* where all is taken, at least within the frame */
    int best = x + 9 + w < p->f.width ? 0 : 1;
    for (int k = 0; k < TRIES; k++) {
        struct box at = place(x, y, w, k);
        bool is_inside = at.x > p->f.left && at.x + w < p->f.width && at.y > p->f.top - 8 &&
                         at.y + 15 < p->f.height - p->f.bottom;
        if (is_inside && !overlaps(&at, taken, *n_taken)) {
            best = k;
            break;
        }
    }
    struct box at = place(x, y, w, best);
    taken[(*n_taken)++] = at;
    if (best >= 8) /* far away: a line leads there */
        svg_line(p->b, "lead", x, y, at.x + (at.x < x ? w : 0), at.y + 8);
    svg_text(p->b, at.x + 2, at.y + 12, "name", name);
}

static bool is_beaten(const struct svg_scatter *c, size_t i)
{
    for (size_t k = 0; k < c->n; k++) {
        double dx = c->points[k].x - c->points[i].x, dy = c->points[k].y - c->points[i].y;
        dx = c->is_x_lower_better ? -dx : dx;
        dy = c->is_y_lower_better ? -dy : dy;
        if (dx >= 0 && dy >= 0 && (dx > 0 || dy > 0))
            return true;
    }
    return false;
}

/* -- ranges ------------------------------------------------------------------------------------ */

static bool is_far(const struct plot *p, double y)
{
    return !isnan(p->far) && (p->c->is_y_lower_better ? y > p->far : y < p->far);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Up to a quarter of the points, all of them beaten, that lie further from the others than one and a
 * half times what these span; as many as that is true of. */
static double far_limit(const struct svg_scatter *c, struct arena *a)
{
    double *y = ARENA_ARRAY(a, double, c->n + 1), sign = c->is_y_lower_better ? 1 : -1;
    double worst_on_front = -INFINITY;
    size_t best = 0;
    for (size_t i = 0; i < c->n; i++) {
        y[i] = sign * c->points[i].y; /* the worst last */
        if (!is_beaten(c, i))
            worst_on_front = fmax(worst_on_front, y[i]);
    }
    qsort(y, c->n, sizeof *y, ascending);
    for (size_t cut = 1; cut <= c->n / 4 && c->n > 4; cut++) {
        size_t n = c->n - cut;
        if (y[n] > worst_on_front && y[n] - y[n - 1] > 1.5 * (y[n - 1] - y[0]))
            best = cut;
    }
    return best && !c->is_y_log ? sign * y[c->n - best - 1] : NAN;
}

double svg_joint(double alpha)
{
    return sqrt(-2 * log(alpha)) / dist_norm_quantile(1 - 0.5 * alpha);
}

/* The limit as far out as the ellipse goes. */
static double stretched(double v, double limit, bool is_log, double joint)
{
    return is_log && v > 0 && limit > 0 ? v * pow(limit / v, joint) : v + joint * (limit - v);
}

static void set_scales(struct plot *p)
{
    const struct svg_scatter *c = p->c;
    double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
    bool has_far = false;
    for (size_t i = 0; i < c->n; i++) {
        const struct svg_point *v = &c->points[i];
        x0 = svg_least(svg_least(x0, v->x), stretched(v->x, v->x_lo, true, p->joint));
        x1 = svg_most(svg_most(x1, v->x), stretched(v->x, v->x_hi, true, p->joint));
        has_far |= is_far(p, v->y);
        p->has_zeros |= c->is_y_log && v->y <= 0;
        if (is_far(p, v->y) || (c->is_y_log && v->y <= 0))
            continue;
        y0 = svg_least(svg_least(y0, v->y), stretched(v->y, v->y_lo, c->is_y_log, p->joint));
        y1 = svg_most(svg_most(y1, v->y), stretched(v->y, v->y_hi, c->is_y_log, p->joint));
    }
    if (!(y1 >= y0))
        y0 = y1 = 0;
    double bottom = p->f.height - p->f.bottom - (p->has_zeros ? ZERO_LANE : 0), top = p->f.top;
    if (has_far && c->is_y_lower_better)
        top += FAR_LANE;
    else if (has_far)
        bottom -= FAR_LANE;
    p->sx = svg_scale_for(x0, x1, p->f.left, p->f.width - p->f.right, true);
    p->sy = svg_scale_for(y0, y1, bottom, top, c->is_y_log);
}

static double y_at(const struct plot *p, double y)
{
    if (is_far(p, y))
        return p->c->is_y_lower_better ? p->f.top + 8 : p->f.height - p->f.bottom - 10;
    if (p->has_zeros && y <= 0)
        return p->f.height - p->f.bottom - 8;
    return svg_at(&p->sy, y);
}

/* -- drawing ----------------------------------------------------------------------------------- */

static void draw_front(const struct plot *p)
{
    const struct svg_scatter *c = p->c;
    double last = -INFINITY;
    bool has_begun = false;
    buf_adds(p->b, "<path class=\"front\" d=\"");
    for (size_t step = 0; step < c->n; step++) { /* selection in order of x */
        size_t next = c->n;
        for (size_t i = 0; i < c->n; i++)
            if (c->points[i].x > last && !is_beaten(c, i) &&
                (next == c->n || c->points[i].x < c->points[next].x))
                next = i;
        if (next == c->n)
            break;
        double x = svg_at(&p->sx, c->points[next].x), y = y_at(p, c->points[next].y);
        if (!has_begun)
            buf_printf(p->b, "M%.1f %.1f", x, y);
        else if (c->is_x_lower_better)
            buf_printf(p->b, "H%.1fV%.1f", x, y);
        else
            buf_printf(p->b, "V%.1fH%.1f", y, x);
        has_begun = true;
        last = c->points[next].x;
    }
    buf_adds(p->b, has_begun ? "\"/>" : "M0 0\"/>");
}

/* The region of a point; true: of both axes. */
static bool draw_region(const struct plot *p, const struct svg_point *v)
{
    double x = svg_at(&p->sx, v->x), y = y_at(p, v->y);
    bool has_x = !isnan(v->x_lo) && !isnan(v->x_hi), has_y = !isnan(v->y_lo) && !isnan(v->y_hi);
    double l = has_x ? svg_at(&p->sx, v->x_lo) : x, r = has_x ? svg_at(&p->sx, v->x_hi) : x;
    double u = has_y ? svg_at(&p->sy, v->y_hi) : y, d = has_y ? svg_at(&p->sy, v->y_lo) : y;
    if (has_x && has_y) {
        double joint = p->joint, rl = joint * (x - l), rr = joint * (r - x), ru = joint * (y - u),
               rd = joint * (d - y);
        buf_printf(p->b,
                   "<path class=\"region\" d=\"M%.1f %.1fA%.1f %.1f 0 0 0 %.1f %.1f"
                   "A%.1f %.1f 0 0 0 %.1f %.1f",
                   x + rr, y, rr, ru, x, y - ru, rl, ru, x - rl, y);
        buf_printf(p->b, "A%.1f %.1f 0 0 0 %.1f %.1fA%.1f %.1f 0 0 0 %.1f %.1fZ\"/>", rl, rd, x,
                   y + rd, rr, rd, x + rr, y);
        return true;
    }
    if (has_x)
        svg_line(p->b, "whisker", l, y, r, y);
    if (has_y)
        svg_line(p->b, "whisker", x, d, x, u);
    return false;
}

static bool draw_point(const struct plot *p, const struct svg_point *v)
{
    const struct svg_scatter *c = p->c;
    double y = y_at(p, v->y);
    struct fmt level = fmt_level(c->alpha);
    struct buf hover;
    buf_init(&hover, 4096);
    buf_printf(&hover, "%.200s: %s %s, %s %s", v->name, c->x_label, fmt_sig(v->x, 4).s, c->y_label,
               fmt_sig(v->y * c->y_scale, 4).s);
    if (!isnan(v->x_lo) && !isnan(v->x_hi))
        buf_printf(&hover, "; %s %% %s .. %s", level.s, fmt_sig(v->x_lo, 4).s, fmt_sig(v->x_hi, 4).s);
    if (!isnan(v->y_lo) && !isnan(v->y_hi))
        buf_printf(&hover, "; %s %% %s .. %s", level.s, fmt_sig(v->y_lo * c->y_scale, 4).s,
                   fmt_sig(v->y_hi * c->y_scale, 4).s);
    buf_adds(p->b, "<g>");
    svg_title(p->b, hover.v);
    buf_printf(p->b, "<g class=\"c%d\">", v->color % SVG_COLORS);
    bool is_joint = !is_far(p, v->y) && draw_region(p, v);
    buf_adds(p->b, "</g>");
    svg_marker(p->b, svg_at(&p->sx, v->x), y, v->color, 5.5);
    buf_adds(p->b, "</g>");
    buf_release(&hover);
    return is_joint;
}

/* Points in order of how many others are near: who stands alone keeps the place beside it. */
static size_t *by_room(const struct plot *p, struct arena *a)
{
    const struct svg_scatter *c = p->c;
    size_t *order = ARENA_ARRAY(a, size_t, c->n + 1), *near = ARENA_ARRAY(a, size_t, c->n + 1);
    for (size_t i = 0; i < c->n; i++) {
        near[i] = 0;
        for (size_t k = 0; k < c->n; k++)
            near[i] += fabs(svg_at(&p->sx, c->points[k].x) - svg_at(&p->sx, c->points[i].x)) < 80 &&
                       fabs(y_at(p, c->points[k].y) - y_at(p, c->points[i].y)) < 24;
        size_t at = i;
        for (; at > 0 && near[order[at - 1]] > near[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return order;
}

static void draw_names(const struct plot *p, struct arena *a)
{
    const struct svg_scatter *c = p->c;
    struct box *taken = ARENA_ARRAY(a, struct box, 2 * c->n + 1);
    size_t n = 0, *order = by_room(p, a);
    for (size_t i = 0; i < c->n; i++)
        taken[n++] =
            (struct box){svg_at(&p->sx, c->points[i].x) - 6, y_at(p, c->points[i].y) - 6, 12, 12};
    for (size_t k = 0; k < c->n; k++) {
        const struct svg_point *v = &c->points[order[k]];
        const char *name = v->name;
        if (is_far(p, v->y))
            name = arena_printf(a, "%s %s %s", v->name,
                                c->is_y_lower_better ? "\xe2\x86\x91" : "\xe2\x86\x93",
                                fmt_sig(v->y * c->y_scale, 3).s);
        place_label(p, svg_at(&p->sx, v->x), y_at(p, v->y), name, taken, &n);
    }
}

void svg_pareto(struct buf *b, const struct svg_scatter *c, size_t *n_regions, size_t *n_far)
{
    struct arena a = {0};
    struct plot p = {.b = b,
                     .c = c,
                     .f = {520, 340, 52, 16, 30, 46},
                     .joint = svg_joint(c->alpha),
                     .far = far_limit(c, &a)};
    set_scales(&p);
    svg_open(b, p.f.width, p.f.height, c->label);
    svg_x_axis(b, &p.f, &p.sx, c->x_label);
    svg_y_axis(b, &p.f, &p.sy, c->y_scale, c->y_label);
    if (p.has_zeros) {
        svg_line(b, "grid", p.f.left, y_at(&p, 0), p.f.width - p.f.right, y_at(&p, 0));
        svg_text(b, p.f.left - 8, y_at(&p, 0) + 4, "tick end", "0");
    }
    draw_front(&p);
    for (size_t i = 0; i < c->n; i++) {
        *n_regions += draw_point(&p, &c->points[i]);
        *n_far += is_far(&p, c->points[i].y);
    }
    draw_names(&p, &a);
    buf_adds(b, "</svg>");
    arena_release(&a);
}
