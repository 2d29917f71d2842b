/* Requests and scores of whole tasks, equal to lm-eval's.
 *
 * smoke_golden.jsonl holds what lm-eval 0.4.13 makes of the smoke tasks: one line per task with
 * each document's requests, and per measure the aggregate and each document's value for made-up
 * responses (response_of below).  The digests are SHA-256 over length and bytes of every context
 * and continuation it builds from real data. */
#include <math.h>

#include "harness/base/hash.h"
#include "tests/tasks/task_test.h"

static struct task_response response_of(const struct task_request *r, size_t idx, size_t i)
{
    static const char *const texts[] = {" 4", "Wien", "The answer is 12.", " 7"};
    struct task_response out = {0};
    out.logprob = -(double)((idx * 7 + i * 13 + r->continuation_n * 3) % 101) / 8.0 - 0.1;
    out.is_greedy = (idx + i) % 3 == 0;
    out.text = texts[idx % 4];
    out.text_n = strlen(out.text);
    return out;
}

/* -- smoke tasks ------------------------------------------------------------------------------- */

static struct test_rows split_rows(const struct task *t, const char *split)
{
    const struct value *files = value_get(t->dataset_kwargs, "data_files");
    const struct value *file = split ? value_get(files, split) : NULL;
    return file ? test_rows(fs_join(&test_arena, t->base_dir, file->s)) : (struct test_rows){0};
}

static void check_requests(const struct task_item *item, const struct value *want)
{
    assert_int_equal(item->n_requests, want->n);
    for (size_t i = 0; i < want->n; i++) {
        const struct task_request *r = &item->requests[i];
        const struct value *w = want->items[i];
        assert_string_equal(r->kind == TASK_REQ_ROLLING ? r->continuation : r->context,
                            w->items[0]->s);
        if (r->kind == TASK_REQ_LOGLIKELIHOOD)
            assert_string_equal(r->continuation, w->items[1]->s);
        if (r->kind != TASK_REQ_GENERATE)
            continue;
        const struct value *stops = value_get(w->items[1], "until");
        assert_int_equal(r->generation->n_until, stops->n);
        for (size_t k = 0; k < stops->n; k++)
            assert_string_equal(r->generation->until[k], stops->items[k]->s);
        assert_int_equal(r->generation->max_tokens, value_get(w->items[1], "max_gen_toks")->i);
        assert_false(r->generation->do_sample);
    }
}

static double number(const struct value *v)
{
    return v->type == VALUE_INT ? (double)v->i : v->f;
}

static void check_score(const struct task_score *s, const struct value *want)
{
    if (want->type == VALUE_LIST) {
        assert_true(s->value == number(want->items[0]));
        assert_true(s->weight == number(want->items[1]));
    } else {
        assert_true(s->value == number(want));
    }
}

/* scores: [measure][document] */
static void check_measures(struct task *t, struct task_score **scores, size_t n,
                           const struct value *want)
{
    size_t n_measures;
    const struct task_measure *m = task_measures(t, &n_measures);
    assert_int_equal(n_measures, want->n);
    for (size_t i = 0; i < n_measures; i++) {
        const struct value *w = want->items[i];
        struct task_aggregate a;
        assert_string_equal(m[i].filter, w->items[0]->s);
        assert_string_equal(m[i].metric, w->items[1]->s);
        for (size_t d = 0; d < n; d++)
            check_score(&scores[i][d], w->items[3]->items[d]);
        if (task_aggregate(t, i, scores[i], n, &a, &test_err) < 0)
            fail_msg("%s", test_err.msg);
        assert_int_equal(a.n, n);
        /* the golden file's Python adds without compensation */
        assert_true(fabs(a.value - number(w->items[2])) <= 1e-14 * fabs(number(w->items[2])));
    }
}

