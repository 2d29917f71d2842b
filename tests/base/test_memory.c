/* Arena, buffer and error text: limits, reuse, and what holds after a failure. */
#include "tests/testing.h"

#include <errno.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/text.h"

static void arena_gives_aligned_zeroed_memory(void **state)
{
    (void)state;
    struct arena a = {0};
    for (int round = 0; round < 3; round++) {
        for (size_t n = 0; n < 3000; n += 7) {
            unsigned char *p = arena_alloc(&a, n);
            assert_int_equal((uintptr_t)p % 16, 0);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xa5, n);
        }
        arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    arena_release(&a);
    assert_null(a.blocks);
}

static void arena_rewinds_to_a_mark(void **state)
{
    (void)state;
    struct arena a = {0};
    struct arena_mark empty = arena_mark(&a);
    char *kept = arena_strdup(&a, "kept");
    struct arena_mark m = arena_mark(&a);
    char *first = arena_alloc(&a, 100);
    memset(first, 1, 100);
    memset(arena_alloc(&a, 3 << 20), 1, 3 << 20); /* a block of its own */
    arena_rewind(&a, m);
    assert_string_equal(kept, "kept");
    assert_int_equal(a.used, 5);
    char *again = arena_alloc(&a, 100);
    assert_ptr_equal(again, first);
    for (int i = 0; i < 100; i++)
        assert_int_equal(again[i], 0);
    arena_rewind(&a, empty);
    assert_null(a.blocks);
    arena_release(&a);
}

static void arena_reset_does_not_keep_a_huge_block(void **state)
{
    (void)state;
    struct arena a = {0};
    arena_alloc(&a, 10);
    arena_alloc(&a, 64 << 20);
    arena_reset(&a);
    assert_non_null(a.blocks);
    assert_true((size_t)(a.end - a.p) < (2u << 20));
    arena_release(&a);
}

static void arena_formats(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    assert_string_equal(arena_strndup(&a, "abc", 2), "ab");
    int *v = ARENA_ARRAY(&a, int, 3);
    assert_int_equal(v[0] + v[1] + v[2], 0);
    arena_release(&a);
}

static void buf_keeps_its_promises(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_non_null(b.v);
    assert_string_equal(b.v, "");
    assert_int_equal(buf_adds(&b, "12345"), 0);
    assert_int_equal(buf_printf(&b, "%d", 67890), 0);
    assert_int_equal(buf_addc(&b, 'x'), ASSAY_ELIMIT);
    assert_true(b.failed);
    assert_string_equal(b.v, "1234567890");
    assert_int_equal(buf_add(&b, "", 0), ASSAY_ELIMIT);
    buf_clear(&b);
    assert_false(b.failed);
    assert_int_equal(buf_add(&b, "a\0b", 3), 0);
    assert_int_equal(b.n, 3);
    assert_memory_equal(b.v, "a\0b", 4);
    char *taken = buf_take(&b);
    assert_memory_equal(taken, "a\0b", 4);
    free(taken);
    assert_int_equal(b.n, 0);
    taken = buf_take(&b);
    assert_string_equal(taken, "");
    free(taken);
    buf_release(&b);
    buf_release(NULL);
}

static void buf_grows_past_its_first_block(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    for (int i = 0; i < 10000; i++)
        buf_printf(&b, "%04d", i);
    assert_int_equal(b.n, 40000);
    assert_memory_equal(b.v + 4 * 9999, "9999", 5);
    buf_release(&b);
}

static void err_fills_and_prefixes(void **state)
{
    (void)state;
    struct assay_err e = {0};
    assert_int_equal(err_set(&e, ASSAY_EFORMAT, "'%s' is odd", "x"), ASSAY_EFORMAT);
    assert_int_equal(e.code, ASSAY_EFORMAT);
    assert_string_equal(e.msg, "'x' is odd");
    assert_int_equal(err_prefix(&e, ASSAY_EIO, "loading '%s'", "f"), ASSAY_EFORMAT);
    assert_string_equal(e.msg, "loading 'f': 'x' is odd");
    errno = ENOENT;
    assert_int_equal(err_errno(&e, ASSAY_EIO, "cannot open 'f'"), ASSAY_EIO);
    assert_string_equal(e.msg, "cannot open 'f': No such file or directory");
    assert_int_equal(err_set(NULL, ASSAY_EIO, "x"), ASSAY_EIO);
    assert_int_equal(err_prefix(NULL, ASSAY_EIO, "x"), ASSAY_EIO);
    assert_string_equal(err_name(ASSAY_ELIMIT), "limit");
    assert_string_equal(err_name(-99), "unknown");
}

static void err_may_quote_itself(void **state)
{
    (void)state;
    struct assay_err e = {0};
    err_set(&e, ASSAY_EIO, "inner");
    err_set(&e, ASSAY_EIO, "outer: %s", e.msg);
    assert_string_equal(e.msg, "outer: inner");
}

static void err_cuts_at_a_code_point(void **state)
{
    (void)state;
    struct assay_err e = {0};
    char text[1200];
    for (size_t pad = 0; pad < 4; pad++) {
        memset(text, 'a', pad);
        for (size_t i = 0; i < 250; i++)
            memcpy(text + pad + 3 * i, "\xe0\xae\xa4", 3);
        text[pad + 750] = 0;
        err_set(&e, ASSAY_EIO, "%s", text);
        size_t n = strlen(e.msg);
        assert_true(n > 500 && n <= 507);
        assert_true(text_valid(e.msg, n, NULL));
        err_prefix(&e, ASSAY_EIO, "%s", text);
        assert_true(text_valid(e.msg, strlen(e.msg), NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_gives_aligned_zeroed_memory),
        cmocka_unit_test(arena_rewinds_to_a_mark),
        cmocka_unit_test(arena_reset_does_not_keep_a_huge_block),
        cmocka_unit_test(arena_formats),
        cmocka_unit_test(buf_keeps_its_promises),
        cmocka_unit_test(buf_grows_past_its_first_block),
        cmocka_unit_test(err_fills_and_prefixes),
        cmocka_unit_test(err_may_quote_itself),
        cmocka_unit_test(err_cuts_at_a_code_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
