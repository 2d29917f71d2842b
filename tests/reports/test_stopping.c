/* Comparisons of runs that stop early: the statistics that hold there, what may be paired, and that
 * every output says so. */
#include "tests/reports/report_test.h"

#include "harness/stats/betting.h"
#include "reports/agree.h"
#include "reports/csv.h"
#include "reports/history.h"
#include "reports/results.h"
#include "reports/term.h"

enum { ITEMS = 300, TASKS = 8, KEPT = 120 };

static const struct make_options small = {.n_items = ITEMS, .n_tasks = TASKS};

/* Of int8 and int4 only the first items of six of the tasks, as if decided then; the text and
 * perplexity tasks are whole. */
static void stop(struct fixture *f)
{
    char sql[3000];
    snprintf(sql, sizeof sql,
             "CREATE TEMP TABLE stopped AS SELECT j.id, row_number() OVER (PARTITION BY v.id ORDER BY"
             " j.id) AS k FROM job j JOIN run_variant v ON v.id = j.run_variant_id JOIN task t ON"
             " t.id = j.task_id WHERE v.name IN ('int8', 'int4') AND j.kind = 'task' AND"
             " t.output_type = 'multiple_choice';"
             "DELETE FROM score WHERE job_id IN (SELECT id FROM stopped) AND (idx >= %d OR job_id IN"
             " (SELECT id FROM stopped WHERE k > 6));"
             "DELETE FROM result WHERE job_id IN (SELECT id FROM stopped WHERE k > 6);"
             "UPDATE result SET n = %d WHERE job_id IN (SELECT id FROM stopped);"
             "UPDATE job SET reason = 'decided', n_done = CASE WHEN id IN (SELECT id FROM stopped"
             " WHERE k > 6) THEN 0 ELSE %d END WHERE id IN (SELECT id FROM stopped);"
             "INSERT INTO decision SELECT id, CASE name WHEN 'int8' THEN 'pass' ELSE 'fail' END,"
             " 0.03, 0.05, 2, %d, %d, 1, 1, 50, 0.1 FROM run_variant WHERE name IN ('int8', 'int4')",
             KEPT, KEPT, KEPT, ITEMS * TASKS, 6 * KEPT);
    fixture_sql(f, sql);
}

static void statistics(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &small);
    stop(&f);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    static const char *const names[] = {"int8", "int4"};
    for (size_t i = 0; i < 2; i++) {
        const struct compare_row *r = row_of(f.c, names[i]);
        const struct compare_cell *p = &r->pool;
        int64_t b = (int64_t)p->losses, g = (int64_t)p->gains, n = (int64_t)p->n;
        double lim[2];
        assert_true(p->is_sequence);
        assert_int_equal(n, 6 * KEPT + 120); /* the generation task was asked wholly */
        betting_interval(b, g, n, 0.05, lim);
        near(p->delta.lo, lim[0], 1e-12);
        near(p->delta.hi, lim[1], 1e-12);
        near(p->margin, 0.03, 0); /* the run's, not 1 or 2 points */
        near(p->p_margin, fmin(1, 2 / betting_noninferior(b, g, n, 0.03)), 1e-12);
        near(p->p_fail, fmin(1, 2 / betting_inferior(b, g, n, 0.03)), 1e-12);
        near(p->p_mid, fmin(1, 2 / betting_differs(b, g)), 1e-12);
        near(2 / betting_noninferior(b, g, n, p->smallest_margin), 0.05, 1e-6);
        assert_true(isnan(p->p_exact) && isnan(p->variant.lo) && isnan(p->base.hi));
        assert_true(p->mde > (lim[1] - lim[0]) / 2);
        /* a task that was not reached says nothing, and is no reason to refuse */
        const struct compare_cell *none = &r->tasks[TASKS - 1];
        assert_int_equal(none->verdict, COMPARE_INCONCLUSIVE);
        assert_non_null(strstr(none->reason, "before any of its items"));
        assert_true(isnan(none->delta.v));
        assert_int_equal(r->n_incomparable, 0);
        assert_true(isnan(r->tasks[0].p_fail) && r->tasks[0].is_sequence);
        assert_non_null(strstr(r->reason, "stopped after 720 of 2,400 items (70 % saved), with a "
                                          "confidence sequence"));
        /* the perplexity was asked wholly */
        for (size_t t = 0; t < f.c->n_tasks; t++)
            if (r->tasks[t].kind == COMPARE_LIKELIHOOD)
                assert_true(!r->tasks[t].is_sequence && !isnan(r->tasks[t].delta.lo));
    }
    assert_false(row_of(f.c, "fp16")->pool.is_sequence);
    assert_non_null(f.c->agree); /* ranks of the others */
    for (size_t i = 0; i < f.c->agree->n_rows; i++)
        assert_null(f.c->rows[f.c->agree->rows[i]].variant->decision);
    near(row_of(f.c, "fp16")->pool.margin, 0.01, 0);
    assert_int_equal(row_of(f.c, "int8")->verdict, COMPARE_PASS);
    assert_non_null(strstr(f.c->headline, "stopping early saved 3,360 of 4,800 items"));
    fixture_close(&f);
    /* a margin that is asked for is tested instead: as valid, for the same moments */
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){.margin = 20}), 0);
    near(row_of(f.c, "int4")->pool.margin, 0.2, 1e-12);
    assert_int_equal(row_of(f.c, "int4")->pool.verdict, COMPARE_PASS);
    fixture_close(&f);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){.margin = 0.01}), 0);
    assert_int_equal(row_of(f.c, "int8")->pool.verdict, COMPARE_INCONCLUSIVE);
    assert_non_null(strstr(row_of(f.c, "int8")->pool.reason, "passes from"));
    fixture_end(&f);
}