static void check_task(struct task_index *x, const struct value *want)
{
    struct task *t = test_load(x, value_get(want, "task")->s, NULL);
    if (!t)
        fail_msg("%s", test_err.msg);
    assert_int_equal(t->n_fewshot, value_get(want, "n")->i);
    struct test_rows rows = split_rows(t, t->eval_split), pool = split_rows(t, t->fewshot_split);
    const struct value *docs = value_get(want, "docs");
    assert_int_equal(rows.n, docs->n);
    if (test_begin(t, &rows, &pool) < 0)
        fail_msg("%s", test_err.msg);
    size_t n_measures;
    task_measures(t, &n_measures);
    struct task_score **scores = ARENA_ARRAY(&test_arena, struct task_score *, n_measures);
    for (size_t i = 0; i < n_measures; i++)
        scores[i] = ARENA_ARRAY(&test_arena, struct task_score, rows.n);
    for (size_t d = 0; d < rows.n; d++) {
        struct task_item item;
        struct task_response resps[16];
        struct task_score out[16];
        if (task_ask(t, d, rows.v[d], &test_arena, &item, &test_err) < 0)
            fail_msg("%s", test_err.msg);
        check_requests(&item, docs->items[d]->items[1]);
        for (size_t i = 0; i < item.n_requests; i++)
            resps[i] = response_of(&item.requests[i], d, i);
        if (task_grade(t, &item, resps, &test_arena, out, &test_err) < 0)
            fail_msg("%s", test_err.msg);
        for (size_t i = 0; i < n_measures; i++)
            scores[i][d] = out[i];
    }
    check_measures(t, scores, rows.n, value_get(want, "measures"));
    task_release(t);
}

static void test_smoke_tasks(void **state)
{
    (void)state;
    struct task_index *x = test_index("tasks/library");
    struct test_rows golden = test_rows("tests/tasks/smoke_golden.jsonl");
    assert_int_equal(golden.n, 7);
    for (size_t i = 0; i < golden.n; i++)
        check_task(x, golden.v[i]);
    task_index_close(x);
}

/* -- real data --------------------------------------------------------------------------------- */

static void digest_str(struct hash *h, const char *s, size_t n)
{
    uint8_t len[8];
    for (int i = 0; i < 8; i++)
        len[i] = (uint8_t)((uint64_t)n >> 8 * i);
    hash_add(h, len, 8);
    hash_add(h, s, n);
}

struct real {
    const char *task, *eval, *pool;
    int n_fewshot;
    size_t limit;
    const char *want;
};

static void digest_of(struct task_index *x, const struct real *r, char out[HASH_HEX])
{
    struct task_settings s = test_settings();
    s.n_fewshot = r->n_fewshot;
    struct task *t = test_load(x, r->task, &s);
    if (!t)
        fail_msg("%s", test_err.msg);
    struct test_rows rows = test_rows(r->eval), pool = {0};
    if (r->pool)
        pool = test_rows(r->pool);
    if (test_begin(t, &rows, &pool) < 0)
        fail_msg("%s", test_err.msg);
    struct hash h = {0};
    struct arena arena = {0};
    hash_init(&h);
    for (size_t d = 0; d < rows.n && d < r->limit; d++) {
        struct task_item item;
        if (task_ask(t, d, rows.v[d], &arena, &item, &test_err) < 0)
            fail_msg("%s", test_err.msg);
        for (size_t i = 0; i < item.n_requests; i++) {
            const struct task_request *q = &item.requests[i];
            digest_str(&h, q->context, q->context_n);
            if (q->kind != TASK_REQ_GENERATE)
                digest_str(&h, q->continuation, q->continuation_n);
        }
        arena_reset(&arena);
    }
    uint8_t bytes[HASH_BYTES];
    hash_end(&h, bytes);
    hash_hex(bytes, out);
    hash_release(&h);
    arena_release(&arena);
    task_release(t);
}

static const char *const data_dir = "../shared/datasets";

static void skip_without_data(void)
{
    if (!fs_is_dir(data_dir)) {
        print_message("skipped: %s is absent\n", data_dir);
        skip();
    }
}

