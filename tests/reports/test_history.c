/* test_history.c - series of nights: all of them, found by metric, machine and night; what begins a
 * segment and what does not; change points. */
#include "tests/reports/report_test.h"

#include "reports/history.h"
#include "tests/reports/make_nights.h"

static struct history make(struct fixture *f, struct history_options o)
{
    struct history h;
    view_close(f->view);
    assert_int_equal(view_open(f->db, &f->view, &f->err), 0);
    if (history_make(f->view, &o, &f->a, &h, &f->err) < 0)
        fail_msg("%s", f->err.msg);
    return h;
}

static void refuses(struct fixture *f, struct history_options o, const char *part)
{
    struct history h;
    view_close(f->view);
    assert_int_equal(view_open(f->db, &f->view, &f->err), 0);
    assert_int_equal(history_make(f->view, &o, &f->a, &h, &f->err), ASSAY_EUSAGE);
    if (!strstr(f->err.msg, part))
        fail_msg("'%s' does not say '%s'", f->err.msg, part);
}

static const struct history_series *series(struct fixture *f, const struct history *h,
                                           const char *name)
{
    const struct history_series *s;
    if (history_find(h, name, &f->a, &s, &f->err) < 0)
        fail_msg("%s", f->err.msg);
    return s;
}

/* More series than the table begins with; each one whole, with what stands behind its points. */
static void every_series(void **state)
{
    struct fixture f;
    (void)state;
    fixture_folder(&f);
    make_nights(f.db, (struct nights_options){
                          .n_nights = 12, .n_variants = 4, .n_tasks = 34, .n_items = 20});
    struct history h = make(&f, (struct history_options){0});
    assert_true(h.n_series > 140);
    for (size_t i = 0; i < h.n_series; i++) {
        const struct history_series *s = &h.series[i];
        assert_int_equal(s->n, 12);
        assert_int_equal(strlen(s->id), 12);
        assert_ptr_equal(series(&f, &h, s->id), s);
        for (size_t k = 0; k < s->n; k++) {
            const struct history_point *p = &s->points[k];
            assert_int_equal(p->run, k);
            assert_true(p->n > 0 && p->value > 0);
            assert_true((p->variant != NULL) == (s->kind != HISTORY_CANARY));
            assert_true((p->job != NULL) ==
                        (s->kind != HISTORY_CANARY && s->kind != HISTORY_MEMORY));
            if (p->job)
                assert_string_equal(p->job->name, s->task);
            if (s->kind == HISTORY_ACCURACY)
                assert_int_equal(p->n, 20);
        }
    }
    const struct history_series *ttft = series(&f, &h, "ttft/decode:16+64/int8");
    assert_string_equal(ttft->unit, "ms");
    assert_false(ttft->higher_is_better);
    assert_int_equal(series(&f, &h, "canary/stream")->n, 12);
    fixture_end(&f);
}

/* What is left out when one metric is asked for is none of it. */
static void one_metric(void **state)
{
    static const char *const metrics[] = {"prefill", "decode", "ttft", "memory", "canary", "acc"};
    struct fixture f;
    (void)state;
    fixture_folder(&f);
    make_nights(f.db, (struct nights_options){
                          .n_nights = 6, .n_variants = 3, .n_tasks = 2, .n_items = 20});
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++) {
        struct fixture g = f;
        g.view = NULL;
        g.a = (struct arena){0};
        struct history all = make(&f, (struct history_options){0});
        struct history one = make(&g, (struct history_options){.metric = metrics[m]});
        size_t n = 0;
        for (size_t i = 0; i < all.n_series; i++) {
            const struct history_series *s = &all.series[i];
            if (strcmp(s->metric, metrics[m]) != 0)
                continue;
            const struct history_series *t = series(&g, &one, s->id);
            n++;
            assert_int_equal(t->n, s->n);
            for (size_t k = 0; k < s->n; k++) {
                assert_true(t->points[k].value == s->points[k].value);
                assert_int_equal(t->points[k].starts, s->points[k].starts);
                assert_int_equal(t->points[k].n, s->points[k].n);
            }
        }
        assert_true(n > 0);
        assert_int_equal(one.n_series, n);
        fixture_close(&g);
    }
    fixture_end(&f);
}

static void machines(void **state)
{
    struct fixture f;
    (void)state;
    fixture_folder(&f);
    make_nights(f.db, (struct nights_options){.n_nights = 5,
                                              .n_variants = 2,
                                              .n_tasks = 1,
                                              .n_items = 20,
                                              .has_second_machine = true});
    struct history h = make(&f, (struct history_options){0});
    size_t n = h.set->n_runs;
    const char *name = h.set->runs[n - 1].machine, *class = h.set->runs[n - 1].machine_class;
    size_t own = 0;
    for (size_t i = 0; i < n; i++)
        own += strcmp(h.set->runs[i].machine_class, class) == 0;
    assert_true(own > 0 && own < n);
    name = arena_strdup(&f.a, name);
    class = arena_strdup(&f.a, class);
    assert_int_equal(make(&f, (struct history_options){.machine = name}).set->n_runs, own);
    assert_int_equal(make(&f, (struct history_options){.machine = class}).set->n_runs, own);
    refuses(&f, (struct history_options){.machine = "cla"}, "machine 'cla'");
    refuses(&f, (struct history_options){.machine = "elsewhere"}, "machine 'elsewhere'");
    assert_int_equal(make(&f, (struct history_options){.machine = "clas"}).set->n_runs, n);
    h = make(&f, (struct history_options){.task = "prefill:256", .variant = "int8", .machine = class});
    assert_int_equal(h.n_series, 1);
    assert_string_equal(h.series[0].task, "prefill:256");
    assert_string_equal(h.series[0].variant, "int8");
    h = make(&f, (struct history_options){.max_runs = 3});
    assert_int_equal(h.set->n_runs, 3);
    fixture_sql(&f, "UPDATE run SET status = 'running'");
    refuses(&f, (struct history_options){0}, "no finished run");
    fixture_end(&f);
}

