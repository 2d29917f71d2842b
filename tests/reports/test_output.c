/* What leaves the program: terminal table, results, CSV files and HTML, with hostile text in the
 * store. */
#include "tests/reports/report_test.h"

#include <sys/stat.h>
#include <zlib.h>
#include "harness/base/fs.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "reports/csv.h"
#include "reports/diff.h"
#include "reports/fmt.h"
#include "reports/html.h"
#include "reports/pack.h"
#include "reports/results.h"
#include "reports/term.h"

static const struct make_options small = {.n_items = 120, .n_tasks = 10, .has_divergence = true};

static struct fixture f;

static int set_up(void **state)
{
    (void)state;
    fixture_folder(&f);
    make_store(f.db, &small);
    /* names and reasons come from users and backends too */
    fixture_sql(&f, "UPDATE run_variant SET name = '=int8<b>\x1b[31m' WHERE name = 'int8';"
                    "UPDATE job SET warning = '<script>x</script>' WHERE name = 'causative'");
    return fixture_compare(&f, NULL, 0, (struct compare_options){0});
}

static int tear_down(void **state)
{
    (void)state;
    fixture_end(&f);
    return 0;
}

static bool has(const struct buf *b, const char *s)
{
    return memmem(b->v, b->n, s, strlen(s)) != NULL;
}

/* -- terminal ---------------------------------------------------------------------------------- */

static void term_narrow(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    assert_int_equal(term_compare(f.c, &(struct term_options){0}, &b), 0);
    for (const char *line = b.v; *line;) {
        size_t n = strcspn(line, "\n");
        if (text_width(line, n) > 80)
            fail_msg("wider than 80: %.*s", (int)n, line);
        assert_true(n == 0 || line[n - 1] != ' ');
        line += n + (line[n] == '\n');
    }
    assert_false(has(&b, "\x1b"));
    assert_true(has(&b, "crashed: killed by signal 11"));
    assert_true(has(&b, "=int8<b>"));
    for (const char *const *w =
             (const char *const[]){"fp16", "pass", "fail", "wikitext_short", NULL};
         *w; w++)
        assert_true(has(&b, *w));
    buf_release(&b);
}

static void term_wide(void **state)
{
    (void)state;
    struct buf b, plain;
    buf_init(&b, 0);
    buf_init(&plain, 0);
    assert_int_equal(term_compare(f.c, &(struct term_options){.wide = true, .colors = true}, &b),
                     0);
    assert_int_equal(term_compare(f.c, &(struct term_options){.wide = true}, &plain), 0);
    assert_true(has(&b, "\x1b[31mfail\x1b[0m"));
    assert_false(has(&b, "\x1b[31m'"));
    assert_true(has(&plain, "coordinate_structure_constraint_complex_left_branch"));
    assert_true(has(&plain, "what the tasks say") && has(&plain, "mean Kendall tau-b"));
    size_t k = 0; /* colours change nothing but colours */
    for (size_t i = 0; i < b.n; i++) {
        if (b.v[i] == '\x1b') {
            i += strcspn(b.v + i, "m");
            continue;
        }
        assert_int_equal(b.v[i], plain.v[k++]);
    }
    assert_int_equal(k, plain.n);
    buf_release(&b);
    buf_release(&plain);
}

/* -- numbers ----------------------------------------------------------------------------------- */

static void numbers(void **state)
{
    (void)state;
    assert_string_equal(fmt_pp(-0.0651).s, "-6.51");
    assert_string_equal(fmt_pp(-1e-9).s, "0.00");
    assert_string_equal(fmt_pp(1e-9).s, "0.00");
    assert_string_equal(fmt_pp(0.0123).s, "+1.23");
    assert_string_equal(fmt_count(1234567).s, "1,234,567");
    assert_string_equal(fmt_count(999).s, "999");
    assert_string_equal(fmt_count(VIEW_NONE).s, "-");
    assert_string_equal(fmt_sig(0.0123456, 3).s, "0.0123");
    assert_string_equal(fmt_sig(1234.5, 3).s, "1234");
    assert_string_equal(fmt_sig(NAN, 3).s, "-");
    assert_string_equal(fmt_p(0).s, "<1e-16");
    assert_string_equal(fmt_bytes(1536).s, "1.50 KiB");
    assert_string_equal(fmt_bytes(12).s, "12 B");
    assert_string_equal(fmt_time(1764000000000000000).s, "2025-11-24 16:00 UTC");
    assert_string_equal(fmt_rel(log(1.0101)).s, "+1.01");
}

