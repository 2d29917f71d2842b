/* Trade-off charts: where points, regions and the front lie, and that a region holds what it says. */
#include "tests/reports/report_test.h"

#include <math.h>
#include "reports/svg.h"

static size_t n_far;

static size_t draw(struct buf *b, const struct svg_point *points, size_t n_points, bool is_kl)
{
    struct svg_scatter s = {.alpha = 0.05,
                            .x_label = "x",
                            .y_label = "y",
                            .label = "chart",
                            .is_y_lower_better = is_kl,
                            .is_y_log = is_kl,
                            .y_scale = 1,
                            .points = points,
                            .n = n_points};
    buf_init(b, 0);
    size_t n = 0;
    n_far = 0;
    svg_pareto(b, &s, &n, &n_far);
    return n;
}

static const char *after(const char *s, const char *what, int nth)
{
    for (int i = 0; i <= nth; i++) {
        s = strstr(s, what);
        assert_non_null(s);
        s += strlen(what);
    }
    return s;
}

static size_t count_of(const char *s, const char *what)
{
    size_t n = 0;
    for (; (s = strstr(s, what)); s += strlen(what))
        n++;
    return n;
}

/* x and y in pixels of the nth marker. */
static void marker(const struct buf *b, int nth, double *x, double *y)
{
    assert_int_equal(sscanf(after(b->v, "translate(", nth), "%lf %lf", x, y), 2);
}

/* Half axes of the nth region: right, up, left, down. */
static void region(const struct buf *b, int nth, double r[4])
{
    double v[20];
    const char *s = after(b->v, "class=\"region\" d=\"", nth);
    int n = sscanf(s,
                   "M%lf %lfA%lf %lf 0 0 0 %lf %lfA%lf %lf 0 0 0 %lf %lf"
                   "A%lf %lf 0 0 0 %lf %lfA%lf %lf 0 0 0 %lf %lfZ",
                   &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9], &v[10],
                   &v[11], &v[12], &v[13], &v[14], &v[15], &v[16], &v[17]);
    assert_int_equal(n, 18);
    assert_true(v[16] == v[0] && v[17] == v[1]); /* closed */
    r[0] = v[2];
    r[1] = v[3];
    r[2] = v[6];
    r[3] = v[11];
}

/* Half axes are 1.249 times the half widths as drawn, each side its own; bars are plain intervals. */
static void ellipse(void **state)
{
    (void)state;
    const struct svg_point p[] = {{"a", 0, 100, 90, 105, 0.50, 0.40, 0.54},
                                  {"b", 1, 200, NAN, NAN, 0.60, 0.58, 0.62},
                                  {"c", 2, 300, 280, 320, 0.70, NAN, NAN}};
    struct buf b;
    double x[3], y[3], r[4];
    assert_int_equal(draw(&b, p, 3, false), 1);
    for (int i = 0; i < 3; i++)
        marker(&b, i, &x[i], &y[i]);
    double per_x = (x[2] - x[0]) / 200, per_y = (y[0] - y[2]) / 0.2;
    near(x[1], x[0] + 100 * per_x, 0.11);
    region(&b, 0, r);
    const double k = sqrt(-2 * log(0.05)) / 1.959963984540054; /* chi2(0.95; 2) = -2 ln 0.05 */
    near(r[0], k * 5 * per_x, 0.11);
    near(r[2], k * 10 * per_x, 0.11);
    near(r[1], k * 0.04 * per_y, 0.11);
    near(r[3], k * 0.10 * per_y, 0.11);
    double x1, y1, x2, y2;
    assert_int_equal(sscanf(after(b.v, "class=\"whisker\"", 0),
                            " x1=\"%lf\" y1=\"%lf\" x2=\"%lf\" y2=\"%lf\"", &x1, &y1, &x2, &y2),
                     4);
    near(x1, x[1], 0.11);
    near(fabs(y2 - y1), 0.04 * per_y, 0.11);
    assert_int_equal(count_of(b.v, "class=\"whisker\""), 2);
    buf_release(&b);
}

