/* Both generators against published vectors; the pool's determinism; hashes against FIPS 180. */
#include "tests/testing.h"

#include <stdatomic.h>

#include "harness/base/arena.h"
#include "harness/base/hash.h"
#include "harness/base/pool.h"
#include "harness/base/rng.h"
#include "harness/base/value.h"

static void splitmix64(void **state)
{
    (void)state;
    struct rng r = {42};
    assert_true(rng_next(&r) == UINT64_C(0xbdd732262feb6e95));
    assert_true(rng_next(&r) == UINT64_C(0x28efe333b266f103));
    assert_true(rng_next(&r) == UINT64_C(0x47526757130f9f52));
    static const uint64_t below[] = {7, 1, 2, 3, 0, 8, 2, 8, 3, 6, 2, 4};
    r.s = 42;
    for (size_t i = 0; i < N_OF(below); i++)
        assert_int_equal(rng_below(&r, 10), below[i]);
    for (int i = 0; i < 1000; i++) {
        double d = rng_double(&r);
        assert_true(d >= 0 && d < 1);
        assert_int_equal(rng_below(&r, 1), 0);
        assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
    }
}

static void assert_sample(struct pyrandom *m, size_t n, size_t k, const size_t *want)
{
    size_t got[16];
    pyrandom_sample(m, n, k, got);
    for (size_t i = 0; i < k; i++)
        assert_int_equal(got[i], want[i]);
}

static void mersenne_as_cpython(void **state)
{
    (void)state;
    struct pyrandom m;
    pyrandom_seed(&m, 1234);
    assert_int_equal(pyrandom_u32(&m), 4150886329u);
    assert_int_equal(pyrandom_u32(&m), 3342196574u);
    assert_int_equal(pyrandom_u32(&m), 1892932127u);
    pyrandom_seed(&m, 1234);
    assert_true(pyrandom_random(&m) == 0.9664535356921388);
    pyrandom_seed(&m, 0);
    assert_int_equal(pyrandom_u32(&m), 3626764237u);
    pyrandom_seed(&m, (UINT64_C(1) << 40) + 7);
    assert_int_equal(pyrandom_u32(&m), 2635837658u);
    assert_int_equal(pyrandom_u32(&m), 3209733218u);
    static const uint64_t bits[] = {1,
                                    3342196574,
                                    1892932127,
                                    98816423444,
                                    UINT64_C(8693348754041190512),
                                    UINT64_C(14886566920684039889)};
    static const int widths[] = {1, 32, 33, 40, 63, 64};
    pyrandom_seed(&m, 1234);
    for (size_t i = 0; i < N_OF(bits); i++) {
        uint64_t got = pyrandom_bits(&m, widths[i]);
        assert_true(got == bits[i]);
    }
}