/* A loss beyond the margin fails, a loss that only is one does not. */
static void failing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &small);
    stop(&f);
    fixture_sql(&f, "UPDATE score SET value = 0 WHERE idx % 4 = 0 AND job_id IN (SELECT j.id FROM job"
                    " j JOIN run_variant v ON v.id = j.run_variant_id WHERE v.name = 'int4' AND"
                    " j.reason = 'decided')");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const struct compare_row *r = row_of(f.c, "int4");
    assert_true(r->pool.delta.v < -0.1);
    assert_int_equal(r->pool.verdict, COMPARE_FAIL);
    assert_int_equal(r->verdict, COMPARE_FAIL);
    assert_non_null(strstr(r->pool.reason, "worse by more than 3 pp"));
    fixture_close(&f);
    double margin = 100 * 0.95 * 0.12;
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){.margin = margin}), 0);
    r = row_of(f.c, "int4");
    assert_true(r->pool.p_mid < 0.01);
    assert_int_equal(r->pool.verdict, COMPARE_INCONCLUSIVE);
    fixture_end(&f);
}

static void other_bases(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &small);
    stop(&f);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){.base = "int8"}), 0);
    assert_true(row_of(f.c, "fp32")->pool.is_sequence);
    assert_non_null(strstr(row_of(f.c, "fp32")->reason, "the base stopped after 720 of 2,400"));
    assert_int_equal(row_of(f.c, "int4")->pool.n, 6 * KEPT + 120);
    fixture_close(&f);
    /* two nights in the same order pair; in different orders they do not */
    struct make_options again = small;
    again.seed = 2;
    again.uid = "0193b000-0000-7000-8000-00000000beef";
    make_store(f.db, &again);
    fixture_sql(&f, "INSERT INTO decision SELECT id, 'pass', 0.03, 0.05, 2, 2400, 2400, 1, 1, 50, 0.1"
                    " FROM run_variant WHERE name IN ('int8', 'int4') AND run_id = 2");
    const char *runs[] = {"0193a5c2-7b1e", "beef"};
    assert_int_equal(fixture_compare(&f, runs, 2, (struct compare_options){0}), 0);
    assert_true(row_of(f.c, "int8@00beef")->pool.is_sequence);
    assert_int_equal(row_of(f.c, "int8@00beef")->pool.n, 6 * KEPT + 120);
    fixture_close(&f);
    fixture_sql(&f, "UPDATE run SET seed = 7 WHERE id = 2");
    assert_int_equal(fixture_compare(&f, runs, 2, (struct compare_options){0}), 0);
    assert_int_equal(row_of(f.c, "int8@00beef")->verdict, COMPARE_INCOMPARABLE);
    assert_non_null(strstr(row_of(f.c, "int8@00beef")->reason, "in different orders: seed 7 here"));
    assert_int_equal(row_of(f.c, "fp16@00beef")->pool.kind, COMPARE_BINARY);
    fixture_close(&f);
    fixture_sql(&f, "UPDATE decision SET n_subjects = 0");
    assert_int_equal(fixture_compare(&f, runs, 2, (struct compare_options){0}), ASSAY_EFORMAT);
    assert_non_null(strstr(f.err.msg, "makes no sense"));
    fixture_end(&f);
}

static void outputs(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b;
    char path[200], line[300];
    fixture_folder(&f);
    make_store(f.db, &small);
    stop(&f);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    buf_init(&b, 0);
    assert_int_equal(term_compare(f.c, &(struct term_options){.wide = true}, &b), 0);
    assert_non_null(strstr(b.v, "margin 3 pp"));
    assert_non_null(strstr(b.v, "this run stops early: intervals are confidence sequences"));
    assert_non_null(strstr(b.v, "acc % is of the items asked"));
    buf_clear(&b);
    results_write(f.set, RESULTS_JSON, &b);
    assert_non_null(strstr(b.v, "\"stopped\": true"));
    assert_non_null(strstr(b.v, "\"stopped\": false"));
    buf_clear(&b);
    results_write(f.set, RESULTS_CSV, &b);
    assert_non_null(strstr(b.v, ",n,stopped\r\n"));
    assert_int_equal(csv_export(f.view, f.c, f.dir, &f.err), 0);
    snprintf(path, sizeof path, "%s/report.csv", f.dir);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    int n_sequence = 0, n_part = 0, n_saved = 0, n_mixed = 0;
    while (fgets(line, sizeof line, in)) {
        bool is_stopped = strstr(line, ",int8,") || strstr(line, ",int4,");
        n_sequence += strstr(line, "(confidence sequence)") != NULL;
        n_part += strstr(line, "results (stopped early)") != NULL;
        n_saved += strstr(line, "early_stopping,saved,1680") != NULL;
        n_mixed += is_stopped && strstr(line, "p_mcnemar") != NULL;
    }
    fclose(in);
    assert_true(n_sequence > 20 && n_part > 6);
    assert_int_equal(n_saved, 2);
    assert_int_equal(n_mixed, 0);
    struct history h;
    assert_int_equal(history_make(f.view, &(struct history_options){0}, &f.a, &h, &f.err), 0);
    buf_clear(&b);
    history_write(&h, HISTORY_TABLE, &b);
    assert_non_null(strstr(b.v, "1 of 1 values are of runs that stopped early"));
    buf_release(&b);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(statistics), cmocka_unit_test(failing),
                                       cmocka_unit_test(other_bases), cmocka_unit_test(outputs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
