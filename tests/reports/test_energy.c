/* test_energy.c - joules per token and per correct answer: from planted rows to table, CSV and page. */
#include "tests/reports/report_test.h"
#include "harness/base/text.h"
#include "reports/csv.h"
#include "reports/energy.h"
#include "reports/html.h"
#include "reports/term.h"

static const struct make_options small = {.n_items = 40, .n_tasks = 3, .is_plain = true};
static struct fixture f;

/* 10 W idle with 0.31 W of doubt.  Joules over two seconds and 1000 tokens: */
static const char rows[] =
    "INSERT INTO idle SELECT id, 'rapl-package', 100000000, 10000000000, 10, 0.5, NULL FROM run;"
    "INSERT INTO idle SELECT id, 'rapl-dram', NULL, 0, 0, NULL, 'because' FROM run;"
#define JOB(kind, variant)                                                                        \
    " FROM job j JOIN run_variant v ON v.id = j.run_variant_id WHERE kind = '" kind               \
    "' AND v.name = '" variant "'"
#define TOKENS(variant, round, uj)                                                                \
    "INSERT INTO energy SELECT j.id, " round ", 'rapl-package', " uj ", 2000000000, 1, 2, 1000, "  \
    "NULL" JOB("scenario", variant) " AND j.name = 'decode 128';"
    TOKENS("fp32", "0", "30000000")
    TOKENS("int16", "0", "15000000")
    TOKENS("int8", "0", "26000000") TOKENS("int8", "1", "21000000") TOKENS("int8", "2", "25000000")
    TOKENS("int8", "3", "22000000") TOKENS("int8", "4", "24000000") TOKENS("int8", "5", "23000000")
    "INSERT INTO energy SELECT j.id, 0, 'rapl-package', NULL, 5, 1, 2, 1000, 'it jumped <b>'" JOB("scenario", "int4") ";"
    "INSERT INTO energy SELECT j.id, 0, 'rapl-dram', 7000000, 2000000000, 1, 2, 1000, NULL" JOB("scenario", "fp32") " AND j.name = 'decode 128';"
    "INSERT INTO energy SELECT j.id, 0, 'rapl-package', 5000000, 300000000, 1, 2, NULL, NULL" JOB("task", "fp32") ";"
    "INSERT INTO energy SELECT j.id, 0, 'rapl-package', 5000000, 300000000, 1, 2, NULL, NULL" JOB("task", "int8") ";"
    "UPDATE energy SET uj = NULL, reason = 'answers came from the store' WHERE job_id = (SELECT min(j.id)" JOB("task", "int8") ");"
    "INSERT INTO energy SELECT j.id, 0, 'rapl-package', 1000000, 10000000, 1, 2, NULL, NULL" JOB("task", "w8a8") ";";

static int planted(void **state)
{
    (void)state;
    fixture_folder(&f);
    make_store(f.db, &small);
    fixture_sql(&f, rows);
    return fixture_compare(&f, NULL, 0, (struct compare_options){0});
}

static int end(void **state)
{
    (void)state;
    fixture_end(&f);
    return 0;
}

static const struct compare_row *row(const char *name)
{
    for (size_t i = 0; i < f.c->n_rows; i++)
        if (strcmp(f.c->rows[i].variant->name, name) == 0)
            return &f.c->rows[i];
    fail_msg("no variant %s", name);
    return NULL;
}

#define assert_near(a, b) assert_true(fabs((a) - (b)) <= 1e-12 + 1e-9 * fabs(b))

