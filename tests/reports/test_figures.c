/* Figures that were wrong once: each against what the rows of the store say. */
#include "tests/reports/report_test.h"

#include "harness/stats/dist.h"
#include "reports/csv.h"
#include "reports/fmt.h"
#include "reports/gate.h"
#include "reports/history.h"
#include "reports/html.h"
#include "reports/notice.h"
#include "reports/svg.h"
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
    assert_true(first->peak_rss_bytes > 0 && !first->asked_less);
    assert_true(other->peak_rss_bytes > 0 && !other->asked_less);
    assert_true(again->asked_less);
    assert_int_equal(again->peak_rss_bytes, VIEW_NONE);
    assert_int_equal(again->anon_bytes, VIEW_NONE);
    assert_int_equal(again->file_rss_bytes, VIEW_NONE);
    assert_int_equal(again->kv_bytes, VIEW_NONE);
    assert_true(again->weight_bytes > 0);
    assert_string_equal(notice_memory(&again, 1, &f.a),
                        "memory is unknown where less was asked than the suite holds (`assay bench` "
                        "measures it): int8@00beef");
    assert_true(says(&f, false, "note: memory is unknown"));
    struct history h;
    struct history_options o = {.metric = "memory", .variant = "int8"};
    assert_int_equal(history_make(f.view, &o, &f.a, &h, &f.err), 0);
    assert_int_equal(h.n_series, 1);
    assert_int_equal(h.series[0].n, 1); /* the first night's */
    fixture_end(&f);
}

/* The same of one that was stopped before the end. */
static void memory_of_stopped(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &few);
    fixture_sql(&f, "INSERT INTO decision SELECT id, 'pass', 0.01, 0.05, 2, 120, CASE name WHEN 'int8'"
                    " THEN 60 ELSE 120 END, 0, 0, 30, 0.1 FROM run_variant WHERE name IN ('int8', 'int4')");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    assert_int_equal(row_of(f.c, "int8")->variant->peak_rss_bytes, VIEW_NONE);
    assert_true(row_of(f.c, "int4")->variant->peak_rss_bytes > 0);
    fixture_end(&f);
}

/* What was largest stays when a run goes on with less to do; another model begins anew. */
static void memory_of_resumed(void **state)
{
    (void)state;
    struct fixture f;
    struct store *s;
    struct store_run_variant v;
    fixture_folder(&f);
    make_store(f.db, &few);
    store_run_variant_init(&v);
    v.id = fixture_int(&f, "SELECT id FROM run_variant WHERE name = 'int8'");
    v.variant_id = fixture_int(&f, "SELECT variant_id FROM run_variant WHERE name = 'int8'");
    v.kv_bytes = v.anon_bytes = v.file_rss_bytes = v.peak_rss_bytes = 1000;
    assert_int_equal(store_open(f.db, STORE_WRITE, &s, &f.err), 0);
    assert_int_equal(store_set_variant(s, &v, &f.err), 0);
    store_close(s);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const struct view_variant *x = row_of(f.c, "int8")->variant;
    assert_int_equal(x->kv_bytes, 1310720);
    assert_true(x->anon_bytes > 5400000 && x->peak_rss_bytes > 8300000);
    assert_int_equal(x->file_rss_bytes, 2600000); /* of the moment when private was largest */
    fixture_close(&f);
    v.anon_bytes = 9000000;
    assert_int_equal(store_open(f.db, STORE_WRITE, &s, &f.err), 0);
    assert_int_equal(store_set_variant(s, &v, &f.err), 0);
    store_close(s);
    assert_int_equal(fixture_int(&f, "SELECT anon_bytes + file_rss_bytes FROM run_variant WHERE name ="
                                     " 'int8'"), 9001000);
    v.variant_id = fixture_int(&f, "SELECT variant_id FROM run_variant WHERE name = 'int4'");
    v.anon_bytes = 2000;
    assert_int_equal(store_open(f.db, STORE_WRITE, &s, &f.err), 0);
    assert_int_equal(store_set_variant(s, &v, &f.err), 0);
    store_close(s);
    assert_int_equal(fixture_int(&f, "SELECT peak_rss_bytes + kv_bytes + anon_bytes FROM run_variant"
                                     " WHERE name = 'int8'"), 4000);
    fixture_end(&f);
}

