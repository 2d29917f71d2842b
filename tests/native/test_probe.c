/* test_probe.c - probed rows: the right names, positions, order and values. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/native/tiny_model.h"

enum { N = 600, ROWS_MAX = 40000 };

struct seen { /* every row that came */
    struct {
        char tensor[32];
        uint32_t pos, n;
        float *v;
    } row[ROWS_MAX];
    size_t n, stop_after;
};

static int on_row(void *user, const struct assay_row *r)
{
    struct seen *s = user;
    assert_true(s->n < ROWS_MAX);
    snprintf(s->row[s->n].tensor, sizeof s->row[s->n].tensor, "%s", r->tensor);
    s->row[s->n].pos = r->pos;
    s->row[s->n].n = r->n;
    s->row[s->n].v = malloc(r->n * sizeof(float));
    memcpy(s->row[s->n].v, r->v, r->n * sizeof(float));
    return ++s->n == s->stop_after;
}

static void seen_clear(struct seen *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->row[i].v);
    s->n = 0;
}

struct fixture {
    struct tiny *t;
    struct seen *seen;
    int32_t tokens[N];
    struct assay_err err;
};

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    struct tiny_spec s = tiny_default;
    s.threads = 2;
    x->t = tiny_new(&s);
    x->seen = calloc(1, sizeof *x->seen);
    struct rng r = {5};
    for (size_t i = 0; i < N; i++)
        x->tokens[i] = (int32_t)rng_below(&r, s.n_vocab);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    seen_clear(x->seen);
    free(x->seen);
    tiny_free(x->t);
    free(x);
    return 0;
}

static int probe(struct fixture *x, const char *tensors, size_t n, uint32_t first)
{
    seen_clear(x->seen);
    const struct assay_probe_req r = {.size = sizeof r,
                                      .first = first,
                                      .tokens = {x->tokens, n},
                                      .tensors = tensors,
                                      .on_row = on_row,
                                      .user = x->seen};
    return forward_probe(x->t->m.forward, &r, &x->err);
}

static const float *find(const struct seen *s, const char *tensor, uint32_t pos, uint32_t n)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->row[i].pos == pos && !strcmp(s->row[i].tensor, tensor)) {
            assert_int_equal(s->row[i].n, n);
            return s->row[i].v;
        }
    fail_msg("no row of %s at %u", tensor, pos);
    return NULL;
}

static void test_logits_match_naive(void **state)
{
    struct fixture *x = *state;
    const size_t n_vocab = x->t->m.hp.n_vocab;
    assert_int_equal(probe(x, "logits", N, 500), 0);
    assert_int_equal(x->seen->n, N - 500);
    double *want = naive_logits(&x->t->m, x->tokens, N);
    for (size_t i = 0; i < x->seen->n; i++) {
        assert_int_equal(x->seen->row[i].pos, 500 + i);
        for (size_t v = 0; v < n_vocab; v++)
            assert_true(fabs((double)x->seen->row[i].v[v] - want[(500 + i) * n_vocab + v]) < 5e-5);
    }
    free(want);
}

static void test_logits_equal_with_other_tensors(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(probe(x, "logits", 40, 39), 0);
    float alone[97];
    memcpy(alone, x->seen->row[0].v, sizeof alone);
    assert_int_equal(probe(x, "*", 40, 0), 0);
    assert_int_equal(x->seen->n, 40 * (1 + 3 * 8 + 2));
    assert_memory_equal(find(x->seen, "logits", 39, 97), alone, sizeof alone);
}

/* The tensors fit together as the architecture says. */
static void test_values_fit_together(void **state)
{
    struct fixture *x = *state;
    const struct model *m = &x->t->m;
    const uint32_t d = m->hp.n_embd, nq = 64, nkv = 32;
    assert_int_equal(probe(x, "embd, blk.*.*,output_norm", 30, 2), 0);
    double sum[64], normed[64], v[64];
    for (uint32_t pos = 2; pos < 30; pos++) {
        const float *e = find(x->seen, "embd", pos, d);
        float row[64];
        linear_row(m->embd, (size_t)x->tokens[pos], row);
        assert_memory_equal(row, e, sizeof row);
        for (size_t i = 0; i < d; i++)
            sum[i] = (double)e[i];
        for (uint32_t l = 0; l < m->hp.n_layer; l++) {
            static const char *const parts[] = {"attn_norm", "v",   "attn_out", "ffn_norm",
                                                "ffn_out",   "out", "q",        "k"};
            const float *p[8];
            for (size_t k = 0; k < 8; k++) {
                char name[32];
                snprintf(name, sizeof name, "blk.%u.%s", l, parts[k]);
                p[k] = find(x->seen, name, pos, k == 1 || k == 7 ? nkv : k == 6 ? nq : d);
            }
            naive_norm(sum, m->layers[l].attn_norm, d, 1e-5, normed);
            for (size_t i = 0; i < d; i++)
                assert_true(fabs(normed[i] - (double)p[0][i]) < 1e-4);
            naive_mul(m->layers[l].v, normed, v);
            for (size_t i = 0; i < nkv; i++)
                assert_true(fabs(v[i] - (double)p[1][i]) < 1e-4);
            naive_mul(m->layers[l].q, normed, v);
            naive_rope(m, v, 4, pos);
            for (size_t i = 0; i < nq; i++)
                assert_true(fabs(v[i] - (double)p[6][i]) < 1e-4);
            naive_mul(m->layers[l].k, normed, v);
            naive_rope(m, v, 2, pos);
            for (size_t i = 0; i < nkv; i++)
                assert_true(fabs(v[i] - (double)p[7][i]) < 1e-4);
            for (size_t i = 0; i < d; i++)
                sum[i] += (double)p[2][i];
            naive_norm(sum, m->layers[l].ffn_norm, d, 1e-5, normed);
            for (size_t i = 0; i < d; i++)
                assert_true(fabs(normed[i] - (double)p[3][i]) < 1e-4);
            for (size_t i = 0; i < d; i++)
                sum[i] += (double)p[4][i];
            for (size_t i = 0; i < d; i++)
                assert_true(fabs(sum[i] - (double)p[5][i]) < 1e-4);
        }
        naive_norm(sum, m->output_norm, d, 1e-5, normed);
        const float *last = find(x->seen, "output_norm", pos, d);
        for (size_t i = 0; i < d; i++)
            assert_true(fabs(normed[i] - (double)last[i]) < 1e-4);
    }
}

