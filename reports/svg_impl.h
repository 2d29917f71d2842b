/* svg_impl.h - what the files that draw share: scales, axes, text and marks.
 *
 * Coordinates are in a viewBox of CSS pixels; text sizes and colours come from report.css. */
#ifndef SVG_IMPL_H
#define SVG_IMPL_H
#include "reports/svg.h"

enum { SVG_ROW_H = 30, SVG_NAME_W = 108, SVG_TICKS = 24 };

struct svg_scale {
    double lo, hi, from, to;     /* data -> pixels */
    bool is_log;
};
struct svg_frame {
    int width, height, left, right, top, bottom;     /* margins around the plot */
};
double svg_at(const struct svg_scale *, double v);
/* Widens lo..hi to a readable range; logarithmic when it spans more than a factor of 6. */
struct svg_scale svg_scale_for(double lo, double hi, double from, double to, bool may_log);
size_t svg_ticks_of(const struct svg_scale *, int wanted, double out[SVG_TICKS]);
double svg_least(double, double);            /* NAN on the right is ignored */
double svg_most(double, double);

void svg_open(struct buf *, int width, int height, const char *label);
void svg_text(struct buf *, double x, double y, const char *class, const char *s);
void svg_title(struct buf *, const char *s);
void svg_tick_text(struct buf *, double v);
void svg_line(struct buf *, const char *class, double x1, double y1, double x2, double y2);
void svg_rect(struct buf *, const char *class, double x, double y, double w, const char *hover);
void svg_marker(struct buf *, double x, double y, int color, double r);
void svg_row_name(struct buf *, const char *name, int color, double y);
void svg_x_axis(struct buf *, const struct svg_frame *, const struct svg_scale *,
                const char *label);
void svg_y_axis(struct buf *, const struct svg_frame *, const struct svg_scale *, double factor,
                const char *label);
#endif