/* -- rounding ---------------------------------------------------------------------------------- */

static void nearly_all(void **state)
{
    (void)state;
    assert_string_equal(fmt_pct(1).s, "100.00");
    assert_string_equal(fmt_pct(49999 / 50000.0).s, "99.998");
    assert_string_equal(fmt_pct(1 - 1e-7).s, "99.99999");
    assert_string_equal(fmt_pct(0.99994).s, "99.99");
    assert_string_equal(fmt_pct(0).s, "0.00");
    assert_string_equal(fmt_pct(1 / 50000.0).s, "0.002");
    assert_string_equal(fmt_pct(0.5).s, "50.00");
    assert_string_equal(fmt_part(13990, 14042).s, "99.6");
    assert_string_equal(fmt_part(1, 14042).s, "0.01");
    assert_string_equal(fmt_part(9256, 14042).s, "66");
    assert_string_equal(fmt_part(3, 3).s, "100");
}

/* -- margins and units ------------------------------------------------------------------------- */

static void margin_of_w4a4(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &few);
    fixture_sql(&f, "UPDATE variant SET precision = 'w4a4; q8_0: token_embd; kv f32' WHERE precision"
                    " LIKE '%int8 activations'");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    near(row_of(f.c, "w8a8")->pool.margin, 0.02, 0);
    near(row_of(f.c, "int8")->pool.margin, 0.01, 0);
    fixture_end(&f);
}

/* A margin in per cent of perplexity is an amount of bits where bits are compared. */
static void bits_per_byte(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &few);
    assert_int_equal(
        fixture_compare(&f, NULL, 0, (struct compare_options){.metric = "bits_per_byte"}), 0);
    const struct compare_cell *x = &row_of(f.c, "fp16")->tasks[3];
    assert_string_equal(f.c->tasks[3].name, "wikitext_short");
    near(x->margin, log(1.01) / M_LN2, 1e-15);
    assert_non_null(strstr(x->reason, "a loss of 0.014 bits per byte is ruled out"));
    assert_true(says(&f, true, "bits_per_byte (lower is better), margin 0.014 bits\n"));
    fixture_close(&f);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    assert_non_null(strstr(row_of(f.c, "fp16")->tasks[3].reason, "a loss of 1 % of perplexity is"));
    fixture_end(&f);
}

static const char *const first_task = " WHERE job_id IN (SELECT id FROM job WHERE name ="
                                      " 'adjunct_island' AND kind = 'task')";

static void sql_on_first_task(struct fixture *f, const char *set)
{
    char sql[400];
    snprintf(sql, sizeof sql, "UPDATE %s%s", set, first_task);
    fixture_sql(f, sql);
}

/* Right and wrong the other way round: the same evidence, whatever the number is called. */
static void faults(void **state)
{
    (void)state;
    struct fixture f;
    struct compare_cell right[MAKE_VARIANTS];
    fixture_folder(&f);
    make_store(f.db, &few);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    for (size_t i = 0; i < f.c->n_rows; i++)
        right[i] = f.c->rows[i].tasks[0];
    fixture_close(&f);
    sql_on_first_task(&f, "result SET higher_is_better = 0");
    sql_on_first_task(&f, "score SET value = 1 - value");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    size_t n_flips = 0;
    for (size_t i = 1; i + 1 < f.c->n_rows; i++) {
        const struct compare_cell *x = &f.c->rows[i].tasks[0], *y = &right[i];
        n_flips += y->losses + y->gains;
        assert_int_equal(x->kind, COMPARE_MEAN);
        assert_false(x->higher_is_better);
        near(x->delta.v, -y->delta.v, 0);
        assert_false(x->delta.v == 0 && signbit(x->delta.v)); /* "-0" in the CSV */
        near(x->delta.lo, -y->delta.hi, 1e-15);
        near(x->delta.hi, -y->delta.lo, 1e-15);
        near(x->p_mid, y->p_mid, 0);
        near(x->p_margin, y->p_margin, 0);
        near(x->smallest_margin, y->smallest_margin, 0);
        assert_int_equal(x->verdict, y->verdict);
        near(x->variant.v, 1 - y->variant.v, 1e-15);
        near(x->variant.lo, 1 - y->variant.hi, 1e-12);
    }
    assert_true(n_flips > 0);
    /* 60 items without a flip rule no loss of 1 pp out */
    assert_int_equal(right[1].losses + right[1].gains, 0);
    assert_int_equal(right[1].verdict, COMPARE_INCONCLUSIVE);
    fixture_end(&f);
}

