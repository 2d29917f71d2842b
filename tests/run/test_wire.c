/* test_wire.c - values through marshal's format and back, and bytes that are no value. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/rng.h"
#include "harness/run/taskcode_wire.h"

static struct arena a;
static struct assay_err e;

static const struct value *tuple(const struct value *const *v, size_t n)
{
    struct value *t = value_list(&a, v, n);
    t->type = VALUE_TUPLE;
    return t;
}

/* Everything a row can hold, and what JSON could not say. */
static const struct value *everything(void)
{
    static const int64_t ints[] = {0, -1, INT32_MAX, INT32_MIN, (int64_t)INT32_MAX + 1,
                                   (int64_t)INT32_MIN - 1, INT64_MAX, INT64_MIN, 1LL << 45};
    const struct value *v[32];
    size_t n = 0;
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        v[n++] = value_int(&a, ints[i]);
    v[n++] = &value_null;
    v[n++] = &value_true;
    v[n++] = &value_false;
    v[n++] = value_float(&a, 0.1);
    v[n++] = value_float(&a, -0.0);
    v[n++] = value_float(&a, INFINITY);
    v[n++] = value_float(&a, 5e-324);
    v[n++] = value_str(&a, "");
    v[n++] = value_strn(&a, "a\0b \xF0\x9F\x98\x80", 8);
    v[n++] = tuple(v, 3);
    v[n++] = tuple(v, 0);
    struct value_entry d[3] = {{value_int(&a, 7), v[n - 1]},
                               {value_str(&a, "z"), &value_null},
                               {value_bool(true), value_list(&a, v, 2)}};
    v[n++] = value_dict(&a, d, 3);
    return value_list(&a, v, n);
}

static const struct value *through(const struct value *v)
{
    struct buf b;
    const struct value *out = NULL;
    buf_init(&b, 0);
    wire_write(&b, v);
    int rc = wire_read(b.v, b.n, &a, &out, &e);
    buf_release(&b);
    assert_int_equal(rc, 0);
    return out;
}

static void test_round_trip(void **state)
{
    (void)state;
    const struct value *v = everything(), *w = through(v);
    assert_true(value_equal(v, w));
    for (uint32_t i = 0; i < v->n; i++)
        assert_int_equal(v->items[i]->type, w->items[i]->type);
    assert_true(signbit(w->items[13]->f));
    assert_int_equal(w->items[20]->entries[0].key->i, 7);
    assert_true(isnan(through(value_float(&a, NAN))->f));
    arena_reset(&a);
}

static void refuse(const char *bytes, size_t n, const char *why)
{
    const struct value *out;
    assert_int_equal(wire_read(bytes, n, &a, &out, &e), ASSAY_EFORMAT);
    if (!strstr(e.msg, why))
        fail_msg("'%s' lacks '%s'", e.msg, why);
}

static void test_hostile(void **state)
{
    (void)state;
    char deep[400];
    memset(deep, 0, sizeof deep);
    for (size_t i = 0; i + 5 <= sizeof deep; i += 5) {
        deep[i] = '[';
        deep[i + 1] = 1;
    }
    refuse(deep, sizeof deep, "nested too deeply");
    refuse("", 0, "ends early");
    refuse("[\xff\xff\xff\xff", 5, "longer than what is there");
    refuse("u\x09\0\0\0abc", 8, "longer than what is there");
    refuse("u\x01\0\0\0\xff", 6, "not UTF-8");
    refuse("{i\x01\0\0\0N", 7, "no end");
    refuse("{(\0\0\0\0N0", 8, "a key is a container");
    refuse("s\x01\0\0\0a", 6, "a type is not known");
    refuse("NN", 2, "something follows");
    refuse("l\x05\0\0\0\0\0\0\0\0\0\0\0\x10\0", 15, "more than 64 bits");
    refuse("l\0\0\0\x80", 5, "more than 64 bits");
    refuse("l\x05\0\0\0\0\0\0\0\0\0\0\0\x08\0", 15, "more than 64 bits");
    const struct value *out;
    assert_int_equal(wire_read("l\xfb\xff\xff\xff\0\0\0\0\0\0\0\0\x08\0", 15, &a, &out, &e), 0);
    assert_true(out->i == INT64_MIN);
    /* a lone surrogate is what JSON rows make of one, too */
    assert_int_equal(wire_read("u\x04\0\0\0\xed\xa0\x80x", 9, &a, &out, &e), 0);
    assert_string_equal(out->s, "\xEF\xBF\xBDx");
    arena_reset(&a);
}

/* Changed bytes end in a value or an error, never in something else. */
static void test_changed_bytes(void **state)
{
    (void)state;
    struct buf b;
    struct pyrandom r;
    size_t refused = 0;
    pyrandom_seed(&r, 7);
    for (int i = 0; i < 20000; i++) {
        const struct value *out;
        buf_init(&b, 0);
        wire_write(&b, everything());
        for (int k = 0; k < 3; k++)
            b.v[pyrandom_below(&r, b.n)] = (char)pyrandom_below(&r, 256);
        refused += wire_read(b.v, pyrandom_below(&r, b.n) + 1, &a, &out, &e) < 0;
        buf_release(&b);
        arena_reset(&a);
    }
    assert_true(refused > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_changed_bytes),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&a);
    return rc;
}