/* -- CSV and results --------------------------------------------------------------------------- */

static void csv_fields(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    csv_text(&b, "plain");
    csv_text(&b, "a,b \"c\"\nd");
    csv_text(&b, "=1+1");
    csv_text(&b, "-x");
    csv_text(&b, "");
    csv_text(&b, NULL);
    csv_num(&b, 0.1);
    csv_num(&b, -5);
    csv_num(&b, NAN);
    csv_num(&b, 1e-300);
    csv_int(&b, VIEW_NONE);
    csv_int(&b, -7);
    csv_end(&b);
    csv_num(&b, NAN); /* an unknown first field is still a field */
    csv_int(&b, 3);
    csv_end(&b);
    assert_string_equal(b.v,
                        "plain,\"a,b \"\"c\"\"\nd\",\"'=1+1\",\"'-x\",\"\",,0.1,-5,,1e-300,,-7\r\n"
                        "\"\",3\r\n");
    buf_release(&b);
}

/* Splits RFC 4180 text; returns the number of records, checks that all have `fields` fields. */
static size_t records(const char *s, size_t n, size_t fields)
{
    size_t records = 0, seen = 1;
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"')
            quoted = !quoted;
        else if (!quoted && s[i] == ',')
            seen++;
        else if (!quoted && s[i] == '\n') {
            assert_int_equal(s[i - 1], '\r');
            assert_int_equal(seen, fields);
            seen = 1;
            records++;
        }
    }
    assert_false(quoted);
    return records;
}