/* The same for scores between 0 and 1: none of 60 changed, and a twentieth of them might. */
static void unchanged(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &few);
    sql_on_first_task(&f, "score SET value = 0.25");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const struct compare_cell *x = &row_of(f.c, "int8")->tasks[0];
    assert_int_equal(x->kind, COMPARE_MEAN);
    assert_int_equal(x->n_changed, 0);
    assert_int_equal(x->verdict, COMPARE_INCONCLUSIVE);
    near(x->p_margin, pow(0.99, 60), 1e-15);
    near(x->smallest_margin, 1 - pow(0.05, 1 / 60.0), 1e-15);
    near(x->delta.hi, 1 - pow(0.025, 1 / 60.0), 1e-15);
    near(x->delta.lo, -x->delta.hi, 0);
    fixture_close(&f);
    struct compare_options o = {.margin = 5}; /* 0.95^60 = 4.6 % */
    assert_int_equal(fixture_compare(&f, NULL, 0, o), 0);
    assert_int_equal(row_of(f.c, "int8")->tasks[0].verdict, COMPARE_PASS);
    fixture_end(&f);
}

/* What has no paired formula has a value all the same, if it is of the same items. */
static void values_only(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &few);
    sql_on_first_task(&f, "result SET aggregation = 'f1', value = 0.625");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    const struct compare_cell *x = &row_of(f.c, "int8")->tasks[0];
    assert_int_equal(x->kind, COMPARE_VALUE);
    near(x->variant.v, 0.625, 0);
    near(x->base.v, 0.625, 0);
    assert_true(isnan(x->delta.v));
    fixture_close(&f);
    fixture_sql(&f, "DELETE FROM score WHERE idx = 7 AND job_id = (SELECT j.id FROM job j JOIN"
                    " run_variant v ON v.id = j.run_variant_id WHERE v.name = 'int8' AND j.name ="
                    " 'adjunct_island' AND j.kind = 'task')");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    assert_true(isnan(row_of(f.c, "int8")->tasks[0].variant.v));
    near(row_of(f.c, "int4")->tasks[0].variant.v, 0.625, 0);
    fixture_end(&f);
}

/* Looking from a variant whose scores are not all 0 or 1 changes nothing for the others. */
static void kind_of_task(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    make_store(f.db, &few);
    fixture_sql(&f, "UPDATE score SET value = 0.5 WHERE idx = 7 AND job_id = (SELECT j.id FROM job j"
                    " JOIN run_variant v ON v.id = j.run_variant_id WHERE v.name = 'int4' AND j.name"
                    " = 'adjunct_island' AND j.kind = 'task')");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    assert_int_equal(row_of(f.c, "int4")->tasks[0].kind, COMPARE_MEAN);
    assert_true(f.c->tasks[0].is_binary);
    fixture_end(&f);
}

/* -- intervals --------------------------------------------------------------------------------- */

static bool csv_has(struct fixture *f, const char *row, double lo, double hi)
{
    char path[160], line[1024];
    assert_int_equal(csv_export(f->view, f->c, f->dir, &f->err), 0);
    snprintf(path, sizeof path, "%s/report.csv", f->dir);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    bool is_there = false;
    while (!is_there && fgets(line, sizeof line, in)) {
        const char *at = strstr(line, row);
        double v, l, h;
        if (!at)
            continue;
        assert_int_equal(sscanf(at + strlen(row), "%lf,%lf,%lf", &v, &l, &h), 3);
        near(l, lo, 1e-12);
        near(h, hi, 1e-12);
        is_there = true;
    }
    fclose(in);
    return is_there;
}