static void test_rows_in_position_order(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(probe(x, "blk.1.k,blk.2.out", N, 3), 0);
    assert_int_equal(x->seen->n, 2 * (N - 3));
    uint32_t next_k = 3, next_out = 3;
    for (size_t i = 0; i < x->seen->n; i++) {
        uint32_t *next = strcmp(x->seen->row[i].tensor, "blk.1.k") ? &next_out : &next_k;
        assert_int_equal(x->seen->row[i].pos, *next);
        ++*next;
    }
    assert_int_equal(next_k, N);
    assert_int_equal(next_out, N);
}

/* What a probe before left is used as far as it is the same, and never when it is not. */
static void test_shared_prefix(void **state)
{
    enum { FIRST = 30, LEN = 40, ROUNDS = 40 };
    struct fixture *x = *state, *other;
    struct rng r = {8};
    setup((void **)&other);
    for (int round = 0; round < ROUNDS; round++) {
        const size_t n = LEN + (round % 10 == 8 ? N / 2 : 0);
        struct assay_usage u = {.size = sizeof u}, after = {.size = sizeof after};
        x->tokens[round % 3 ? FIRST + rng_below(&r, 10) : rng_below(&r, LEN)] =
            (int32_t)rng_below(&r, 90);
        if (round % 7 == 6) { /* something else writes the path */
            double logprob[8];
            struct assay_score_req req = {.size = sizeof req,
                                          .prefix = {x->tokens + 50, 9},
                                          .continuation = {x->tokens + 60, 8},
                                          .logprob = logprob};
            struct assay_score_req *one = &req;
            assert_int_equal(forward_score(x->t->m.forward, &one, 1, NULL, NULL, &x->err), 0);
        }
        forward_usage(x->t->m.forward, &u);
        assert_int_equal(probe(x, round % 5 == 4 ? "logits,blk.0.k" : "logits", n, FIRST), 0);
        forward_usage(x->t->m.forward, &after);
        if (round % 3 && round % 7 != 6 && round % 5 != 4 && n == LEN)
            assert_int_equal(after.n_reused - u.n_reused, FIRST);
        if (round % 5 == 4 || round % 7 == 6)
            assert_int_equal(after.n_reused, u.n_reused);
        memcpy(other->tokens, x->tokens, sizeof x->tokens);
        assert_int_equal(probe(other, "logits,blk.0.k", n, FIRST), 0); /* evaluates everything */
        for (size_t pos = FIRST; pos < n; pos++) {
            const uint32_t n_vocab = x->t->m.hp.n_vocab;
            assert_memory_equal(find(x->seen, "logits", (uint32_t)pos, n_vocab),
                                find(other->seen, "logits", (uint32_t)pos, n_vocab),
                                n_vocab * sizeof(float));
        }
    }
    teardown((void **)&other);
}

static void test_errors(void **state)
{
    struct fixture *x = *state;
    assert_int_equal(probe(x, "logits,blk.7.q", 5, 0), ASSAY_EUSAGE);
    assert_non_null(strstr(x->err.msg, "'blk.7.q'"));
    assert_non_null(strstr(x->err.msg, "blk.0 to blk.2"));
    assert_non_null(strstr(x->err.msg, "ffn_out"));
    assert_int_equal(probe(x, "", 5, 0), ASSAY_EUSAGE);
    assert_int_equal(probe(x, "logits", 5, 5), ASSAY_EUSAGE);
    assert_int_equal(probe(x, "logits", 0, 0), ASSAY_EUSAGE);
    x->tokens[3] = 97;
    assert_int_equal(probe(x, "logits", 5, 0), ASSAY_EUSAGE);
    x->t->m.hp.n_ctx = 4;
    assert_int_equal(probe(x, "logits", 5, 0), ASSAY_ELIMIT);
}

static void test_cancel(void **state)
{
    struct fixture *x = *state;
    x->seen->stop_after = 4;
    assert_int_equal(probe(x, "*", 20, 0), ASSAY_ECANCELED);
    assert_int_equal(x->seen->n, 4);
    x->seen->stop_after = 0;
    assert_int_equal(probe(x, "logits", 20, 19), 0);
    assert_int_equal(x->seen->n, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_logits_match_naive),
        T(test_logits_equal_with_other_tensors),
        T(test_values_fit_together),
        T(test_rows_in_position_order),
        T(test_shared_prefix),
        T(test_errors),
        T(test_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