static void samples_as_cpython(void **state)
{
    (void)state;
    struct pyrandom m;
    pyrandom_seed(&m, 1234);
    assert_sample(&m, 10, 5, (size_t[]){7, 1, 0, 9, 4});
    assert_sample(&m, 10, 5, (size_t[]){0, 1, 8, 6, 2});
    pyrandom_seed(&m, 1234);
    assert_sample(&m, 1000, 5, (size_t[]){989, 796, 451, 119, 7});
    pyrandom_seed(&m, 1234); /* 21 is the last that is drawn from a pool */
    assert_sample(&m, 22, 5, (size_t[]){14, 3, 0, 2, 18});
    assert_sample(&m, 21, 5, (size_t[]){1, 2, 3, 11, 7});
    pyrandom_seed(&m, 1234);
    assert_sample(&m, 86, 6, (size_t[]){56, 14, 0, 11, 74, 4});
    assert_sample(&m, 86, 6, (size_t[]){85, 10, 12, 45, 30, 2});
    pyrandom_seed(&m, 1234);
    assert_sample(&m, 5000, 8, (size_t[]){3610, 957, 61, 742, 4769, 286, 687, 806});
    pyrandom_seed(&m, 0);
    size_t x[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const size_t shuffled[10] = {7, 8, 1, 5, 3, 4, 2, 0, 9, 6};
    pyrandom_shuffle(&m, x, 10);
    assert_memory_equal(x, shuffled, sizeof x);
    pyrandom_seed(&m, 0);
    static const size_t choices[10] = {8, 7, 4, 2, 5, 4, 7, 3, 4, 5};
    for (int i = 0; i < 10; i++)
        assert_int_equal(pyrandom_choice(&m, 10), choices[i]);
    pyrandom_seed(&m, 0);
    assert_int_equal(pyrandom_below(&m, 1), 0);
}

/* Blocks of draws are the draws one by one, wherever in the generator's block they begin. */
static void choices_in_blocks(void **state)
{
    static const uint32_t ns[] = {1, 2, 10, 14042, 1u << 20, INT32_MAX};
    static const size_t ks[] = {0, 1, 2, 311, 312, 313, 1000};
    enum { MOST = 1000 };
    uint32_t out[MOST];
    (void)state;
    for (size_t i = 0; i < N_OF(ns); i++)
        for (int skip = 0; skip < 5; skip++) {
            struct pyrandom one, block;
            pyrandom_seed(&one, 3 + i);
            for (int k = 0; k < skip + 619 * (skip > 2); k++)
                pyrandom_u32(&one);
            block = one;
            for (size_t j = 0; j < N_OF(ks); j++) {
                pyrandom_choices(&block, ns[i], out, ks[j]);
                for (size_t k = 0; k < ks[j]; k++)
                    assert_int_equal(out[k], pyrandom_choice(&one, ns[i]));
            }
        }
}

static void uuids_are_fresh_version_7(void **state)
{
    (void)state;
    char a[37], b[37];
    rng_uuid7(a);
    rng_uuid7(b);
    assert_int_equal(strlen(a), 36);
    assert_true(a[14] == '7' && strchr("89ab", a[19]) && a[8] == '-' && a[23] == '-');
    assert_string_not_equal(a, b);
    assert_true(strncmp(a, b, 11) <= 0);
}

static void assert_digest(const uint8_t h[HASH_BYTES], const char *want)
{
    char hex[HASH_HEX];
    assert_string_equal(hash_hex(h, hex), want);
}

static void sha256_known_answers(void **state)
{
    (void)state;
    uint8_t h[HASH_BYTES], g[HASH_BYTES];
    const char *abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    hash_bytes("abc", 3, h);
    assert_digest(h, abc);
    hash_bytes(NULL, 0, h);
    assert_digest(h, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct hash ctx = {0};
    for (int round = 0; round < 2; round++) { /* reusable after hash_end */
        hash_init(&ctx);
        hash_add(&ctx, "a", 1);
        hash_add(&ctx, "bc", 2);
        hash_end(&ctx, h);
        assert_digest(h, abc);
    }
    hash_init(&ctx);
    hash_add_str(&ctx, "ab", 2);
    hash_add_str(&ctx, "c", 1);
    hash_end(&ctx, h);
    hash_init(&ctx);
    hash_add_str(&ctx, "a", 1);
    hash_add_str(&ctx, "bc", 2);
    hash_end(&ctx, g);
    assert_memory_not_equal(h, g, HASH_BYTES);
    hash_release(&ctx);
    hash_release(NULL);
    struct assay_err e = {0};
    assert_int_equal(hash_file("no/such", h, &e), ASSAY_EIO);
}

static void values_hash_by_content_not_order(void **state)
{
    (void)state;
    struct arena a = {0};
    struct value_entry e[2] = {{value_str(&a, "x"), value_int(&a, 1)},
                               {value_str(&a, "y"), value_int(&a, 2)}};
    struct value_entry f[2] = {e[1], e[0]};
    uint8_t h[HASH_BYTES], g[HASH_BYTES];
    hash_value(value_dict(&a, e, 2), h);
    hash_value(value_dict(&a, f, 2), g);
    assert_memory_equal(h, g, HASH_BYTES);
    hash_bytes("{\"x\":1,\"y\":2}", 13, g);
    assert_memory_equal(h, g, HASH_BYTES);
    arena_release(&a);
}

/* -- pool -------------------------------------------------------------------------------------- */

struct sum_job {
    double *out;
    _Atomic int *seen;
};

static void sum_part(void *user, size_t part, size_t n_parts)
{
    struct sum_job *job = user;
    double s = 0;
    for (size_t i = 1; i < 200; i++)
        s += 1.0 / (double)(i + part * 3 + n_parts);
    job->out[part] = s;
    atomic_fetch_add(&job->seen[part], 1);
}

static void pool_runs_each_part_once_whatever_the_threads(void **state)
{
    (void)state;
    enum { PARTS = 97 };
    double want[PARTS];
    for (int threads = 1; threads <= 5; threads++) {
        struct pool *p = pool_new(threads);
        assert_non_null(p);
        assert_int_equal(pool_size(p), threads);
        for (int round = 0; round < 300; round++) {
            double out[PARTS] = {0};
            _Atomic int seen[PARTS] = {0};
            size_t n = (size_t)round % PARTS + 1;
            pool_run(p, n, sum_part, &(struct sum_job){out, seen});
            for (size_t i = 0; i < PARTS; i++)
                assert_int_equal(seen[i], i < n);
            if (round == PARTS - 1) {
                if (threads == 1)
                    memcpy(want, out, sizeof want);
                assert_memory_equal(out, want, sizeof want);
            }
        }
        pool_free(p);
    }
}

static void pool_edges(void **state)
{
    (void)state;
    double out[3];
    _Atomic int seen[3] = {0};
    pool_run(NULL, 3, sum_part, &(struct sum_job){out, seen});
    assert_int_equal(seen[0] + seen[1] + seen[2], 3);
    assert_int_equal(pool_size(NULL), 1);
    assert_null(pool_new(0));
    assert_null(pool_new(1 << 30));
    pool_free(NULL);
    assert_true(pool_cpus() >= 1);
    struct pool *p = pool_new(3);
    pool_run(p, 0, sum_part, NULL);
    pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splitmix64),
        cmocka_unit_test(mersenne_as_cpython),
        cmocka_unit_test(samples_as_cpython),
        cmocka_unit_test(choices_in_blocks),
        cmocka_unit_test(uuids_are_fresh_version_7),
        cmocka_unit_test(sha256_known_answers),
        cmocka_unit_test(values_hash_by_content_not_order),
        cmocka_unit_test(pool_runs_each_part_once_whatever_the_threads),
        cmocka_unit_test(pool_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
