/* test_forward.c - scoring: against an independent forward pass, bit for bit across threads,
 * batches, orders and instruction sets, and every distinct prefix token once. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/native/tiny_model.h"

enum { MAX_REQS = 400, MAX_LEN = 700 };

struct batch { /* random requests that share prefixes */
    size_t n;
    struct assay_score_req req[MAX_REQS];
    struct assay_score_req *ptr[MAX_REQS];
    int32_t tokens[MAX_REQS][MAX_LEN + 1];
    double logprob[MAX_REQS][MAX_LEN];
    uint8_t argmax[MAX_REQS][MAX_LEN];
    size_t done[MAX_REQS];
    size_t n_done, stop_after;
};

/* Each request continues a random cut of an earlier one. */
static struct batch *batch_new(uint64_t seed, size_t n, uint32_t n_vocab, size_t max_len)
{
    struct batch *b = calloc(1, sizeof *b);
    assert_non_null(b);
    struct rng r = {seed};
    size_t len[MAX_REQS];
    b->n = n;
    for (size_t i = 0; i < n; i++) {
        len[i] = 2 + rng_below(&r, max_len - 1);
        size_t keep = 0;
        if (i) {
            const size_t from = rng_below(&r, i);
            keep = rng_below(&r, (len[from] < len[i] ? len[from] : len[i]) + 1);
            memcpy(b->tokens[i], b->tokens[from], keep * sizeof(int32_t));
        }
        for (size_t j = keep; j < len[i]; j++)
            b->tokens[i][j] = (int32_t)rng_below(&r, n_vocab);
        const size_t prefix = 1 + rng_below(&r, len[i] - 1);
        b->req[i] =
            (struct assay_score_req){.size = sizeof b->req[i],
                                     .prefix = {b->tokens[i], prefix},
                                     .continuation = {b->tokens[i] + prefix, len[i] - prefix},
                                     .logprob = b->logprob[i],
                                     .is_argmax = b->argmax[i]};
        b->ptr[i] = &b->req[i];
    }
    return b;
}

static int on_done(void *user, size_t i)
{
    struct batch *b = user;
    b->done[i]++;
    return ++b->n_done == b->stop_after;
}

static void score(struct tiny *t, struct batch *b)
{
    struct assay_err err = {0};
    b->n_done = 0;
    memset(b->done, 0, sizeof b->done);
    if (forward_score(t->m.forward, b->ptr, b->n, on_done, b, &err) < 0)
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < b->n; i++)
        assert_int_equal(b->done[i], 1);
}

/* Largest difference from the independent pass; argmax flags must agree. */
static double check_naive(struct tiny *t, const struct batch *b, double tie)
{
    const size_t n_vocab = t->m.hp.n_vocab;
    double worst = 0;
    for (size_t i = 0; i < b->n; i++) {
        const struct assay_score_req *r = &b->req[i];
        double *logits = naive_logits(&t->m, b->tokens[i], r->prefix.n + r->continuation.n);
        for (size_t c = 0; c < r->continuation.n; c++) {
            const double *row = logits + (r->prefix.n - 1 + c) * n_vocab;
            const int32_t token = r->continuation.v[c];
            const double diff = fabs(r->logprob[c] - naive_logprob(row, n_vocab, token));
            worst = diff > worst ? diff : worst;
            double top = -INFINITY;
            for (size_t v = 0; v < n_vocab; v++)
                top = (int32_t)v != token && row[v] > top ? row[v] : top;
            if (fabs(top - row[token]) > tie)
                assert_int_equal(r->is_argmax[c], row[token] > top);
        }
        free(logits);
    }
    return worst;
}

static void compare_naive(const struct tiny_spec *s, double limit)
{
    struct tiny *t = tiny_new(s);
    struct batch *b = batch_new(s->seed, 20, s->n_vocab, 60);
    score(t, b);
    const double worst = check_naive(t, b, 10 * limit);
    if (!(worst <= limit))
        fail_msg("differs from the independent pass by %g, allowed %g", worst, limit);
    free(b);
    tiny_free(t);
}