static void csv_files(void **state)
{
    (void)state;
    struct arena a = {0};
    char dir[128];
    const char *text;
    size_t n;
    snprintf(dir, sizeof dir, "%s/out/deep", f.dir);
    assert_int_equal(csv_export(f.view, f.c, dir, &f.err), 0);
    assert_int_equal(fs_read(fs_join(&a, dir, "report.csv"), 1 << 28, &a, &text, &n, &f.err), 0);
    assert_true(records(text, n, 12) > 500);
    assert_true(strncmp(text, "run,machine,variant,task,metric,stat,value,lo,hi,n,unit,source\r\n",
                        60) == 0);
    assert_null(strstr(text, ",=int8"));
    assert_non_null(strstr(text, "\"'=int8<b>"));
    const char *p = strstr(text, "int4,\"'*\"");
    assert_null(p); /* "*" is no formula and needs no guard */
    p = strstr(text, ",int4,*,accuracy,delta,");
    assert_non_null(p);
    near(strtod(p + strlen(",int4,*,accuracy,delta,"), NULL), row_of(f.c, "int4")->pool.delta.v, 0);
    assert_non_null(strstr(text, ",acc_norm,")); /* every stored aggregate is there */
    assert_int_equal(fs_read(fs_join(&a, dir, "items.csv"), 1 << 28, &a, &text, &n, &f.err), 0);
    int64_t scores = fixture_int(&f, "SELECT count(*) FROM score");
    assert_int_equal(records(text, n, 9), scores + 1);
    struct stat st;
    assert_int_equal(stat(fs_join(&a, dir, "items.csv"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_true(csv_export(f.view, f.c, "/proc/nowhere", &f.err) < 0);
    arena_release(&a);
}

static void results(void **state)
{
    (void)state;
    struct buf b;
    struct arena a = {0};
    const struct value *v;
    buf_init(&b, 0);
    results_write(f.set, RESULTS_JSON, &b);
    assert_int_equal(json_parse(b.v, b.n, "results", 1, &a, &v, &f.err), 0);
    size_t n = 0;
    for (size_t i = 0; i < f.set->n_variants; i++)
        n += f.set->variants[i].n_results;
    assert_int_equal(v->n, n);
    assert_true(n > 100);
    assert_true(value_is_str(value_get(v->items[0], "variant"), "fp32"));
    assert_int_equal(value_get(v->items[0], "value")->type, VALUE_FLOAT);
    buf_clear(&b);
    results_write(f.set, RESULTS_CSV, &b);
    assert_int_equal(records(b.v, b.n, 10), n + 1);
    buf_release(&b);
    arena_release(&a);
}

/* -- HTML -------------------------------------------------------------------------------------- */

static void html_escapes(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    html_text(
        &b, "<a b=\"c\" "
            "d='e'>&amp;\n\t\x1b\x01\x7f\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf\xff\xe2\x82");
    assert_string_equal(b.v,
                        "&#60;a b=&#34;c&#34; d=&#39;e&#39;&#62;&#38;amp;\n\t\\x1B\\x01\\x7F\\x9B"
                        "\\u{202E}\\u{2066}\\u{FEFF}\\xFF\\xE2\\x82");
    buf_clear(&b);
    html_text(&b, "\xe4\xbd\xa0\xe5\xa5\xbd \xc3\xa9 \xf0\x9f\x98\x80"); /* ordinary text stays */
    assert_string_equal(b.v, "\xe4\xbd\xa0\xe5\xa5\xbd \xc3\xa9 \xf0\x9f\x98\x80");
    buf_release(&b);
}

static size_t count(const struct buf *b, const char *s)
{
    size_t n = 0;
    for (const char *p = b->v; (p = strstr(p, s)) != NULL; p++)
        n++;
    return n;
}

static void html_document(void **state)
{
    (void)state;
    struct buf b, again;
    buf_init(&b, 0);
    buf_init(&again, 0);
    assert_int_equal(html_render(f.view, f.c, &(struct html_options){0}, &b, &f.err), 0);
    assert_int_equal(html_render(f.view, f.c, &(struct html_options){0}, &again, &f.err), 0);
    assert_string_equal(b.v, again.v);
    assert_true(b.n < 2000000);
    assert_int_equal(strlen(b.v), b.n);
    assert_true(text_valid(b.v, b.n, NULL));
    for (size_t i = 0; i < b.n; i++)
        assert_true((unsigned char)b.v[i] >= 0x20 || b.v[i] == '\n' || b.v[i] == '\t');
    assert_false(has(&b, "\xe2\x80\xae"));
    assert_int_equal(count(&b, "<script"), 1);
    assert_int_equal(count(&b, "</script"), 1);
    assert_int_equal(count(&b, "<style"), 1);
    assert_int_equal(count(&b, "<img"), 0);
    assert_int_equal(count(&b, "<b>"), 0);
    assert_int_equal(count(&b, "http://") + count(&b, "https://") + count(&b, "url("), 0);
    assert_true(has(&b, "&#60;script&#62;x")); /* the hostile warning is shown as text */
    assert_true(has(&b, "killed by signal 11"));
    assert_true(has(&b, "class=\"item\""));
    static const char *const sections[] = {"variants",   "tasks",    "flips",     "tradeoff",
                                           "divergence", "latency",  "memory",    "items",
                                           "agreement",  "failures", "provenance"};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        char id[64];
        snprintf(id, sizeof id, "<section id=\"%s\"", sections[i]);
        assert_int_equal(count(&b, id), 1);
    }
    static const char *const pairs[] = {"table", "section", "details", "svg",   "td",
                                        "th",    "tr",      "div",     "ul",    "figure",
                                        "dl",    "pre",     "span",    "small", "g"};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char open[24], opened[24], close[24];
        snprintf(open, sizeof open, "<%s>", pairs[i]);
        snprintf(opened, sizeof opened, "<%s ", pairs[i]);
        snprintf(close, sizeof close, "</%s>", pairs[i]);
        if (count(&b, open) + count(&b, opened) != count(&b, close))
            fail_msg("<%s> is not balanced", pairs[i]);
    }
    buf_release(&b);
    buf_release(&again);
}

static void html_limits(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    assert_int_equal(html_render(f.view, f.c, &(struct html_options){.max_flips = 12}, &b, &f.err),
                     0);
    assert_true(count(&b, "class=\"item\"") <= 12 && count(&b, "class=\"item\"") > 0);
    buf_clear(&b);
    assert_int_equal(html_render(f.view, f.c, &(struct html_options){.max_bytes = 1}, &b, &f.err),
                     0);
    assert_int_equal(count(&b, "class=\"item\""), 0);
    buf_release(&b);
    buf_init(&b, 1000);
    assert_int_equal(html_render(f.view, f.c, &(struct html_options){0}, &b, &f.err), ASSAY_ELIMIT);
    buf_release(&b);
    assert_true(html_write(f.view, f.c, &(struct html_options){0}, "/proc/nowhere/x.html", &f.err) <
                0);
}

/* A run with nothing to draw must still be a page. */
static void html_empty(void **state)
{
    (void)state;
    struct fixture g;
    struct buf b;
    fixture_folder(&g);
    make_store(g.db, &(struct make_options){.n_items = 5, .n_tasks = 1});
    fixture_sql(&g,
                "DELETE FROM result; DELETE FROM score; DELETE FROM sample; DELETE FROM divergence;"
                "DELETE FROM job; UPDATE run_variant SET variant_id = NULL, status = 'failed',"
                " reason = NULL, peak_rss_bytes = NULL, anon_bytes = NULL, file_rss_bytes = NULL");
    assert_int_equal(fixture_compare(&g, NULL, 0, (struct compare_options){0}), 0);
    buf_init(&b, 0);
    assert_int_equal(html_render(g.view, g.c, &(struct html_options){0}, &b, &g.err), 0);
    static const char *const slips[] = {">nan", "\"nan", ">-nan", ">inf", "\"inf", "(null)"};
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++)
        if (has(&b, slips[i]))
            fail_msg("the page says %s", slips[i]);
    assert_true(has(&b, "no reason was recorded"));
    buf_clear(&b);
    assert_int_equal(term_compare(g.c, &(struct term_options){.wide = true}, &b), 0);
    assert_false(has(&b, "(null)"));
    buf_release(&b);
    fixture_end(&g);
}

