/* svg.h - charts as inline SVG: plain numbers in, markup out.  Knows no store, no variants.
 *
 * Colours are classes (c0 .. c19, one per variant, fixed for the whole report); shapes and dashes go
 * with them, so that colour is never alone.  Every mark has a <title>, which browsers show on hover.  Names
 * are escaped here. */
#ifndef SVG_H
#define SVG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum { SVG_COLORS = 20 };

/* -- a small interval on a shared scale, for table cells --------------------------------------- */
struct svg_span {
    double v, lo, hi;            /* NAN: nothing drawn */
};
struct svg_axis {                /* lo < hi; band: -band .. +band is shaded; 0: none */
    double lo, hi, band;
    int width;
};
/* An axis that holds 0, the band and all spans, symmetrical enough to read. */
struct svg_axis svg_axis_for(const struct svg_span *, size_t n, double band, int width);
void svg_interval(struct buf *, const struct svg_axis *, struct svg_span, int color,
                  const char *title);
/* The same width with ticks and their numbers (times `scale`). */
void svg_ticks(struct buf *, const struct svg_axis *, double scale);

/* -- charts ------------------------------------------------------------------------------------ */
struct svg_point {
    const char *name;
    int color;
    double x, x_lo, x_hi, y, y_lo, y_hi;     /* 95 % intervals of each; NAN: none */
};
struct svg_scatter {
    const char *x_label, *y_label, *label;   /* label: for those who do not see it */
    bool is_x_lower_better, is_y_lower_better;
    bool is_y_log;               /* zeros get a line of their own below the others */
    double y_scale;                          /* y is shown times this */
    double alpha;                /* the points' limits are intervals at 1 - alpha */
    const struct svg_point *points;
    size_t n;
};
/* Points, the front of those that nothing beats in both directions, and joint regions (svg_scatter.c).
 * Adds to n_regions and n_far how many have a region of both axes, and lie off the scale. */
/* How many times wider than the interval of one axis the joint region of two is. */
double svg_joint(double alpha);
void svg_pareto(struct buf *, const struct svg_scatter *, size_t *n_regions, size_t *n_far);

struct svg_series {
    const char *name;
    int color;
    const double *v;             /* ascending */
    size_t n;
    bool is_later;               /* of a later run: a namesake has the same colour; dashed */
};
struct svg_words {
    const char *x, *y, *label;   /* of the axes; for those who do not see it */
};
/* Empirical distribution functions on a logarithmic axis. */
void svg_ecdf(struct buf *, const struct svg_series *, size_t n, const struct svg_words *);
struct svg_band {                /* a line with limits over x, both in order of x */
    const char *name;
    int color;
    const double *x, *y, *lo, *hi;           /* lo, hi NAN: no band there */
    size_t n;
};
/* Ratios over quantiles (x 0 .. 1 as per cent), y logarithmic around a line at 1. */
void svg_ratios(struct buf *, const struct svg_band *, size_t n, const struct svg_words *);
/* One row of dots per series, with the median. */
void svg_strips(struct buf *, const struct svg_series *, size_t n, const char *x_label,
                const char *label);

struct svg_bar {
    const char *name;
    int color;
    double a, b;                 /* left and right of zero (svg_flips), or of the whole (svg_votes) */
    double mark;                 /* svg_flips: beside both; svg_votes: the whole */
};
enum { SVG_PARTS = 3 };
struct svg_pile {
    const char *name;
    int color;
    double v[SVG_PARTS];         /* one on another, in ever lighter tones; 0: none */
    double mark;                 /* a line across; NAN: none */
};
struct svg_stack {
    const char *unit, *label;
    const char *parts[SVG_PARTS];            /* names of v */
    const struct svg_pile *piles;
    size_t n;
};
void svg_stack(struct buf *, const struct svg_stack *);
/* Shares of a whole: a | the rest | b, with their counts; mark is the whole. */
void svg_votes(struct buf *, const struct svg_bar *, size_t n, const char *label);

struct svg_matrix {              /* symmetrical: only the lower triangle is drawn */
    const char *const *names;    /* [n] */
    const double *v;             /* [n][n], -1 .. 1; NAN: empty */
    const char *const *hover;    /* [n][n]; entries above the diagonal are not read */
    size_t n;
    const char *label;
};
void svg_correlations(struct buf *, const struct svg_matrix *);
void svg_flips(struct buf *, const struct svg_bar *, size_t n, const char *label);

/* -- nights (svg_nights.c) --------------------------------------------------------------------- */
struct svg_step {                /* a change of level */
    size_t at, lo, hi;           /* indices of points: first at the new level, and where it may lie */
    double before, after;
    bool is_worse;
    const char *hover;
};
enum { SVG_DIRTY = 1,            /* the machine was disturbed */
       SVG_STARTS = 2 };         /* another model, dataset or configuration than before */
struct svg_panel {               /* one series */
    const char *name;
    const char *value;           /* the newest, in words; NULL: none */
    int color;
    const size_t *x;             /* night of each point, ascending */
    const double *v;
    const uint8_t *flags;
    const char *const *hover;    /* one a point; NULL: none */
    size_t n;
    const struct svg_step *steps;
    size_t n_steps;
    bool is_strip;               /* a canary: low, under the others */
};
struct svg_event {               /* a line through all panels */
    size_t x;
    const char *name;
};
struct svg_nights {
    const char *label;
    const char *const *dates;    /* [n]: under the axis */
    size_t n;
    const struct svg_panel *panels;
    size_t n_panels;
    const struct svg_event *events;          /* ascending */
    size_t n_events;
};
/* One panel a series over the same nights, each on its own scale, steps and their levels drawn. */
void svg_nights(struct buf *, const struct svg_nights *);
/* The newest 60 nights of a series as one small line, for a table cell. */
void svg_spark(struct buf *, const struct svg_panel *, const char *hover);
#endif
