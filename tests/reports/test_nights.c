/* test_nights.c - the report's nights: what changed, histories, and that names from outside stay
 * text. */
#include "tests/reports/report_test.h"

#include "reports/html.h"
#include "reports/nights.h"
#include "tests/reports/make_nights.h"

static const char first_class[] = "0193a5c2-0000-7000-8000-a00000000059";

static void open_nights(struct fixture *f, struct nights_options o, const char *const *runs,
                        size_t n)
{
    fixture_folder(f);
    make_nights(f->db, o);
    assert_int_equal(fixture_compare(f, runs, n, (struct compare_options){0}), 0);
}

static const struct nights_change *change_of(const struct nights *n, const char *name)
{
    for (size_t i = 0; i < n->n_changes; i++)
        if (strcmp(n->changes[i].row->name, name) == 0)
            return &n->changes[i];
    return NULL;
}

/* 5 % slower since twelve nights, 3 % less memory since twenty, and nothing else. */
static void changes(void **state)
{
    struct fixture f;
    const struct nights *n;
    size_t count;
    (void)state;
    open_nights(&f, (struct nights_options){.n_variants = 4, .n_tasks = 2, .n_items = 60},
                (const char *const[]){first_class}, 1);
    assert_int_equal(nights_make(f.view, f.c, &f.a, &n, &count, &f.err), 0);
    assert_int_equal(count, 1);
    assert_true(n->is_judged);
    assert_false(n->is_stored);
    assert_string_equal(n->verdict, "regression");
    const struct nights_change *slow = change_of(n, "decode/decode:16+64/int8");
    const struct nights_change *small = change_of(n, "memory/int4");
    assert_non_null(slow);
    assert_non_null(small);
    assert_int_equal(slow->row->state, GATE_CONFIRMED);
    assert_false(slow->row->is_improvement);
    assert_true(small->row->is_improvement);
    assert_false(slow->is_new);
    near(slow->effect.v, -0.05, 0.01);
    assert_true(slow->effect.lo < -0.045 && slow->effect.hi > -0.055);
    assert_true(slow->effect.hi < -0.03 && slow->effect.lo > -0.07);
    near(small->effect.v, -0.03, 0.002);
    assert_true(slow->from_ns > 0 && slow->from_ns <= slow->to_ns);
    assert_null(change_of(n, "decode/decode:16+64/fp32"));
    fixture_end(&f);
}

/* The gate's own verdict and findings of that night go before what is judged here. */
static void kept(void **state)
{
    struct fixture f;
    const struct nights *n;
    size_t count;
    (void)state;
    open_nights(&f, (struct nights_options){.n_variants = 4, .n_tasks = 1, .n_items = 40},
                (const char *const[]){first_class}, 1);
    fixture_close(&f);
    fixture_sql(&f,
                "INSERT INTO gate SELECT id, 'pass', 0, 'nothing <b>new</b>', NULL, ended_ns "
                "FROM run WHERE uid LIKE '%a00000000059';"
                "INSERT INTO finding (uid, series, name, class, direction, state, tag, run_id, "
                "seen_id, before, after, changed_ns) SELECT 'f1', '123456789abc', "
                "'prefill/gone', 'class-a', 'regression', 'fixed', 'code', id - 3, id, 100, 90, "
                "ended_ns FROM run WHERE uid LIKE '%a00000000059'");
    assert_int_equal(
        fixture_compare(&f, (const char *const[]){first_class}, 1, (struct compare_options){0}), 0);
    assert_int_equal(nights_make(f.view, f.c, &f.a, &n, &count, &f.err), 0);
    assert_true(n->is_stored);
    assert_string_equal(n->verdict, "pass");
    assert_null(change_of(n, "decode/decode:16+64/int8")); /* the gate did not find it */
    const struct nights_change *gone = change_of(n, "prefill/gone");
    assert_non_null(gone);
    assert_int_equal(gone->row->state, GATE_FIXED);
    assert_true(gone->is_new);
    near(gone->effect.v, -0.1, 1e-9);
    fixture_end(&f);
}

/* An older night shows its history, and no verdict that would be hindsight. */
static void older(void **state)
{
    struct fixture f;
    const struct nights *n;
    size_t count;
    (void)state;
    open_nights(&f, (struct nights_options){.n_nights = 12, .n_variants = 2, .n_tasks = 1},
                (const char *const[]){"0193a5c2-0000-7000-8000-a00000000009"}, 1);
    assert_int_equal(nights_make(f.view, f.c, &f.a, &n, &count, &f.err), 0);
    assert_int_equal(count, 1);
    assert_false(n->is_judged);
    assert_int_equal(n->history.set->n_runs, 10);
    fixture_end(&f);
}

static size_t count_of(const struct buf *b, const char *s)
{
    size_t n = 0;
    for (const char *p = b->v; (p = strstr(p, s)) != NULL; p++)
        n++;
    return n;
}

/* The whole page, with hostile names everywhere: sections are there, markup is not. */
static void page(void **state)
{
    struct fixture f;
    struct buf b;
    const char *const runs[] = {first_class, "0193a5c2-0000-7000-8000-b00000000059"};
    (void)state;
    open_nights(&f,
                (struct nights_options){.n_variants = 8,
                                        .n_tasks = 2,
                                        .n_items = 60,
                                        .has_second_machine = true,
                                        .is_hostile = true},
                runs, 2);
    buf_init(&b, 0);
    assert_int_equal(html_render(f.view, f.c, &(struct html_options){0}, &b, &f.err), 0);
    static const char *const wanted[] = {"id=\"changed\"",       "id=\"history\"",
                                         "id=\"machines\"",      "class=\"spark",
                                         "class=\"change worse", "int8-dot",
                                         "class=\"event\"",      "mismatch",
                                         "out of memory",        "score otherwise than on",
                                         "class=\"item\"",       "class=\"tight wall\""};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strstr(b.v, wanted[i]))
            fail_msg("the page has no '%s'", wanted[i]);
    static const char *const unwanted[] = {"<script>window", "<i>",  "<img",  "\x1b",
                                           "\xe2\x80\xae",   ">nan", ">-nan", ">inf"};
    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
        if (strstr(b.v, unwanted[i]))
            fail_msg("the page has '%s'", unwanted[i]);
    assert_int_equal(count_of(&b, "<section"), count_of(&b, "</section>"));
    assert_int_equal(count_of(&b, "<table"), count_of(&b, "</table>"));
    assert_int_equal(count_of(&b, "<svg"), count_of(&b, "</svg>"));
    assert_int_equal(count_of(&b, "<details"), count_of(&b, "</details>"));
    assert_true(b.n < 2000000);
    buf_release(&b);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(changes), cmocka_unit_test(kept),
                                       cmocka_unit_test(older), cmocka_unit_test(page)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