/* Of independent normal errors 95 % lie within the ellipse that is drawn, fewer within its box of
 * intervals. */
static void coverage(void **state)
{
    (void)state;
    enum { N = 20000 };
    const double z = 1.959963984540054;
    const struct svg_point p[] = {
        {"a", 0, 100, 100 - z * 3, 100 + z * 3, 0.5, 0.5 - z * 0.02, 0.5 + z * 0.02},
        {"b", 1, 180, NAN, NAN, 0.9, NAN, NAN}};
    struct buf b;
    struct rng rng = {7};
    double x0, y0, x1, y1, r[4];
    draw(&b, p, 2, false);
    marker(&b, 0, &x0, &y0);
    marker(&b, 1, &x1, &y1);
    region(&b, 0, r);
    double per_x = (x1 - x0) / 80, per_y = (y0 - y1) / 0.4;
    int inside = 0, box = 0;
    for (int i = 0; i < N; i++) {
        double dx = 3 * make_normal(&rng), dy = 0.02 * make_normal(&rng);
        inside += pow(dx * per_x / r[0], 2) + pow(dy * per_y / r[1], 2) <= 1;
        box += fabs(dx) <= z * 3 && fabs(dy) <= z * 0.02;
    }
    near(inside / (double)N, 0.95, 0.006);
    assert_true(box / (double)N < 0.92);
    buf_release(&b);
}

/* A logarithmic axis with a line for zero, and the front over both. */
static void zeros(void **state)
{
    (void)state;
    const struct svg_point p[] = {{"ref", 0, 100, NAN, NAN, 0, NAN, NAN},
                                  {"same", 1, 150, NAN, NAN, 0, NAN, NAN},
                                  {"near", 2, 200, NAN, NAN, 1e-9, NAN, NAN},
                                  {"far", 3, 300, NAN, NAN, 1, 0.5, 2}};
    struct buf b;
    double x, y[4];
    assert_int_equal(draw(&b, p, 4, true), 0);
    for (int i = 0; i < 4; i++)
        marker(&b, i, &x, &y[i]);
    assert_true(y[0] == y[1] && y[1] > y[2] + 5 && y[2] > y[3] + 100);
    assert_non_null(strstr(b.v, ">0</text>"));
    assert_non_null(strstr(b.v, "10\xe2\x81\xbb"));
    int n = 0;
    char steps[64];
    assert_int_equal(sscanf(after(b.v, "class=\"front\" d=\"", 0), "%63[^\"]%n", steps, &n), 1);
    assert_int_equal(count_of(steps, "H"), 2); /* same, near, far: ref is beaten */
    buf_release(&b);
}

/* What is far below the others is drawn at the edge with its value, and the others have the room;
 * what the front needs stays. */
static void far_away(void **state)
{
    (void)state;
    struct svg_point p[] = {{"a", 0, 100, NAN, NAN, 95.0, NAN, NAN},
                            {"b", 1, 110, NAN, NAN, 94.8, NAN, NAN},
                            {"c", 2, 120, NAN, NAN, 94.6, NAN, NAN},
                            {"d", 3, 130, NAN, NAN, 94.4, 94.2, 94.6},
                            {"broken", 4, 125, NAN, NAN, 19.4, NAN, NAN}};
    struct buf b;
    double x, y[5];
    draw(&b, p, 5, false);
    for (int i = 0; i < 5; i++)
        marker(&b, i, &x, &y[i]);
    assert_true(y[3] - y[0] > 100 && y[4] > y[3]);
    assert_int_equal(n_far, 1);
    assert_non_null(strstr(b.v, "broken \xe2\x86\x93 19.4<"));
    buf_release(&b);
    p[4].x = 500; /* nothing is as fast */
    draw(&b, p, 5, false);
    marker(&b, 0, &x, &y[0]);
    marker(&b, 3, &x, &y[3]);
    assert_true(y[3] - y[0] < 10);
    assert_null(strstr(b.v, "\xe2\x86\x93"));
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ellipse), cmocka_unit_test(coverage),
                                       cmocka_unit_test(zeros), cmocka_unit_test(far_away)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