static void test_matches_naive(void **state)
{
    (void)state;
    struct tiny_spec s = tiny_default;
    compare_naive(&s, 1e-5);
    s.tied = 0, s.n_vocab = 130, s.n_layer = 1, s.seed = 2;
    compare_naive(&s, 1e-5);
    s.n_head = 8, s.n_head_kv = 4, s.head_dim = 8, s.rope_dims = 8, s.seed = 3;
    compare_naive(&s, 1e-5);
    s.n_head = 3, s.n_head_kv = 1, s.head_dim = 20, s.rope_dims = 20, s.n_embd = 60, s.n_ff = 52;
    compare_naive(&s, 1e-5);
    s.n_head = 2, s.n_head_kv = 2, s.head_dim = 72, s.rope_dims = 48, s.n_embd = 44, s.seed = 4;
    compare_naive(&s, 1e-5);
    s.freqs = 1, s.rope_scale = 4;
    compare_naive(&s, 1e-5);
}

static void test_kv_types_are_close(void **state)
{
    (void)state;
    struct tiny_spec s = tiny_default;
    s.kv = KV_F16;
    compare_naive(&s, 5e-3);
    s.head_dim = 20, s.rope_dims = 20;
    compare_naive(&s, 5e-3);
    s.kv = KV_INT8;
    compare_naive(&s, 0.3);
    s.kv = KV_INT4;
    compare_naive(&s, 2);
    s.kv = KV_INT3;
    compare_naive(&s, 4);
    s.kv = KV_INT2;
    compare_naive(&s, 8);
}

static const struct scheme schemes[] = {
    {SCHEME_F32, 0},   {SCHEME_F16, 0},  {SCHEME_BF16, 0},  {SCHEME_INT16, 0}, {SCHEME_INT8, 0},
    {SCHEME_INT8, 32}, {SCHEME_W8A8, 0}, {SCHEME_INT4, 32}, {SCHEME_Q8_0, 0},  {SCHEME_Q4_0, 0},
    {SCHEME_Q4_1, 0},  {SCHEME_Q5_0, 0}, {SCHEME_Q5_1, 0},  {SCHEME_INT3, 32}, {SCHEME_INT2, 32},
    {SCHEME_INT4A, 32}, {SCHEME_INT2A, 16}, {SCHEME_W4A4, 0}, {SCHEME_LLM_INT8, 0},
    {SCHEME_INT6, 32}, {SCHEME_INT5, 32},
};

static void assert_same_results(const struct batch *a, const struct batch *b)
{
    for (size_t i = 0; i < a->n; i++) {
        const size_t n = a->req[i].continuation.n;
        assert_memory_equal(a->logprob[i], b->logprob[i], n * sizeof(double));
        assert_memory_equal(a->argmax[i], b->argmax[i], n);
    }
}

static void shuffle(struct batch *b, uint64_t seed)
{
    struct rng r = {seed};
    for (size_t i = b->n - 1; i > 0; i--) {
        const size_t j = rng_below(&r, i + 1);
        struct assay_score_req *p = b->ptr[i];
        b->ptr[i] = b->ptr[j];
        b->ptr[j] = p;
    }
}

/* The same requests with other threads, another order, alone, and on another instruction set. */
static void check_bits(struct tiny_spec s, int all_cpus)
{
    struct batch *a = batch_new(7, 60, s.n_vocab, 40), *b = batch_new(7, 60, s.n_vocab, 40);
    struct tiny *t = tiny_new(&s);
    score(t, a);
    shuffle(b, 3);
    score(t, b);
    assert_same_results(a, b);
    memset(b->logprob, 0, sizeof b->logprob);
    struct assay_err err = {0};
    for (size_t i = 0; i < b->n; i++)
        assert_int_equal(forward_score(t->m.forward, &b->ptr[i], 1, NULL, NULL, &err), 0);
    assert_same_results(a, b);
    tiny_free(t);
    for (s.threads = 2; s.threads <= 3; s.threads++) {
        t = tiny_new(&s);
        memset(b->logprob, 0, sizeof b->logprob);
        score(t, b);
        assert_same_results(a, b);
        tiny_free(t);
    }
    s.threads = 1;
    static const char *const cpus[] = {"ref", "avx2", "avx512"};
    for (size_t c = 0; all_cpus && c < 3; c++) {
        s.cpu = cpus[c];
        t = tiny_new(&s);
        memset(b->logprob, 0, sizeof b->logprob);
        score(t, b);
        assert_same_results(a, b);
        tiny_free(t);
    }
    free(a);
    free(b);
}