static const char *as_other(struct fixture *f, int id, const char *options, int from)
{
    return arena_printf(
        &f->a,
        "INSERT INTO variant SELECT %d, 'other-%d', v.model_id, v.backend, v.backend_version, "
        "v.precision, %s, v.info FROM variant v JOIN run_variant x ON x.variant_id = v.id WHERE "
        "x.name = 'int8' AND x.run_id = 1;"
        "UPDATE run_variant SET variant_id = %d WHERE name = 'int8' AND run_id >= %d",
        id, id, options, id, from);
}

/* A file that moved is the same configuration; another option is not. */
static void configurations(void **state)
{
    struct fixture f;
    (void)state;
    fixture_folder(&f);
    make_nights(f.db, (struct nights_options){
                          .n_nights = 12, .n_variants = 2, .n_tasks = 1, .n_items = 20});
    fixture_sql(&f, "UPDATE variant SET options = '{\"model\": \"/a/m.gguf\", \"group\": 32}'");
    fixture_sql(&f, as_other(&f, 901, "'{\"model\": \"/b/m.gguf\", \"group\": 32}'", 4));
    fixture_sql(&f, as_other(&f, 902, "'{\"group\": 32}'", 6));
    fixture_sql(&f, as_other(&f, 903, "'{\"group\": 64, \"model\": \"/b/m.gguf\"}'", 8));
    fixture_sql(&f, as_other(&f, 904, "'not JSON'", 10));
    fixture_sql(&f, as_other(&f, 905, "'not JSON either'", 11));
    struct history h = make(&f, (struct history_options){0});
    const struct history_series *s = series(&f, &h, "decode/decode:16+64/int8");
    static const uint8_t want[12] = {[7] = HISTORY_CONFIG, [9] = HISTORY_CONFIG,
                                     [10] = HISTORY_CONFIG};
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(s->points[i].starts, want[i]);
        assert_int_equal(s->points[i].differs, want[i]);
    }
    assert_int_equal(s->first, 10);
    h = make(&f, (struct history_options){.segments = HISTORY_MODEL | HISTORY_DATASET});
    s = series(&f, &h, "decode/decode:16+64/int8");
    assert_int_equal(s->first, 0);
    assert_int_equal(s->points[7].differs, HISTORY_CONFIG);
    fixture_end(&f);
}

/* The planted slow-down is a change point, unless it is too small to matter. */
static void changes(void **state)
{
    struct fixture f;
    struct history_options o = {.with_changes = true};
    (void)state;
    fixture_folder(&f);
    make_nights(f.db, (struct nights_options){.n_variants = 3, .n_tasks = 1, .n_items = 20});
    struct history h = make(&f, o);
    const struct history_series *s = series(&f, &h, "decode/decode:16+64/int8");
    assert_int_equal(s->n, 60);
    assert_true(s->n_changes > 0);
    const struct change_point *c = &s->changes[s->n_changes - 1];
    assert_int_equal(c->at, 48);
    near(c->after / c->before, 0.95, 0.01);
    o.min_effect[HISTORY_SPEED] = 0.2;
    h = make(&f, o);
    assert_int_equal(series(&f, &h, "decode/decode:16+64/int8")->n_changes, 0);
    assert_true(series(&f, &h, "memory/int4")->n_changes > 0);
    fixture_sql(&f, "UPDATE sample SET is_dirty = 1 WHERE job_id IN (SELECT j.id FROM job j JOIN "
                    "run_variant v ON v.id = j.run_variant_id WHERE v.name = 'int8' AND v.run_id > 48 "
                    "AND j.name = 'decode:16+64')"); /* others used the machine: shown, not judged */
    o = (struct history_options){.with_changes = true};
    h = make(&f, o);
    s = series(&f, &h, "decode/decode:16+64/int8");
    assert_true(s->n == 60 && s->points[59].is_dirty && !s->points[40].is_dirty);
    for (size_t i = 0; i < s->n_changes; i++)
        assert_true(s->changes[i].at < 47);
    o = (struct history_options){0};
    h = make(&f, o);
    assert_int_equal(series(&f, &h, "decode/decode:16+64/int8")->n_changes, 0);
    fixture_end(&f);
}

static void empty(void **state)
{
    struct fixture f;
    struct store *s;
    (void)state;
    fixture_folder(&f);
    assert_int_equal(store_open(f.db, STORE_CREATE, &s, &f.err), 0);
    store_close(s);
    refuses(&f, (struct history_options){0}, "has no runs");
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_series),   cmocka_unit_test(one_metric),
                                       cmocka_unit_test(machines),       cmocka_unit_test(configurations),
                                       cmocka_unit_test(changes),        cmocka_unit_test(empty)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
