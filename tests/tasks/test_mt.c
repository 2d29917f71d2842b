/* test_mt.c - bleu, chrf and ter against numbers that sacrebleu 2.6 printed (mt.jsonl: per line a
 * corpus of [gold, prediction] made at random, its scores, and bootstrap errors of 100 replicates). */
#include <math.h>

#include "tasks/metric.h"
#include "tests/tasks/task_test.h"
#include "harness/base/buf.h"

static struct task_aggregate aggregate(const char *name, const struct value *items, int iters)
{
    struct metric_use u = {.metric = metric_find(name), .name = name, .aggregation = name};
    struct task_score *scores = ARENA_ARRAY(&test_arena, struct task_score, items->n);
    struct task_aggregate out;
    for (uint32_t i = 0; i < items->n; i++) {
        struct buf b;
        buf_init(&b, 0);
        json_write(&b, items->items[i], JSON_PYTHON);
        scores[i] = (struct task_score){.value = NAN, .weight = NAN, .detail = arena_strndup(&test_arena, b.v, b.n)};
        buf_release(&b);
    }
    if (metric_aggregate(&u, scores, items->n, iters, &out, &test_err) < 0)
        fail_msg("%s", test_err.msg);
    return out;
}

static void same(const char *name, size_t line, const struct value *want, double got)
{
    if (!want)
        return;
    double w = want->type == VALUE_INT ? (double)want->i : want->f;
    if (memcmp(&w, &got, sizeof w) != 0)
        fail_msg("line %zu: %s is %.17g, sacrebleu has %.17g", line, name, got, w);
}

static void test_sacrebleu(void **state)
{
    static const char *const names[] = {"bleu", "chrf", "ter"};
    struct test_rows rows = test_rows("tests/tasks/mt.jsonl");
    size_t with_stderr = 0;
    (void)state;
    assert_true(rows.n > 40);
    for (size_t i = 0; i < rows.n; i++)
        for (size_t k = 0; k < 3; k++) {
            char key[32];
            snprintf(key, sizeof key, "%s_stderr", names[k]);
            const struct value *se = value_get(rows.v[i], key);
            /* 100000 replicates are asked for: these metrics are capped at 100 */
            struct task_aggregate got =
                aggregate(names[k], value_get(rows.v[i], "items"), se ? 100000 : 0);
            same(names[k], i + 1, value_get(rows.v[i], names[k]), got.value);
            same(key, i + 1, se, got.stderr_);
            with_stderr += se != NULL;
        }
    assert_true(with_stderr > 12);
}

static void refuse(const char *json, const char *said)
{
    struct test_rows rows = test_rows(json);
    struct metric_use u = {.metric = metric_find("bleu"), .name = "bleu", .aggregation = "bleu"};
    struct task_score scores[2];
    struct task_aggregate out;
    const struct value *items = value_get(rows.v[0], "items");
    for (uint32_t i = 0; i < items->n; i++)
        scores[i] = (struct task_score){.value = NAN, .weight = NAN, .detail = items->items[i]->s};
    assert_true(metric_aggregate(&u, scores, items->n, 0, &out, &test_err) < 0);
    assert_contains(test_err.msg, said);
}

static void test_refusals(void **state)
{
    (void)state;
    refuse("{\"items\": [\"[\\\"a\\\", \\\"b\\\"]\", \"[[\\\"a\\\"], \\\"b\\\"]\"]}", "list of references");
    refuse("{\"items\": [\"[[\\\"a\\\"], \\\"b\\\"]\", \"[\\\"a\\\", \\\"b\\\"]\"]}", "one reference");
    refuse("{\"items\": [\"[[], \\\"b\\\"]\"]}", "no references");
    refuse("{\"items\": [\"[1, \\\"b\\\"]\"]}", "reference is no text");
    refuse("{\"items\": [\"[\\\"a\\\", 2]\"]}", "prediction is no text");
}

/* A long text of two equal words: every pair of runs is a candidate, so the limit on candidates ends
 * the search; and one whose matrix would be too large is refused. */
static void test_limits(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < 5000; i++)
        buf_adds(&b, i % 2 ? "a " : "b ");
    const struct value *pair[2] = {value_str(&test_arena, "b b a a b a b b a a b a"),
                                   value_str(&test_arena, "a a b b a b a a b b a b")};
    const struct value *item = value_list(&test_arena, pair, 2);
    assert_true(aggregate("ter", value_list(&test_arena, &item, 1), 0).value > 0);
    struct task_aggregate out;
    struct metric_use u = {.metric = metric_find("ter"), .name = "ter", .aggregation = "ter"};
    char *text = arena_printf(&test_arena, "[\"%s\", \"%s\"]", b.v, b.v);
    struct task_score score = {.value = NAN, .weight = NAN, .detail = text};
    assert_int_equal(metric_aggregate(&u, &score, 1, 0, &out, &test_err), ASSAY_ELIMIT);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sacrebleu),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, test_teardown);
}