static void test_bits_do_not_depend_on_company(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        struct tiny_spec s = tiny_default;
        s.scheme = schemes[i];
        s.kv = (enum kv_type)(i % KV_TYPES);
        check_bits(s, 0);
    }
}

static void test_bits_do_not_depend_on_processor(void **state)
{
    (void)state;
#if defined(__x86_64__)
    struct tiny_spec s = tiny_default;
    s.n_layer = 1;
    for (int kv = KV_F32; kv < KV_TYPES; kv++) {
        s.kv = (enum kv_type)kv;
        s.head_dim = s.rope_dims = kv == KV_F16 ? 20 : kv >= KV_INT4 ? 40 : 8;
        check_bits(s, 1);
    }
#else
    skip();
#endif
}

/* Distinct prefixes of all paths, counted by comparing each path with all before it. */
static uint64_t count_nodes(const struct batch *b)
{
    uint64_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        const size_t len = b->req[i].prefix.n + b->req[i].continuation.n - 1;
        size_t best = 0;
        for (size_t j = 0; j < i; j++) {
            const size_t other = b->req[j].prefix.n + b->req[j].continuation.n - 1;
            size_t k = 0;
            while (k < len && k < other && b->tokens[i][k] == b->tokens[j][k])
                k++;
            best = k > best ? k : best;
        }
        n += len - best;
    }
    return n;
}

static void test_each_prefix_once(void **state)
{
    (void)state;
    struct tiny_spec s = tiny_default;
    s.n_layer = 1;
    const size_t lens[] = {3, 30, 690}, counts[] = {MAX_REQS, 300, 12};
    for (size_t k = 0; k < 3; k++) {
        struct tiny *t = tiny_new(&s);
        struct batch *b = batch_new(11 + k, counts[k], k ? s.n_vocab : 5, lens[k]);
        score(t, b);
        struct assay_usage u = {.size = sizeof u};
        forward_usage(t->m.forward, &u);
        assert_int_equal(u.n_evaluated, count_nodes(b));
        uint64_t total = 0;
        for (size_t i = 0; i < b->n; i++)
            total += b->req[i].prefix.n + b->req[i].continuation.n - 1;
        assert_int_equal(u.n_reused, total - u.n_evaluated);
        free(b);
        tiny_free(t);
    }
}

/* Paths longer than a step, branching before, in and after it. */
static void test_deep_and_wide(void **state)
{
    (void)state;
    struct tiny_spec s = tiny_default;
    s.n_layer = 2;
    struct tiny *t = tiny_new(&s);
    struct batch *b = batch_new(21, 12, s.n_vocab, 690);
    score(t, b);
    assert_true(check_naive(t, b, 1e-3) < 2e-5);
    struct assay_memory m = {.size = sizeof m};
    forward_memory(t->m.forward, &m);
    assert_int_equal(m.kv_per_token, 2 * 2 * 2 * 16 * 4);
    assert_true(m.kv >= m.kv_per_token * 600 && m.kv <= m.kv_per_token * 704);
    assert_true(m.scratch > 0);
    free(b);
    tiny_free(t);
}