/* -- word differences and packing -------------------------------------------------------------- */

/* A side with its own words in brackets. */
static const char *marked(const struct diff_side *s)
{
    static char text[2][512];
    static int at;
    char *out = text[at = !at];
    *out = '\0';
    for (size_t i = 0; i < s->n; i++)
        snprintf(out + strlen(out), 512 - strlen(out), s->spans[i].is_own ? "[%.*s]" : "%.*s",
                 (int)s->spans[i].n, s->spans[i].s);
    return out;
}

static void word_diff(void **state)
{
    (void)state;
    struct arena a = {0};
    struct diff_side d[2];
    static const char *const cases[][4] = {
        {"She has 26 apples.", "She has 24 apples.", "She has[ 26] apples.",
         "She has[ 24] apples."},
        {"a b c d", "a c d e", "a[ b] c d", "a c d[ e]"},
        {"", "x y", "", "[x y]"},
        {"same", "same", "same", "same"},
        {"one\ntwo", "one two", "one\ntwo", "one two"}, /* only blanks differ */
        {"a a b", "a b a", "[a ]a b", "a b[ a]"},
        {"  lead", "lead", "  lead", "lead"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *x = cases[i][0], *y = cases[i][1];
        diff_words(x, strlen(x), y, strlen(y), &a, d);
        if (i != 5)
            assert_string_equal(marked(&d[0]), cases[i][2]);
        if (i != 5)
            assert_string_equal(marked(&d[1]), cases[i][3]);
        size_t own = 0; /* either way of aligning is a longest one: one word is left over */
        for (size_t k = 0; k < d[0].n && i == 5; k++)
            own += d[0].spans[k].is_own;
        assert_int_equal(own, i == 5);
    }
    /* nothing is lost or said twice, whatever the bytes; too long to compare is marked whole */
    size_t n = 40000;
    char *x = arena_alloc(&a, n), *y = arena_alloc(&a, n);
    for (size_t i = 0; i < n; i++) {
        x[i] = (char)(i % 7 ? 'a' + i % 5 : ' ');
        y[i] = (char)(i % 6 ? 200 + i % 5 : '\n');
    }
    diff_words(x, n, y, n, &a, d);
    for (int s = 0; s < 2; s++) {
        size_t sum = 0;
        for (size_t i = 0; i < d[s].n; i++) {
            assert_ptr_equal(d[s].spans[i].s, (s ? y : x) + sum);
            sum += d[s].spans[i].n;
        }
        assert_int_equal(sum, n);
    }
    arena_release(&a);
}

static size_t unbase64(const char *s, size_t n, uint8_t *out)
{
    size_t k = 0;
    uint32_t x = 0;
    assert_int_equal(n % 4, 0);
    for (size_t i = 0; i < n; i++) {
        static const char digits[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *at = s[i] == '=' ? digits : strchr(digits, s[i]);
        assert_true(at && *at);
        x = x << 6 | (uint32_t)(at - digits);
        if (i % 4 == 3) {
            out[k++] = (uint8_t)(x >> 16);
            out[k++] = (uint8_t)(x >> 8);
            out[k++] = (uint8_t)x;
        }
    }
    return k - (n && s[n - 1] == '=') - (n > 1 && s[n - 2] == '=');
}

static void packing(void **state)
{
    (void)state;
    enum { MOST = 1 << 20 };
    static const size_t sizes[] = {0, 1, 2, 3, 100, 24576, 24577, 70000, MOST};
    char *text = malloc(MOST);
    uint8_t *bytes = malloc(2 * MOST), *back = malloc(MOST + 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int is_noise = 0; is_noise < 2; is_noise++) {
            struct rng rng = {i};
            struct buf b;
            z_stream z = {0};
            for (size_t k = 0; k < sizes[i]; k++)
                text[k] = is_noise ? (char)rng_next(&rng) : "<td>12.5</td>"[k % 13];
            buf_init(&b, 0);
            assert_int_equal(pack_text(&b, text, sizes[i], &f.err), 0);
            size_t n = unbase64(b.v, b.n, bytes);
            assert_true(is_noise || sizes[i] < 1000 || b.n < sizes[i] / 20);
            assert_int_equal(inflateInit2(&z, -15), Z_OK);
            z.next_in = bytes;
            z.avail_in = (uInt)n;
            z.next_out = back;
            z.avail_out = MOST + 1;
            assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
            assert_int_equal(z.total_out, sizes[i]);
            assert_int_equal(z.avail_in, 0);
            assert_memory_equal(back, text, sizes[i]);
            inflateEnd(&z);
            buf_release(&b);
        }
    free(text);
    free(bytes);
    free(back);
}

/* Answers of 10 MB, bytes that are no text, text that runs backwards: clipped, shown, harmless. */
static void html_hostile(void **state)
{
    (void)state;
    struct fixture g;
    struct buf b;
    fixture_folder(&g);
    make_store(g.db, &(struct make_options){.n_items = 40, .n_tasks = 2});
    fixture_sql(&g,
                "UPDATE response SET text = replace(hex(zeroblob(270000)), '00',"
                " '</pre><script>window.pwned=1</script> ') WHERE text IS NOT NULL AND"
                " variant_id = 7 AND request IN (SELECT requests FROM item WHERE choices IS NULL"
                " AND idx % 20 = 3)");
    assert_true(fixture_int(&g, "SELECT max(length(text)) FROM response") > 10000000);
    fixture_sql(&g, "UPDATE response SET text = CAST(x'fffe41c3280ae280ae' AS TEXT) WHERE text IS"
                    " NOT NULL AND variant_id = 7 AND length(text) < 1000");
    fixture_sql(&g, "UPDATE item SET prompt = CAST(x'c0af3c7363726970743ef4908080' AS TEXT) WHERE"
                    " idx % 2; UPDATE task SET alias = '<svg onload=1>', dataset = '\"><img src=x"
                    " onerror=1>'");
    fixture_sql(&g, "UPDATE job SET name = name || replace(hex(zeroblob(2500000)), '00', '<b>\"')"
                    " WHERE task_id = 1; UPDATE task SET name = (SELECT name FROM job WHERE"
                    " task_id = 1 LIMIT 1) WHERE id = 1; UPDATE run_variant SET name ="
                    " replace(hex(zeroblob(1200000)), '00', '</th><i>') WHERE position = 3");
    assert_int_equal(fixture_compare(&g, NULL, 0, (struct compare_options){0}), 0);
    buf_init(&b, 0);
    assert_int_equal(html_render(g.view, g.c, &(struct html_options){0}, &b, &g.err), 0);
    assert_true(b.n < 2000000);
    assert_true(has(&b, "(9600000 bytes, "));
    assert_int_equal(count(&b, "</th><i>") + count(&b, "<b>"), 0);
    assert_true(text_valid(b.v, b.n, NULL));
    assert_int_equal(count(&b, "<script"), 1);
    assert_int_equal(count(&b, "<img") + count(&b, "<svg onload"), 0);
    assert_true(has(&b, "\\xFF"));
    assert_true(has(&b, "more bytes"));
    buf_clear(&b);
    assert_int_equal(html_render(g.view, g.c, &(struct html_options){.full = true}, &b, &g.err), 0);
    assert_int_equal(count(&b, "<script"), 1);
    assert_true(count(&b, "data-from=") >= 4);
    assert_true(text_valid(b.v, b.n, NULL));
    buf_release(&b);
    fixture_end(&g);
}

/* A gain is not a negative loss, zero has no sign, one of a thing is not several. */
static void wording(void **state)
{
    (void)state;
    assert_string_equal(fmt_things(1, "task").s, "1 task");
    assert_string_equal(fmt_things(0, "task").s, "0 tasks");
    assert_string_equal(fmt_things(1204, "item").s, "1,204 items");
    for (size_t i = 0; i < f.c->n_rows; i++)
        for (size_t t = 0; t < f.c->n_tasks; t++) {
            const char *why = f.c->rows[i].tasks[t].reason;
            assert_true(!why || (!strstr(why, "of -") && !strstr(why, " -0")));
        }
    struct fixture g;
    struct buf b;
    fixture_folder(&g);
    make_store(g.db, &(struct make_options){.n_items = 60, .n_tasks = 1, .is_plain = true});
    fixture_sql(&g, "DELETE FROM score WHERE job_id IN (SELECT id FROM job WHERE kind <> 'task' OR"
                    " name <> 'adjunct_island'); DELETE FROM result; DELETE FROM sample;"
                    " DELETE FROM job WHERE name NOT LIKE 'adjunct%'");
    fixture_sql(&g, "DELETE FROM score WHERE job_id IN (SELECT j.id FROM job j JOIN run_variant v"
                    " ON v.id = j.run_variant_id WHERE v.position > 1);"
                    "DELETE FROM job WHERE run_variant_id IN (SELECT id FROM run_variant WHERE"
                    " position > 1)");
    fixture_sql(&g, "DELETE FROM run_variant WHERE position > 1");
    fixture_sql(&g, "INSERT INTO result (run_variant_id, job_id, measure_id, value, n,"
                    " higher_is_better, aggregation) SELECT run_variant_id, id, 1, 0.5, 60, 1,"
                    " 'mean' FROM job");
    assert_int_equal(fixture_compare(&g, NULL, 0, (struct compare_options){0}), 0);
    buf_init(&b, 0);
    term_compare(g.c, &(struct term_options){0}, &b);
    assert_true(has(&b, "1 task, 60 paired items, base fp32"));
    assert_true(has(&b, "prefill/s")); /* nothing was decoded */
    assert_true(has(&b, "seen: "));
    assert_false(has(&b, "1 tasks") || has(&b, "of 1 variants") || has(&b, "seen: -"));
    fixture_close(&g);
    fixture_sql(&g, "DELETE FROM result WHERE run_variant_id <> 1;"
                    "DELETE FROM score WHERE job_id IN (SELECT id FROM job WHERE run_variant_id <>"
                    " 1); DELETE FROM job WHERE run_variant_id <> 1;"
                    "DELETE FROM run_variant WHERE id <> 1");
    assert_int_equal(fixture_compare(&g, NULL, 0, (struct compare_options){0}), 0);
    buf_clear(&b);
    term_compare(g.c, &(struct term_options){.wide = true}, &b);
    assert_true(has(&b, "Nothing to compare with"));
    assert_true(has(&b, "adjunct_island"));
    assert_false(has(&b, "incomparable") || has(&b, "\n\n\n"));
    buf_clear(&b);
    assert_int_equal(html_render(g.view, g.c, &(struct html_options){0}, &b, &g.err), 0);
    assert_true(has(&b, "One variant") && has(&b, "adjunct_<wbr>island"));
    assert_false(has(&b, ">incomparable<"));
    buf_release(&b);
    fixture_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(term_narrow),  cmocka_unit_test(term_wide),
        cmocka_unit_test(numbers),      cmocka_unit_test(csv_fields),
        cmocka_unit_test(csv_files),    cmocka_unit_test(results),
        cmocka_unit_test(html_escapes), cmocka_unit_test(html_document),
        cmocka_unit_test(html_limits),  cmocka_unit_test(html_empty),
        cmocka_unit_test(wording),      cmocka_unit_test(word_diff),
        cmocka_unit_test(packing),      cmocka_unit_test(html_hostile)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
