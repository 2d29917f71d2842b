/* testing.h - cmocka with the headers it wants before it, and what most tests need. */
#ifndef TESTING_H
#define TESTING_H
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backends/backend.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TESTING_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TESTING_SANITIZED 1
#endif
#endif
#ifndef TESTING_SANITIZED
#define TESTING_SANITIZED 0
#endif

#define N_OF(a) (sizeof(a) / sizeof *(a))

/* Whether limits on memory and time mean anything: not under a sanitizer, not under valgrind. */
static inline int testing_measures(void)
{
    const char *wrap = getenv("TEST_WRAP");
    return !TESTING_SANITIZED && !(wrap && *wrap);
}

/* Fails with the text when `part` does not occur in it. */
#define assert_contains(text, part)                                             \
    do {                                                                        \
        if (!strstr((text), (part)))                                            \
            fail_msg("'%s' does not contain '%s'", (text), (part));             \
    } while (0)

/* Fails with the message when a call that must succeed does not. */
#define assert_ok(call, err)                                                    \
    do {                                                                        \
        if ((call) < 0)                                                         \
            fail_msg("%s: %s", #call, (err).msg);                               \
    } while (0)

/* A fresh directory below $TMPDIR or /tmp; the caller removes it with temp_remove. */
static inline char *temp_dir(char out[256])
{
    const char *base = getenv("TMPDIR");
    snprintf(out, 256, "%s/assay-test-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(out))
        fail_msg("mkdtemp %s", out);
    return out;
}
static inline void temp_remove(const char *dir)
{
    char cmd[512];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    assert_int_equal(system(cmd), 0);
}
static inline void temp_write(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}
#endif