static void test_real_prompts(void **state)
{
    (void)state;
    skip_without_data();
#define XCOPA(l, want)                                                              \
    {                                                                               \
        "xcopa_" l, "xcopa/test." l ".jsonl", "xcopa/val." l ".jsonl", 3, 500, want \
    }
    static const struct real all[] = {
        {"gsm8k", "gsm8k/test.jsonl", "gsm8k/train-first500.jsonl", -1, 300,
         "4d0c9ac0a27d6be932f32274b6a6eb795773d41b95778a574d3c57451a2a9da4"},
        {"gsm8k_cot_zeroshot", "gsm8k/test.jsonl", NULL, -1, 1319,
         "5d817449b15f725c373fcb194004cc295249d1ef11a0189a10e9e31a86ca0e7b"},
        XCOPA("id", "b0918d9097b92f1f116b9d42cae241fd9aed00670f92572e6cd1a57ac2e1b546"),
        XCOPA("it", "195cde60fa0bdc0d2a5f0d2313f9c47ba4fededd92d35d9052d58ccab6675e45"),
        XCOPA("sw", "31f264ce9d2550182114a306755604d4e68dbb8fa9e321825bfd1bc3af819dd8"),
        XCOPA("ta", "c2d6a9e43b8576f63c9caa89bbaa970e4018a3f6ed2157649e8c486a6bc78755"),
        XCOPA("th", "cbc6404acb6aafca978765c32fed40c26fc07eb293e4eccf4546db51116391f0"),
        XCOPA("tr", "f6449746f38f95e6a563e7718ef7a622c29742c8e4607fc7d3d82acc569fd966"),
        XCOPA("vi", "a2f40becca8821ca8145813686ec5446bd15bd8a3d1aebdd364c4daaa19e56e5"),
        XCOPA("zh", "576a6ce4b2f743902eee2c0338a2dca567dadfc6cf2908b2f594f5ecb93efa58"),
    };
    struct task_index *x = test_index("tasks/library");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct real r = all[i];
        char hex[HASH_HEX];
        r.eval = fs_join(&test_arena, data_dir, r.eval);
        r.pool = r.pool ? fs_join(&test_arena, data_dir, r.pool) : NULL;
        digest_of(x, &r, hex);
        if (strcmp(hex, r.want) != 0)
            fail_msg("%s: the requests differ from lm-eval's: %s", r.task, hex);
    }
    task_index_close(x);
}

/* The first 100 pairs of every paradigm there is, and one digest over the paradigms' digests. */
static void test_real_blimp(void **state)
{
    (void)state;
    skip_without_data();
    struct task_index *x = test_index("tasks/library");
    const char *const *paths;
    size_t n;
    assert_int_equal(fs_walk(fs_join(&test_arena, data_dir, "blimp"), "*.jsonl", NULL, &test_arena,
                             &paths, &n, &test_err),
                     0);
    struct hash all = {0};
    hash_init(&all);
    for (size_t i = 0; i < n; i++) {
        char task[200], hex[HASH_HEX];
        const char *name = fs_basename(paths[i]);
        snprintf(task, sizeof task, "blimp_%.*s", (int)(strlen(name) - 6), name);
        digest_of(x, &(struct real){task, paths[i], NULL, 5, 100, NULL}, hex); /* stays 0-shot */
        hash_add(&all, hex, HASH_HEX - 1);
    }
    uint8_t bytes[HASH_BYTES];
    char hex[HASH_HEX];
    hash_end(&all, bytes);
    hash_release(&all);
    assert_string_equal(hash_hex(bytes, hex),
                        "63ba985ece22c4b5cbe4affa07851e8dd18b579f574c6423441f3cb6a860afb7");
    task_index_close(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_smoke_tasks, test_teardown),
        cmocka_unit_test_teardown(test_real_prompts, test_teardown),
        cmocka_unit_test_teardown(test_real_blimp, test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
