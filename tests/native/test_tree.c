/* test_tree.c - the prefix tree of requests: order, sharing, preorder walk, against brute force. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "backends/native/tree.h"
#include "harness/base/rng.h"

enum { MAX = 200, LEN = 12 };

struct paths {
    size_t n;
    struct assay_score_req req[MAX], *ptr[MAX];
    int32_t tokens[MAX][LEN + 1];
    double logprob[LEN];
};

static void add(struct paths *p, const int32_t *tokens, size_t n_prefix, size_t n_cont)
{
    const size_t i = p->n++;
    memcpy(p->tokens[i], tokens, (n_prefix + n_cont) * sizeof *tokens);
    p->req[i] = (struct assay_score_req){.size = sizeof p->req[i],
                                         .prefix = {p->tokens[i], n_prefix},
                                         .continuation = {p->tokens[i] + n_prefix, n_cont},
                                         .logprob = p->logprob};
    p->ptr[i] = &p->req[i];
}

static void fill(struct paths *p, uint64_t seed, size_t n, uint32_t n_vocab)
{
    struct rng r = {seed};
    p->n = 0;
    while (p->n < n) {
        int32_t t[LEN];
        const size_t len = 2 + rng_below(&r, LEN - 1), prefix = 1 + rng_below(&r, len - 1);
        for (size_t i = 0; i < len; i++)
            t[i] = (int32_t)rng_below(&r, n_vocab);
        add(p, t, prefix, len - prefix);
    }
}

static size_t path_len(const struct paths *p, size_t i)
{
    return p->req[i].prefix.n + p->req[i].continuation.n - 1;
}

/* Whether an earlier path begins with the same k tokens. */
static int seen_before(const struct paths *p, size_t i, size_t k)
{
    for (size_t j = 0; j < i; j++)
        if (path_len(p, j) >= k && !memcmp(p->tokens[i], p->tokens[j], k * sizeof(int32_t)))
            return 1;
    return 0;
}

static uint64_t count_nodes(const struct paths *p)
{
    uint64_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 1; k <= path_len(p, i); k++)
            n += !seen_before(p, i, k);
    return n;
}

/* Walks the tree as an evaluator does: each token's ancestors must be what stands in `path`. */
static void check_walk(const struct paths *p)
{
    struct tree t;
    struct assay_err err = {0};
    assert_int_equal(tree_init(&t, p->ptr, p->n, &err), 0);
    assert_int_equal(t.n_nodes, count_nodes(p));
    int32_t path[LEN];
    int scored[MAX][LEN] = {{0}};
    size_t served[MAX] = {0}, depth = 0;
    uint64_t n = 0;
    struct tree_node next = {0, 0}, node;
    while (tree_next(&t, &next, &node)) {
        n++;
        assert_true(node.pos <= depth);
        path[node.pos] = tree_token(&t, node.i, node.pos);
        depth = node.pos + 1;
        int any = 0;
        for (size_t i = node.i; i < p->n && (i == node.i || t.shared[i] > node.pos); i++) {
            const size_t r = t.order[i];
            assert_memory_equal(path, p->tokens[r], depth * sizeof(int32_t));
            assert_true(path_len(p, r) >= depth);
            served[r]++;
            if (depth >= p->req[r].prefix.n)
                any = scored[r][node.pos] = 1;
        }
        assert_int_equal(tree_scored(&t, node), any);
    }
    assert_int_equal(n, t.n_nodes);
    uint64_t total = 0;
    for (size_t r = 0; r < p->n; r++) {
        assert_int_equal(served[r], path_len(p, r));
        for (size_t pos = 0; pos < path_len(p, r); pos++)
            assert_int_equal(scored[r][pos], pos + 1 >= p->req[r].prefix.n);
        total += path_len(p, r);
    }
    assert_int_equal(t.n_tokens, total);
    tree_release(&t);
}

static void test_random_trees(void **state)
{
    (void)state;
    struct paths *p = calloc(1, sizeof *p);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        fill(p, seed, 1 + seed * 3, 2 + (uint32_t)seed % 5);
        check_walk(p);
    }
    free(p);
}

static void test_equal_and_nested_paths(void **state)
{
    (void)state;
    struct paths *p = calloc(1, sizeof *p);
    const int32_t t[] = {5, 6, 7, 8, 9};
    add(p, t, 4, 1);
    add(p, t, 1, 1);
    add(p, t, 2, 3);
    add(p, t, 4, 1);
    add(p, t, 1, 4);
    check_walk(p);
    struct tree tree;
    assert_int_equal(tree_init(&tree, p->ptr, p->n, NULL), 0);
    assert_int_equal(tree.n_nodes, 4);
    assert_int_equal(tree.max_len, 4);
    assert_int_equal(tree.first_scored, 0);
    assert_int_equal(tree.order[0], 1); /* a beginning comes before what continues it */
    assert_int_equal(tree.order[1], 0); /* equal paths by index */
    tree_release(&tree);
    free(p);
}

/* Where prefix ends and continuation begins makes no difference to the path. */
static void test_split_in_different_places(void **state)
{
    (void)state;
    const int32_t a[] = {1, 2, 3}, b[] = {4, 5}, c[] = {1}, d[] = {2, 3, 4, 6};
    double logprob[4];
    struct assay_score_req x = {.prefix = {a, 3}, .continuation = {b, 2}, .logprob = logprob};
    struct assay_score_req y = {.prefix = {c, 1}, .continuation = {d, 4}, .logprob = logprob};
    struct assay_score_req *const reqs[] = {&x, &y};
    struct tree t;
    assert_int_equal(tree_init(&t, reqs, 2, NULL), 0);
    assert_int_equal(t.shared[1], 4);
    assert_int_equal(t.n_nodes, 4);
    tree_release(&t);
}

static void test_no_requests(void **state)
{
    (void)state;
    struct tree t;
    struct tree_node next = {0, 0}, node;
    assert_int_equal(tree_init(&t, NULL, 0, NULL), 0);
    assert_false(tree_next(&t, &next, &node));
    tree_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_trees),
        cmocka_unit_test(test_equal_and_nested_paths),
        cmocka_unit_test(test_split_in_different_places),
        cmocka_unit_test(test_no_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
