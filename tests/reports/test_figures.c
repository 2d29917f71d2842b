/* Figures that were wrong once: each against what the rows of the store say. */
#include "tests/reports/report_test.h"

#include "reports/history.h"
#include "reports/notice.h"
#include "reports/term.h"

static const struct make_options few = {.n_items = 60, .n_tasks = 2, .is_plain = true};
static const char *const two_runs[] = {"0193a5c2-7b1e", "beef"};

static void make_two(struct fixture *f)
{
    struct make_options again = few;
    again.seed = 2;
    again.uid = "0193b000-0000-7000-8000-00000000beef";
    fixture_folder(f);
    make_store(f->db, &few);
    make_store(f->db, &again);
}

static bool says(struct fixture *f, bool is_wide, const char *text)
{
    struct buf b;
    buf_init(&b, 0);
    assert_int_equal(term_compare(f->c, &(struct term_options){.wide = is_wide}, &b), 0);
    bool is_there = strstr(b.v, text) != NULL;
    buf_release(&b);
    return is_there;
}

/* -- memory ------------------------------------------------------------------------------------ */

/* A process that found its answers in the store needs less than one that has to ask. */
static void memory_of_answered(void **state)
{
    (void)state;
    struct fixture f;
    make_two(&f);
    fixture_sql(&f, "UPDATE job SET n_asked = 60, n_reused = 4 WHERE kind = 'task';"
                    "UPDATE job SET n_asked = 0, n_reused = 64 WHERE kind = 'task' AND run_variant_id ="
                    " (SELECT max(id) FROM run_variant WHERE name = 'int8')");
    assert_int_equal(fixture_compare(&f, two_runs, 2, (struct compare_options){0}), 0);
    const struct view_variant *first = row_of(f.c, "int8@3b1a90")->variant,
                              *again = row_of(f.c, "int8@00beef")->variant,
                              *other = row_of(f.c, "int4@00beef")->variant;
    assert_true(first->peak_rss_bytes > 0 && !first->was_answered);
    assert_true(other->peak_rss_bytes > 0 && !other->was_answered);
    assert_true(again->was_answered);
    assert_int_equal(again->peak_rss_bytes, VIEW_NONE);
    assert_int_equal(again->anon_bytes, VIEW_NONE);
    assert_int_equal(again->file_rss_bytes, VIEW_NONE);
    assert_int_equal(again->kv_bytes, VIEW_NONE);
    assert_true(again->weight_bytes > 0);
    assert_string_equal(notice_memory(&again, 1, &f.a),
                        "memory is unknown where earlier runs had the answers (`assay bench` measures "
                        "it): int8@00beef");
    assert_true(says(&f, false, "note: memory is unknown"));
    struct history h;
    struct history_options o = {.metric = "memory", .variant = "int8"};
    assert_int_equal(history_make(f.view, &o, &f.a, &h, &f.err), 0);
    assert_int_equal(h.n_series, 1);
    assert_int_equal(h.series[0].n, 1); /* the first night's */
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_of_answered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