static void test_errors(void **state)
{
    (void)state;
    struct tiny_spec s = tiny_default;
    s.n_ctx = 32;
    struct tiny *t = tiny_new(&s);
    struct batch *b = batch_new(31, 4, s.n_vocab, 20);
    struct assay_err err = {0};
    struct assay_score_req *r = &b->req[2];
    const struct assay_score_req good = *r;
    r->prefix.n = 0;
    assert_int_equal(forward_score(t->m.forward, b->ptr, 4, NULL, NULL, &err), ASSAY_EUSAGE);
    assert_non_null(strstr(err.msg, "request 2: an empty prefix"));
    *r = good;
    r->continuation.n = 0;
    assert_int_equal(forward_score(t->m.forward, b->ptr, 4, NULL, NULL, &err), ASSAY_EUSAGE);
    *r = good;
    r->logprob = NULL;
    assert_int_equal(forward_score(t->m.forward, b->ptr, 4, NULL, NULL, &err), ASSAY_EUSAGE);
    *r = good;
    for (size_t i = 0; i < 40; i++)
        b->tokens[2][i] = 1;
    r->prefix = (struct assay_tokens){b->tokens[2], 30};
    r->continuation = (struct assay_tokens){b->tokens[2] + 30, 4};
    assert_int_equal(forward_score(t->m.forward, b->ptr, 4, NULL, NULL, &err), ASSAY_ELIMIT);
    assert_non_null(strstr(err.msg, "30 tokens"));
    assert_non_null(strstr(err.msg, "context of 32"));
    r->continuation.n = 3; /* the last token is not evaluated: it fits */
    assert_int_equal(forward_score(t->m.forward, b->ptr, 4, NULL, NULL, &err), 0);
    b->tokens[2][31] = (int32_t)s.n_vocab;
    assert_int_equal(forward_score(t->m.forward, b->ptr, 4, NULL, NULL, &err), ASSAY_EUSAGE);
    b->tokens[2][31] = -1;
    assert_int_equal(forward_score(t->m.forward, b->ptr, 4, NULL, NULL, &err), ASSAY_EUSAGE);
    assert_int_equal(forward_score(t->m.forward, b->ptr, 0, NULL, NULL, &err), 0);
    free(b);
    tiny_free(t);
}

static void test_cancel_leaves_it_usable(void **state)
{
    (void)state;
    struct tiny_spec s = tiny_default;
    struct tiny *t = tiny_new(&s);
    struct batch *a = batch_new(41, 80, s.n_vocab, 30), *b = batch_new(41, 80, s.n_vocab, 30);
    struct assay_err err = {0};
    score(t, a);
    b->stop_after = 17;
    assert_int_equal(forward_score(t->m.forward, b->ptr, b->n, on_done, b, &err), ASSAY_ECANCELED);
    assert_int_equal(b->n_done, 17);
    for (size_t i = 0; i < b->n; i++)
        if (b->done[i])
            assert_memory_equal(a->logprob[i], b->logprob[i], b->req[i].continuation.n * 8);
    b->stop_after = 0;
    score(t, b);
    assert_same_results(a, b);
    free(a);
    free(b);
    tiny_free(t);
}

/* A vocabulary whose logits do not fit one tile. */
static void test_large_vocabulary(void **state)
{
    (void)state;
    struct tiny_spec s = tiny_default;
    s.n_vocab = 300000, s.n_embd = 8, s.n_head = 1, s.n_head_kv = 1, s.head_dim = 8,
    s.rope_dims = 8;
    s.n_layer = 1, s.n_ff = 8;
    struct tiny *t = tiny_new(&s);
    struct batch *b = batch_new(51, 8, s.n_vocab, 12);
    score(t, b);
    assert_true(check_naive(t, b, 1e-3) < 1e-5);
    free(b);
    tiny_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_naive),
        cmocka_unit_test(test_kv_types_are_close),
        cmocka_unit_test(test_bits_do_not_depend_on_company),
        cmocka_unit_test(test_bits_do_not_depend_on_processor),
        cmocka_unit_test(test_each_prefix_once),
        cmocka_unit_test(test_deep_and_wide),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_cancel_leaves_it_usable),
        cmocka_unit_test(test_large_vocabulary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