static void per_token(void **state)
{
    (void)state;
    const struct compare_energy *x = &row("fp32")->per_token[VIEW_PACKAGE];
    double doubt = 1.959963984540054 * 0.5 / sqrt(10), edge = 30.0 * 1e6 / 2e9;
    assert_near(x->gross.v, 0.030);
    assert_near(x->net.v, 0.010);
    assert_near(x->gross_error, edge / 1000);
    assert_near(x->net_error, (edge + 2 * doubt) / 1000);
    assert_true(isnan(x->net.lo)); /* one round */
    assert_false(energy_is_doubtful(x->gross.v, x->gross_error));
    assert_true(energy_is_doubtful(x->net.v, x->net_error));
    x = &row("int16")->per_token[VIEW_PACKAGE]; /* less than idle: noise, shown as it is */
    assert_near(x->net.v, -0.005);
    x = &row("int8")->per_token[VIEW_PACKAGE];
    assert_int_equal(x->n_rounds, 6);
    assert_int_equal(x->n, 6000);
    assert_near(x->gross.v, 0.0235);
    assert_near(x->gross.lo, 0.021 - x->gross_error);
    assert_near(x->gross.hi, 0.026 + x->gross_error);
    assert_near(x->net.v, 0.0035);
    assert_near(x->net.lo, 0.001 - x->net_error);
    x = &row("int4")->per_token[VIEW_PACKAGE];
    assert_true(isnan(x->gross.v));
    assert_string_equal(x->reason, "it jumped <b>");
    x = &row("fp32")->per_token[VIEW_DRAM]; /* idle is unknown: there is no net */
    assert_near(x->gross.v, 0.007);
    assert_true(isnan(x->net.v));
}

static void per_answer(void **state)
{
    (void)state;
    const struct compare_row *r = row("fp32");
    double right = 0;
    for (size_t t = 0; t < f.c->n_tasks; t++)
        if (f.c->tasks[t].is_binary)
            right += r->tasks[t].variant.v * (double)r->tasks[t].n;
    size_t n = 0;
    for (size_t t = 0; t < f.c->n_tasks; t++)
        n += f.c->tasks[t].is_binary;
    assert_true(n >= 3 && right > 50);
    const struct compare_energy *x = &r->per_answer[VIEW_PACKAGE];
    assert_int_equal(x->n, llround(right));
    assert_near(x->gross.v, 5.0 * (double)n / right);
    assert_near(x->net.v, (5.0 - 0.3 * 10) * (double)n / right);
    struct compare_energy one;
    energy_per_answer(f.c, r, 0, VIEW_PACKAGE, &one);
    assert_near(one.gross.v, 5 / round(r->tasks[0].variant.v * (double)r->tasks[0].n));
    /* A part of the tasks is not all of them. */
    x = &row("int8")->per_answer[VIEW_PACKAGE];
    assert_true(isnan(x->gross.v));
    assert_string_equal(x->reason, "answers came from the store");
    x = &row("w8a8")->per_answer[VIEW_PACKAGE]; /* ten milliseconds: a tenth may be the edges */
    assert_near(x->gross_error / x->gross.v, 0.1);
    assert_true(energy_is_doubtful(x->gross.v, x->gross_error));
}

static bool has(const struct buf *b, const char *s)
{
    return memmem(b->v, b->n, s, strlen(s)) != NULL;
}

static void in_table(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    assert_int_equal(term_compare(f.c, &(struct term_options){0}, &b), 0);
    assert_true(has(&b, "energy, rapl-package, tokens of decode 128; net of idle power, 10.0 W +-0.31"));
    assert_true(has(&b, "fp32      0.0300                      ~0.0100      0.180  ~0.0721"));
    assert_true(has(&b, "int16     0.0150                    ~-0.00500"));
    assert_true(has(&b, "int8      0.0235  ~0.00350 [0.000368,0.00663]"));
    assert_true(has(&b, "no J/token of int4: it jumped <b>"));
    assert_true(has(&b, "no J/correct of int8: answers came from the store"));
    assert_true(has(&b, "marked ~: the meter alone can be 3 % off"));
    assert_false(has(&b, "rapl-dram"));
    assert_false(has(&b, "not measured"));
    for (const char *line = b.v; *line;) {
        size_t n = strcspn(line, "\n");
        if (text_width(line, n) > 80)
            fail_msg("wider than 80: %.*s", (int)n, line);
        line += n + (line[n] == '\n');
    }
    buf_clear(&b);
    assert_int_equal(term_compare(f.c, &(struct term_options){.wide = true}, &b), 0);
    assert_true(has(&b, "energy, rapl-dram, tokens of decode 128; net of idle power, unknown: because"));
    buf_release(&b);
}