/* Few documents: Student's t, not the normal distribution; and the level is the one asked for. */
static void distances_of_few(void **state)
{
    (void)state;
    struct fixture f;
    fixture_folder(&f);
    struct make_options o = {.n_items = 6, .n_tasks = 1, .is_plain = true, .has_divergence = true};
    make_store(f.db, &o);
    for (int k = 0; k < 2; k++) {
        double alpha = k ? 0.1 : 0.05;
        assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){.alpha = alpha}), 0);
        const struct compare_kl *x = &row_of(f.c, "int8")->task_kl[0];
        assert_int_equal(x->n_docs, 6);
        assert_int_equal(x->n_true_docs, 6);
        double half = dist_t_quantile(1 - alpha / 2, 5) * x->se;
        assert_true(csv_has(&f, ",int8,adjunct_island,kl,mean,", x->mean - half, x->mean + half));
        half = dist_t_quantile(1 - alpha / 2, 5) * x->ln_ppl_se;
        assert_true(csv_has(&f, ",int8,adjunct_island,ln_ppl_ratio,mean,", x->ln_ppl_ratio - half,
                            x->ln_ppl_ratio + half));
        x = &row_of(f.c, "int8")->kl;
        half = dist_t_quantile(1 - alpha / 2, 5) * x->ln_ppl_se;
        struct buf b;
        buf_init(&b, 0);
        assert_int_equal(html_render(f.view, f.c, &(struct html_options){0}, &b, &f.err), 0);
        const char *hi = arena_printf(&f.a, " \xe2\x80\xa6 %s</small>", fmt_rel(x->ln_ppl_ratio + half).s);
        assert_non_null(strstr(b.v, hi));
        buf_release(&b);
        fixture_close(&f);
    }
    fixture_end(&f);
}

static void level_is_said(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b;
    fixture_folder(&f);
    make_store(f.db, &few);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){.alpha = 0.1}), 0);
    assert_true(says(&f, true, "delta pp [90 %]"));
    assert_true(says(&f, true, "change [90 %]"));
    assert_false(says(&f, true, "[95 %]"));
    buf_init(&b, 0);
    assert_int_equal(html_render(f.view, f.c, &(struct html_options){0}, &b, &f.err), 0);
    assert_non_null(strstr(b.v, "The bar is the 90&nbsp;% interval"));
    assert_non_null(strstr(b.v, "pp, 90 % interval"));
    assert_null(strstr(b.v, "pp, 95 % interval"));
    assert_null(strstr(b.v, "; 95 % "));
    buf_release(&b);
    near(svg_joint(0.05), 1.248873, 1e-6);
    near(svg_joint(0.1), sqrt(4.605170186) / 1.644853627, 1e-8);
    fixture_end(&f);
}

/* -- what was asked of only some --------------------------------------------------------------- */

/* int4 answered the first task only, an easy one: its accuracy is of other items. */
static void parts(void **state)
{
    (void)state;
    struct fixture f;
    struct buf b;
    fixture_folder(&f);
    make_store(f.db, &few);
    fixture_sql(&f, "UPDATE score SET value = 1 WHERE job_id IN (SELECT id FROM job WHERE name ="
                    " 'adjunct_island');"
                    "DELETE FROM score WHERE job_id IN (SELECT j.id FROM job j JOIN run_variant v ON"
                    " v.id = j.run_variant_id WHERE v.name = 'int4' AND j.name <> 'adjunct_island');"
                    "UPDATE run_variant SET status = 'failed', reason = 'broke' WHERE name = 'int4'");
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    near(row_of(f.c, "int4")->pool.variant.v, 1, 0);
    assert_true(says(&f, false, "acc % is of the items that both answered: int4 60\n"));
    buf_init(&b, 0);
    assert_int_equal(html_render(f.view, f.c, &(struct html_options){0}, &b, &f.err), 0);
    const char *at = strstr(b.v, "id=\"tradeoff\"");
    assert_non_null(at);
    assert_non_null(strstr(at, "<title>int8: decode tokens per second"));
    assert_null(strstr(at, "<title>int4: decode tokens per second"));
    assert_non_null(strstr(at, "Not drawn where it was asked less than the others: int4."));
    buf_release(&b);
    fixture_end(&f);
}

