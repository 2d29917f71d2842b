/* The built-in engine through the contract alone, as the host sees it: options from the table, facts
 * that hold, struct sizes respected, errors with a sentence. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "backends/native/native.h"
#include "harness/base/field.h"
#include "tests/native/make_gguf.h"

struct session {
    struct arena arena;
    const struct assay_backend *b;
    void *options;
    struct assay_model *m;
    char *path;
};

static void set(struct session *s, const char *name, const char *text)
{
    struct assay_err e = {0};
    const struct assay_field *row = field_find(s->b->options, name);
    assert_non_null(row);
    if (field_set(row, s->options, text, name, &s->arena, &e) < 0)
        fail_msg("%s", e.msg);
}

static int setup(void **state)
{
    struct session *s = calloc(1, sizeof *s);
    struct assay_err e = {0};
    s->b = native_backend();
    s->path = mk_tiny_file(&mk_tiny_default);
    s->options = arena_alloc(&s->arena, s->b->options_size);
    field_defaults(s->b->options, s->options);
    set(s, "model", s->path);
    set(s, "precision", "int8");
    set(s, "threads", "2");
    if (s->b->open(s->options, &s->m, &e) < 0)
        fail_msg("%s", e.msg);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct session *s = *state;
    s->b->close(s->m);
    unlink(s->path);
    free(s->path);
    arena_release(&s->arena);
    free(s);
    return 0;
}

static void facts(void **state)
{
    struct session *s = *state;
    struct assay_info info = {.size = sizeof info};
    assert_int_equal(s->b->size, sizeof *s->b);
    assert_int_equal(s->b->info(s->m, &info, NULL), 0);
    assert_int_equal(info.size, sizeof info);
    assert_int_equal(info.caps,
                     ASSAY_CAN_TOKENIZE | ASSAY_CAN_SCORE | ASSAY_CAN_GENERATE | ASSAY_CAN_PROBE);
    assert_int_equal(info.n_vocab, MK_VOCAB);
    assert_int_equal(info.n_ctx, 128);
    assert_int_equal(info.bos, 1);
    assert_int_equal(info.eos, 2);
    assert_int_equal(info.add_bos, 1);
    assert_string_equal(info.precision, "int8 row; kv f32");
    assert_string_equal(info.device, "cpu");
    assert_true(info.kernel && *info.kernel);
    assert_int_equal(strlen(info.fingerprint), 64);
    uint64_t bytes = 0, n = 0;
    for (uint32_t i = 0; i < info.n_tensors; i++) {
        bytes += info.tensors[i].bytes;
        n += info.tensors[i].n_params;
    }
    assert_int_equal(bytes, info.weight_bytes);
    assert_int_equal(n, info.n_params);
}

static void sizes_are_respected(void **state)
{
    struct session *s = *state;
    struct assay_err e = {0};
    struct assay_info info;
    memset(&info, 0x55, sizeof info);
    info.size = offsetof(struct assay_info, bos);
    assert_int_equal(s->b->info(s->m, &info, &e), 0);
    assert_int_equal(info.n_ctx, 128);
    assert_int_equal(info.bos, 0x55555555);
    info.size = 0;
    assert_int_equal(s->b->info(s->m, &info, &e), ASSAY_EUSAGE);
    assert_non_null(strstr(e.msg, "assay_info"));
    struct assay_memory memory;
    memset(&memory, 0x55, sizeof memory);
    memory.size = offsetof(struct assay_memory, kv);
    assert_int_equal(s->b->memory(s->m, &memory, &e), 0);
    assert_int_equal(memory.kv, 0x5555555555555555);
    assert_true(memory.weights > 0 && memory.weights < 1 << 20);
}

static void tokens_and_pieces(void **state)
{
    struct session *s = *state;
    struct assay_err e = {0};
    int32_t ids[16];
    char text[16];
    size_t n = 0;
    assert_int_equal(s->b->tokenize(s->m, "the hand", 8, 1, ids, 16, &n, &e), 0);
    assert_int_equal(n, 5);
    assert_int_equal(ids[0], 1);
    assert_int_equal(s->b->piece(s->m, ids[1], text, sizeof text, &n, &e), 0);
    assert_int_equal(n, 4);
    assert_memory_equal(text, " the", 4);
    text[2] = '!';
    assert_int_equal(s->b->piece(s->m, ids[1], text, 2, &n, &e), 0);
    assert_int_equal(n, 4);
    assert_int_equal(text[2], '!');
    assert_int_equal(s->b->piece(s->m, ids[1], NULL, 0, &n, &e), 0);
    assert_int_equal(s->b->piece(s->m, -1, text, 16, &n, &e), ASSAY_EUSAGE);
    assert_int_equal(s->b->piece(s->m, MK_VOCAB, text, 16, &n, &e), ASSAY_EUSAGE);
    assert_non_null(strstr(e.msg, "vocabulary"));
}

static void usage_counts(void **state)
{
    struct session *s = *state;
    struct assay_err e = {0};
    struct assay_usage usage = {.size = sizeof usage};
    const int32_t prefix[] = {1, 270}, next[] = {265, 266};
    double logprob[2] = {1, 1};
    struct assay_score_req r = {.size = sizeof r,
                                .prefix = {prefix, 2},
                                .continuation = {next, 2},
                                .logprob = logprob},
                           *reqs[] = {&r};
    if (s->b->score(s->m, reqs, 1, NULL, NULL, &e) < 0)
        fail_msg("%s", e.msg);
    assert_true(logprob[0] < 0 && logprob[1] < 0);
    assert_int_equal(s->b->usage(s->m, &usage, &e), 0);
    assert_int_equal(usage.n_evaluated, 3);
}

static void refused_options(void **state)
{
    struct session *s = *state;
    struct assay_err e = {0};
    struct assay_model *m = NULL;
    const struct assay_field *row = field_find(s->b->options, "precision");
    assert_int_equal(field_set(row, s->options, "int9", "--precision", &s->arena, &e),
                     ASSAY_EUSAGE);
    row = field_find(s->b->options, "threads");
    assert_int_equal(field_set(row, s->options, "-3", "--threads", &s->arena, &e), ASSAY_EUSAGE);
    set(s, "keep", "fp16:nothing.*");
    assert_int_equal(s->b->open(s->options, &m, &e), ASSAY_EUSAGE);
    assert_non_null(strstr(e.msg, "'nothing.*'"));
    assert_null(m);
    s->b->close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(facts, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes_are_respected, setup, teardown),
        cmocka_unit_test_setup_teardown(tokens_and_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(usage_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_options, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