static void read_file(const char *path, struct buf *b)
{
    char piece[4096];
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    for (size_t n; (n = fread(piece, 1, sizeof piece, in)) > 0;)
        buf_add(b, piece, n);
    fclose(in);
}

static void in_csv(void **state)
{
    (void)state;
    char dir[128], path[160];
    struct buf b;
    buf_init(&b, 0);
    snprintf(dir, sizeof dir, "%s/csv", f.dir);
    snprintf(path, sizeof path, "%s/report.csv", dir);
    assert_int_equal(csv_export(f.view, f.c, dir, &f.err), 0);
    read_file(path, &b);
    assert_true(has(&b, ",fp32,decode 128,energy,gross,0.03,,,1000,J/token,rapl-package\r\n"));
    assert_true(has(&b, ",int16,decode 128,energy,net,-0.005,,,1000,J/token,rapl-package\r\n"));
    assert_true(has(&b, ",fp32,decode 128,energy,gross,0.007,,,1000,J/token,rapl-dram\r\n"));
    assert_true(has(&b, ",fp32,,idle_power,mean,10,"));
    assert_true(has(&b, ",int8,decode 128,scenario_energy,total,141,,,,J,rapl-package\r\n"));
    assert_true(has(&b, "J/correct answer,rapl-package\r\n"));
    assert_false(has(&b, ",int4,decode 128,energy"));
    assert_false(has(&b, ",int8,*,energy"));
    assert_false(has(&b, "idle_power,mean,,"));
    buf_release(&b);
}

static void in_page(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    assert_int_equal(html_render(f.view, f.c, &(struct html_options){0}, &b, &f.err), 0);
    assert_true(has(&b, "<section id=\"energy\""));
    assert_true(has(&b, "<a href=\"#energy\">"));
    assert_true(has(&b, "J/token net <small>rapl-package</small>"));
    assert_true(has(&b, "Energy in joules <small class=\"source\">rapl-dram</small>"));
    assert_true(has(&b, "Accuracy against energy"));
    assert_true(has(&b, "An upright mark beyond a bar"));
    assert_true(has(&b, "both together: idle power was not measured"));
    assert_true(has(&b, "it jumped &#60;b&#62;"));
    assert_true(has(&b, "10.0 W \xc2\xb1" "0.31 over 10 s"));
    buf_release(&b);
}

/* What stands in the place of figures. */
static void missing(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 0);
    fixture_folder(&f);
    make_store(f.db, &small);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    term_compare(f.c, &(struct term_options){0}, &b); /* nobody tried: nothing is said */
    assert_false(has(&b, "energy"));
    buf_clear(&b);
    assert_int_equal(html_render(f.view, f.c, &(struct html_options){0}, &b, &f.err), 0);
    assert_false(has(&b, "id=\"energy\"") || has(&b, "#energy") || has(&b, "J/token"));
    fixture_close(&f);
    fixture_sql(&f, "INSERT INTO idle SELECT id, 'rapl-package', NULL, 0, 0, NULL, "
                    "'needs root or read permission on energy_uj' FROM run");
    buf_clear(&b);
    assert_int_equal(fixture_compare(&f, NULL, 0, (struct compare_options){0}), 0);
    term_compare(f.c, &(struct term_options){0}, &b); /* as usual as it is, --wide says it */
    assert_false(has(&b, "energy"));
    term_compare(f.c, &(struct term_options){.wide = true}, &b);
    assert_true(has(&b, "\nenergy: not measured: needs root or read permission on energy_uj\n"));
    assert_false(has(&b, "J/token"));
    buf_clear(&b);
    assert_int_equal(html_render(f.view, f.c, &(struct html_options){0}, &b, &f.err), 0);
    assert_true(has(&b, "<p>energy: not measured: needs root or read permission on energy_uj.</p>"));
    assert_false(has(&b, "J/token"));
    buf_release(&b);
}

#define WITH(t) cmocka_unit_test_setup_teardown(t, planted, end)
int main(void)
{
    const struct CMUnitTest tests[] = {WITH(per_token), WITH(per_answer), WITH(in_table),
                                       WITH(in_csv),    WITH(in_page),
                                       cmocka_unit_test_teardown(missing, end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
