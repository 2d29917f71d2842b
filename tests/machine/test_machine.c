/* test_machine.c - identity is complete and stable, sensors see what happens. */
#include "tests/testing.h"
#include <sched.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/base/value.h"
#include "harness/machine/machine.h"

static void test_describe(void **state)
{
    struct arena a = {0};
    struct machine m, again;
    struct assay_err e = {0};
    static const char *const keys[] = {
        "arch",    "vendor",     "model",  "cpu",        "isa",        "sockets", "cores",
        "threads", "numa_nodes", "caches", "memory_gib", "hypervisor", "gpus"};
    (void)state;
    assert_ok(machine_describe(&a, &m, &e), e);
    for (size_t i = 0; i < N_OF(keys); i++)
        assert_non_null(value_get(m.class_key, keys[i]));
    for (uint32_t i = 0; i < m.class_key->n; i++) { /* unknown is null, never 0 */
        const struct value *v = m.class_key->entries[i].value;
        assert_false(v->type == VALUE_INT && v->i == 0);
    }
    assert_null(value_get(m.class_key, "kernel")); /* changes under the machine */
    assert_true(m.name[0] != 0);
    assert_ok(machine_describe(&a, &again, &e), e);
    assert_string_equal(m.class_uid, again.class_uid);
    assert_string_equal(m.uid, again.uid);
    arena_release(&a);
}

/* What may be used is environment: a pinned process is on the same class of machine. */
static void test_pinned(void **state)
{
    struct arena a = {0};
    struct machine m, pinned;
    struct assay_err e = {0};
    cpu_set_t all, one;
    (void)state;
    sched_getaffinity(0, sizeof all, &all);
    assert_ok(machine_describe(&a, &m, &e), e);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &all)) {
            CPU_SET(i, &one);
            break;
        }
    sched_setaffinity(0, sizeof one, &one);
    assert_ok(machine_describe(&a, &pinned, &e), e);
    sched_setaffinity(0, sizeof all, &all);
    assert_string_equal(m.class_uid, pinned.class_uid);
    const struct value *n = value_get(pinned.environment, "n_allowed_cpus");
    assert_non_null(n);
    assert_int_equal(n->i, 1);
    arena_release(&a);
}

static void test_isa(void **state)
{
    struct arena a = {0};
    (void)state;
    const struct value *v = machine_isa(&a);
    assert_int_equal(v->type, VALUE_LIST);
#if defined(__x86_64__)
    bool has_sse2 = false;
    for (uint32_t i = 0; i < v->n; i++) {
        has_sse2 |= value_is_str(v->items[i], "sse2");
        if (value_is_str(v->items[i], "avx2"))
            assert_true(__builtin_cpu_supports("avx2"));
        if (i)
            assert_true(strcmp(v->items[i - 1]->s, v->items[i]->s) < 0);
    }
    assert_true(has_sse2);
#endif
    arena_release(&a);
}

static void test_memory(void **state)
{
    enum { BYTES = 32 << 20 };
    struct machine_memory before, after;
    (void)state;
    machine_memory(&before);
    char *p = malloc(BYTES);
    assert_non_null(p);
    memset(p, 1, BYTES);
    machine_memory(&after);
    assert_true(p[BYTES - 1] == 1);
    free(p);
    if (testing_measures())
        assert_true(after.anon - before.anon >= BYTES * 9 / 10);
    assert_true(after.peak_rss >= after.anon);
    assert_true(after.file > 0);
    assert_true(machine_switches() >= 0);
    assert_true(machine_pressure_us() >= -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_isa),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