/* A perplexity of half the texts is another number; accuracy is paired item by item. */
static void limits(void **state)
{
    (void)state;
    struct fixture f;
    struct history h;
    const struct history_series *ppl, *acc;
    make_two(&f);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(view_open(f.db, &f.view, &f.err), 0);
        struct history_options o = {.variant = "int8", .with_changes = true};
        assert_int_equal(history_make(f.view, &o, &f.a, &h, &f.err), 0);
        assert_int_equal(
            history_find(&h, "word_perplexity/wikitext_short/int8", &f.a, &ppl, &f.err), 0);
        assert_int_equal(history_find(&h, "acc/adjunct_island/int8", &f.a, &acc, &f.err), 0);
        assert_int_equal(ppl->points[1].starts, k ? HISTORY_CONFIG : 0);
        assert_int_equal(ppl->first, k);
        assert_int_equal(acc->first, 0);
        fixture_close(&f);
        fixture_sql(&f, "UPDATE result SET n = n / 2 WHERE run_variant_id IN (SELECT id FROM"
                        " run_variant WHERE run_id = (SELECT max(id) FROM run))");
    }
    fixture_end(&f);
}

/* -- the gate ---------------------------------------------------------------------------------- */

static const struct gate_row *gate_row_of(const struct gate_night *g, const char *name)
{
    for (size_t i = 0; i < g->n_rows; i++)
        if (strcmp(g->rows[i].name, name) == 0)
            return &g->rows[i];
    fail_msg("no row '%s'", name);
    return NULL;
}

/* A perplexity that rose by 5 % is not 5 points of accuracy. */
static void gate_on_perplexity(void **state)
{
    (void)state;
    struct fixture f;
    struct gate_night g;
    struct buf b;
    make_two(&f);
    fixture_sql(&f, "UPDATE score SET value = value - weight * ln(1.05) WHERE weight > 0 AND job_id ="
                    " (SELECT max(j.id) FROM job j JOIN run_variant v ON v.id = j.run_variant_id"
                    " WHERE v.name = 'int8' AND j.name = 'wikitext_short');"
                    "UPDATE score SET value = 1 WHERE job_id IN (SELECT id FROM job WHERE name ="
                    " 'adjunct_island' AND kind = 'task');"
                    "UPDATE score SET value = 0 WHERE job_id = (SELECT max(j.id) FROM job j JOIN"
                    " run_variant v ON v.id = j.run_variant_id WHERE v.name = 'int8' AND j.name ="
                    " 'adjunct_island' AND j.kind = 'task') AND idx < 30");
    assert_int_equal(view_open(f.db, &f.view, &f.err), 0);
    const struct gate_rules rules = {.q = 0};
    struct gate_input in = {.view = f.view, .path = f.db, .rules = &rules, .now_ns = 1};
    assert_int_equal(gate_judge(&in, &f.a, &g, &f.err), 0);
    const struct gate_row *ppl = gate_row_of(&g, "accuracy/wikitext_short/int8"),
                          *acc = gate_row_of(&g, "accuracy/adjunct_island/int8");
    assert_int_equal(ppl->state, GATE_CONFIRMED);
    near(ppl->effect, 0.05, 0.01);
    near(ppl->effect, ppl->after / ppl->before - 1, 1e-12);
    assert_true(ppl->lo < ppl->effect && ppl->effect < ppl->hi);
    near(acc->effect, acc->after - acc->before, 1e-12);
    assert_true(acc->effect < -0.2);
    char text[64];
    buf_init(&b, 0);
    gate_terminal(&g, false, &b);
    snprintf(text, sizeof text, "%s %% ", fmt_signed(100 * ppl->effect, 3).s);
    assert_non_null(strstr(b.v, text));
    snprintf(text, sizeof text, "%s pp ", fmt_pp(acc->effect).s);
    assert_non_null(strstr(b.v, text));
    buf_release(&b);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_of_answered), cmocka_unit_test(memory_of_resumed),
        cmocka_unit_test(memory_of_stopped),
        cmocka_unit_test(margin_of_w4a4),
        cmocka_unit_test(bits_per_byte),      cmocka_unit_test(faults),
        cmocka_unit_test(unchanged),          cmocka_unit_test(values_only),
        cmocka_unit_test(kind_of_task),       cmocka_unit_test(distances_of_few),
        cmocka_unit_test(level_is_said),      cmocka_unit_test(parts),
        cmocka_unit_test(gate_on_perplexity), cmocka_unit_test(nearly_all),
        cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
