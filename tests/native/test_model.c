/* Opening a model: every precision gives the tensors it promises and says so; what makes no sense
 * is refused with what was expected; damaged and hostile files never crash. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "backends/native/model.h"
#include "backends/native/precision.h"
#include "harness/base/err.h"
#include "tests/native/make_gguf.h"

static const char *const all[] = {"fp32", "fp16", "bf16", "int16", "int8", "w8a8",  "int4",
                                  "q8_0", "q4_0", "q4_1", "q5_0",  "q5_1", "stored",
                                  "int3", "int2", "int8a", "int4a", "int3a", "int2a", "w4a4", "llm_int8",
                                  "int6", "int5"};
enum { N_ALL = sizeof all / sizeof *all };

static struct model *open_with(struct model_options o)
{
    struct model *m = NULL;
    struct assay_err e = {0};
    o.threads = 1;
    if (model_open(&o, &m, &e) < 0)
        fail_msg("%s", e.msg);
    return m;
}

static void refuse(struct model_options o, int code, const char *word)
{
    struct model *m = NULL;
    struct assay_err e = {0};
    o.threads = o.threads ? o.threads : 1;
    int rc = model_open(&o, &m, &e);
    if (rc != code || !strstr(e.msg, word))
        fail_msg("%d, expected %d with '%s': %s", rc, code, word, e.msg);
}

static const struct assay_tensor *tensor(const struct model *m, const char *name)
{
    for (uint32_t i = 0; i < m->n_tensors; i++)
        if (!strcmp(m->tensors[i].name, name))
            return &m->tensors[i];
    fail_msg("no tensor '%s'", name);
    return NULL;
}

static int setup(void **state)
{
    *state = mk_tiny_file(&mk_tiny_default);
    return 0;
}

static int teardown(void **state)
{
    unlink(*state);
    free(*state);
    return 0;
}

/* -- precisions -------------------------------------------------------------------------------- */

static void facts(void **state)
{
    struct model *m = open_with((struct model_options){.path = *state});
    assert_string_equal(m->arch, "llama");
    assert_int_equal(m->hp.n_embd, 64);
    assert_int_equal(m->hp.n_layer, 2);
    assert_int_equal(m->hp.head_dim, 16);
    assert_int_equal(m->hp.rope_dims, 16);
    assert_int_equal(m->hp.n_vocab, MK_VOCAB);
    assert_int_equal(m->hp.n_ctx, 128);
    assert_true(m->hp.rope_base == 10000 && m->hp.rope_scale == 1);
    assert_int_equal(m->n_tensors, 3 + 2 * 9);
    assert_string_equal(m->precision, "f32; kv f32");
    uint64_t per_layer = 64 * 64 * 2 + 64 * 32 * 2 + 64 * 96 * 3 + 2 * 64;
    assert_int_equal(m->n_params, 2 * 64 * MK_VOCAB + 64 + 2 * per_layer);
    assert_int_equal(m->weight_bytes, 4 * m->n_params);
    assert_true(m->output != m->embd);
    assert_int_equal(strlen(m->fingerprint), 64);
    model_close(m);
}

static void every_precision(void **state)
{
    char prints[N_ALL][65];
    uint64_t bytes[N_ALL];
    for (size_t i = 0; i < N_ALL; i++) {
        struct model *m = open_with((struct model_options){.path = *state, .precision = all[i]});
        uint64_t sum = 0;
        for (uint32_t t = 0; t < m->n_tensors; t++)
            sum += m->tensors[t].bytes;
        assert_int_equal(sum, m->weight_bytes);
        assert_string_equal(tensor(m, "output_norm.weight")->stored, "f32");
        bytes[i] = m->weight_bytes;
        strcpy(prints[i], m->fingerprint);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(prints[i], prints[k]);
        model_close(m);
    }
    assert_true(bytes[1] < bytes[0] && bytes[1] == bytes[2] && bytes[4] < bytes[1]);
    assert_true(bytes[6] < bytes[4] && bytes[8] < bytes[7] && bytes[12] == bytes[0]);
    assert_true(bytes[14] < bytes[13] && bytes[13] < bytes[6]);
    assert_true(bytes[6] < bytes[22] && bytes[22] < bytes[21] && bytes[21] < bytes[4]);
    for (size_t i = 15; i < 19; i++) /* zero points cost something, and less than a bit */
        assert_true(bytes[i] > bytes[i == 15 ? 4 : i == 16 ? 6 : i - 4]);
}

static void edges_of_low_bits(void **state)
{
    struct model *m = open_with((struct model_options){.path = *state, .precision = "int4"});
    assert_string_equal(m->precision, "int4 g32; int8 row: token_embd, output; kv f32");
    assert_string_equal(tensor(m, "blk.1.ffn_down.weight")->stored, "int4 g32");
    model_close(m);
    m = open_with((struct model_options){.path = *state, .precision = "int6", .group = 16});
    assert_string_equal(m->precision, "int6 g16; int8 row: token_embd, output; kv f32");
    model_close(m);
    m = open_with((struct model_options){.path = *state, .precision = "int5"});
    assert_string_equal(tensor(m, "blk.1.ffn_down.weight")->compute, "s5xf32->f32");
    model_close(m);
    m = open_with((struct model_options){.path = *state, .precision = "int2a", .group = 16});
    assert_string_equal(m->precision, "int2a g16; int8 row: token_embd, output; kv f32");
    model_close(m);
    m = open_with((struct model_options){.path = *state, .precision = "q4_0", .kv = "int8"});
    assert_string_equal(m->precision, "q4_0; q8_0: token_embd, output; kv int8");
    model_close(m);
    m = open_with((struct model_options){.path = *state, .precision = "w4a4", .kv = "int4"});
    assert_string_equal(m->precision, "w4a4; q8_0: token_embd, output; kv int4");
    model_close(m);
    m = open_with((struct model_options){
        .path = *state, .precision = "llm_int8", .keep = "w8a8:*.ffn_down;int8:output"});
    assert_string_equal(m->precision,
                        "llm_int8; int8 row: output; w8a8: blk.*.ffn_down; kv f32");
    model_close(m);
    m = open_with((struct model_options){.path = *state, .precision = "fp16", .kv = "int3"});
    assert_string_equal(m->precision, "f16; kv int3");
    model_close(m);
    m = open_with((struct model_options){.path = *state, .precision = "int2", .kv = "int2"});
    assert_string_equal(m->precision, "int2 g32; int8 row: token_embd, output; kv int2");
    model_close(m);
    m = open_with((struct model_options){.path = *state, .precision = "w8a8", .kv = "f16"});
    assert_string_equal(m->precision, "w8a8; kv f16");
    model_close(m);
}

static void keep_first_match(void **state)
{
    struct model *m = open_with((struct model_options){
        .path = *state,
        .precision = "int4",
        .group = 16,
        .keep = " fp16: output , blk.0.attn_*; q8_0:*.ffn_down ;int4:output,token_embd.weight"});
    assert_string_equal(tensor(m, "output.weight")->stored, "f16");
    assert_string_equal(tensor(m, "blk.0.attn_q.weight")->stored, "f16");
    assert_string_equal(tensor(m, "blk.1.attn_q.weight")->stored, "int4 g16");
    assert_string_equal(tensor(m, "blk.1.ffn_down.weight")->stored, "q8_0");
    assert_string_equal(tensor(m, "token_embd.weight")->stored, "int4 g32");
    assert_string_equal(m->precision,
                        "int4 g16; int4 g32: token_embd; f16: output, blk.0.attn_q, blk.0.attn_k, "
                        "blk.0.attn_v, blk.0.attn_output; q8_0: blk.*.ffn_down; kv f32");
    model_close(m);
}

static void rows_that_do_not_divide(void **state)
{
    (void)state;
    struct mk_tiny t = mk_tiny_default;
    t.n_ff = 172;
    char *path = mk_tiny_file(&t);
    struct model *m = open_with((struct model_options){.path = path, .precision = "int4"});
    assert_string_equal(m->precision,
                        "int4 g32; int8 row: token_embd, output; int4 row: blk.*.ffn_down; kv f32");
    model_close(m);
    m = open_with((struct model_options){.path = path, .precision = "q5_1"});
    assert_string_equal(m->precision,
                        "q5_1; q8_0: token_embd, output; f16: blk.*.ffn_down; kv f32");
    model_close(m);
    refuse((struct model_options){.path = path, .precision = "int8", .group = 32}, ASSAY_EUSAGE,
           "'blk.0.ffn_down.weight'");
    unlink(path);
    free(path);
    t.n_ff = 168; /* 24, 28 divide; 28 is the larger */
    path = mk_tiny_file(&t);
    m = open_with((struct model_options){.path = path, .precision = "int4"});
    assert_string_equal(tensor(m, "blk.0.ffn_down.weight")->stored, "int4 g28");
    model_close(m);
    unlink(path);
    free(path);
}

static void stored_formats(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        const char *name;
    } types[] = {
        {QT_F16, "f16"},   {QT_BF16, "bf16"}, {QT_Q8_0, "q8_0"}, {QT_Q4_0, "q4_0"},
        {QT_Q4_1, "q4_1"}, {QT_Q5_0, "q5_0"}, {QT_Q5_1, "q5_1"},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct mk_tiny t = mk_tiny_default;
        t.type = types[i].type;
        t.tied = i % 2;
        char *path = mk_tiny_file(&t), words[64];
        struct model *m = open_with((struct model_options){.path = path, .precision = "stored"});
        snprintf(words, sizeof words, "%s; kv f32", types[i].name);
        assert_string_equal(m->precision, words);
        assert_true((m->output == m->embd) == t.tied);
        model_close(m);
        m = open_with((struct model_options){.path = path, .precision = "fp32"});
        assert_string_equal(m->precision, "f32; kv f32");
        model_close(m);
        unlink(path);
        free(path);
    }
}

static void fingerprints(void **state)
{
    const char *path = *state;
    const struct model_options same[] = {
        {.path = path},
        {.path = path, .n_ctx = 64},
        {.path = path, .precision = "fp32"},
    };
    const struct model_options others[] = {
        {.path = path, .kv = "f16"},
        {.path = path, .keep = "fp16:output"},
        {.path = path, .precision = "int8"},
        {.path = path, .precision = "int8", .group = 32},
    };
    char first[65] = "", prints[4][65];
    for (size_t i = 0; i < 3; i++) {
        struct model *m = open_with(same[i]);
        if (i)
            assert_string_equal(first, m->fingerprint);
        strcpy(first, m->fingerprint);
        model_close(m);
    }
    for (size_t i = 0; i < 4; i++) {
        struct model *m = open_with(others[i]);
        strcpy(prints[i], m->fingerprint);
        assert_string_not_equal(first, prints[i]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(prints[i], prints[k]);
        model_close(m);
    }
    struct mk_tiny t = mk_tiny_default;
    t.seed = 2;
    char *other = mk_tiny_file(&t);
    struct model *m = open_with((struct model_options){.path = other});
    assert_string_not_equal(first, m->fingerprint);
    model_close(m);
    unlink(other);
    free(other);
}

/* -- what makes no sense ----------------------------------------------------------------------- */

static void bad_options(void **state)
{
    const char *p = *state;
    refuse((struct model_options){.path = NULL}, ASSAY_EUSAGE, "no model");
    refuse((struct model_options){.path = p, .precision = "fp61"}, ASSAY_EUSAGE, "'fp16'?");
    refuse((struct model_options){.path = p, .precision = "int7"}, ASSAY_EUSAGE, "expected one of");
    refuse((struct model_options){.path = p, .kv = "q8"}, ASSAY_EUSAGE, "f32|f16|int8|int4|int3|int2");
    refuse((struct model_options){.path = p, .group = 32}, ASSAY_EUSAGE, "no groups");
    refuse((struct model_options){.path = p, .precision = "int4", .group = -1}, ASSAY_EUSAGE, "-1");
    refuse((struct model_options){.path = p, .precision = "int4", .group = 48}, ASSAY_EUSAGE,
           "'blk.0.attn_q.weight'");
    refuse((struct model_options){.path = p, .precision = "int4", .group = 1 << 30}, ASSAY_EUSAGE,
           "expected 1 to");
    refuse((struct model_options){.path = p, .n_ctx = -5}, ASSAY_EUSAGE, "context of -5");
    refuse((struct model_options){.path = p, .n_ctx = 1 << 30}, ASSAY_EUSAGE, "context of");
    refuse((struct model_options){.path = p, .threads = -1}, ASSAY_EUSAGE, "threads");
}

static void bad_keep(void **state)
{
    const char *p = *state;
    refuse((struct model_options){.path = p, .keep = "output"}, ASSAY_EUSAGE, "PRECISION:PATTERN");
    refuse((struct model_options){.path = p, .keep = "fp16: "}, ASSAY_EUSAGE, "names no tensors");
    refuse((struct model_options){.path = p, .keep = "pf16:output"}, ASSAY_EUSAGE, "'fp16'?");
    refuse((struct model_options){.path = p, .keep = "fp16:outptu.weight"}, ASSAY_EUSAGE,
           "'output'?");
    refuse((struct model_options){.path = p, .keep = "fp16:*_norm"}, ASSAY_EUSAGE, "'*_norm'");
    refuse((struct model_options){.path = p, .keep = "fp16:blk.7.*"}, ASSAY_EUSAGE, "'blk.7.*'");
    char many[70 * 4] = "fp16:";
    for (int i = 0; i < 65; i++)
        strcat(many, "a,");
    refuse((struct model_options){.path = p, .keep = many}, ASSAY_EUSAGE, "more than 64");
    struct mk_tiny t = mk_tiny_default;
    t.tied = true;
    char *tied = mk_tiny_file(&t);
    refuse((struct model_options){.path = tied, .keep = "fp16:output"}, ASSAY_EUSAGE, "token_embd");
    unlink(tied);
    free(tied);
}

/* -- files that are not such a model ----------------------------------------------------------- */

static void refuse_file(struct mk *g, int code, const char *word)
{
    struct buf b;
    mk_finish(g, &b);
    char *path = mk_write(&b);
    refuse((struct model_options){.path = path}, code, word);
    unlink(path);
    free(path);
    buf_release(&b);
}

static void other_architectures(void **state)
{
    (void)state;
    struct mk g;
    mk_init(&g);
    refuse_file(&g, ASSAY_EUNSUPPORTED, "architecture is ''");
    mk_init(&g);
    mk_str(&g, "general.architecture", "qwen2");
    refuse_file(&g, ASSAY_EUNSUPPORTED, "'qwen2'; supported is 'llama'");
    mk_init(&g);
    mk_str(&g, "general.architecture", "a\nb\x1b[31m");
    refuse_file(&g, ASSAY_EUNSUPPORTED, "'a?b?[31m'");
    mk_init(&g);
    mk_u32(&g, "general.architecture", 1);
    refuse_file(&g, ASSAY_EFORMAT, "not a string");
    mk_init(&g);
    mk_tiny_keys(&g, &mk_tiny_default);
    mk_u32(&g, "llama.expert_count", 8);
    refuse_file(&g, ASSAY_EUNSUPPORTED, "8 experts");
    mk_init(&g);
    mk_tiny_keys(&g, &mk_tiny_default);
    mk_str(&g, "llama.rope.scaling.type", "yarn");
    refuse_file(&g, ASSAY_EUNSUPPORTED, "'yarn'");
}

static void hyperparameters(void **state)
{
    (void)state;
    const struct {
        size_t member;
        uint32_t value;
        const char *word;
    } bad[] = {
        {offsetof(struct mk_tiny, n_embd), 0, "expected 1 to"},
        {offsetof(struct mk_tiny, n_embd), UINT32_MAX, "expected 1 to"},
        {offsetof(struct mk_tiny, n_embd), 66, "not a multiple of 4 heads"},
        {offsetof(struct mk_tiny, n_embd), 128, "expected [128, "},
        {offsetof(struct mk_tiny, n_layer), 0, "expected 1 to"},
        {offsetof(struct mk_tiny, n_layer), 100000, "expected 1 to"},
        {offsetof(struct mk_tiny, n_layer), 3, "'blk.2.attn_norm.weight' is missing"},
        {offsetof(struct mk_tiny, n_layer), 1, "no place"},
        {offsetof(struct mk_tiny, n_head), 8, "expected [64, 16]"},
        {offsetof(struct mk_tiny, n_head_kv), 3, "KV heads"},
        {offsetof(struct mk_tiny, n_ff), 1 << 19, "expected [64, 524288]"},
        {offsetof(struct mk_tiny, n_ctx), 0, "expected 1 to"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct mk_tiny t = mk_tiny_default;
        struct mk g;
        *(uint32_t *)(void *)((char *)&t + bad[i].member) = bad[i].value;
        mk_init(&g);
        mk_tiny_keys(&g, &t);
        mk_vocab(&g);
        mk_tiny_tensors(&g, &mk_tiny_default);
        refuse_file(&g, strstr(bad[i].word, "no place") ? ASSAY_EUNSUPPORTED : ASSAY_EFORMAT,
                    bad[i].word);
    }
}

static void more_keys(void **state)
{
    (void)state;
    const struct {
        const char *key;
        float value;
        const char *word;
    } bad[] = {
        {"llama.rope.freq_base", NAN, "rope.freq_base"},
        {"llama.rope.freq_base", 0, "rope.freq_base"},
        {"llama.rope.scaling.factor", -1, "scaling.factor"},
        {"llama.attention.key_length", 16, "not a non-negative integer"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct mk g;
        mk_init(&g);
        mk_tiny_keys(&g, &mk_tiny_default);
        mk_f32(&g, bad[i].key, bad[i].value);
        refuse_file(&g, ASSAY_EFORMAT, bad[i].word);
    }
}

static void rope_variants(void **state)
{
    (void)state;
    struct buf b;
    struct mk g;
    const float freqs[8] = {1, 1, 2, 2, 4, 4, 8, 8};
    mk_init(&g);
    mk_tiny_keys(&g, &mk_tiny_default);
    mk_f32(&g, "llama.rope.freq_base", 500000);
    mk_str(&g, "llama.rope.scaling.type", "linear");
    mk_f32(&g, "llama.rope.scaling.factor", 4);
    mk_vocab(&g);
    mk_tiny_tensors(&g, &mk_tiny_default);
    mk_tensor(&g, "rope_freqs.weight", QT_F32, 1, (const uint64_t[]){8}, freqs, sizeof freqs);
    mk_tensor(&g, "blk.0.attn_rot_embd.weight", QT_F32, 1, (const uint64_t[]){8}, freqs, 32);
    mk_finish(&g, &b);
    char *path = mk_write(&b);
    struct model *m = open_with((struct model_options){.path = path});
    assert_true(m->hp.rope_base == 500000 && m->hp.rope_scale == 4 && m->rope_freqs[7] == 8);
    model_close(m);
    unlink(path);
    free(path);
    buf_release(&b);
}

static void tensors_that_do_not_fit(void **state)
{
    (void)state;
    const float nan_bias[64] = {NAN};
    struct mk g;
    mk_init(&g);
    mk_tiny_keys(&g, &mk_tiny_default);
    mk_vocab(&g);
    mk_tiny_tensors(&g, &mk_tiny_default);
    mk_tensor(&g, "blk.0.attn_q.bias", QT_F32, 1, (const uint64_t[]){64}, nan_bias, 256);
    refuse_file(&g, ASSAY_EUNSUPPORTED, "'blk.0.attn_q.bias' has no place");
    mk_init(&g);
    mk_tiny_keys(&g, &mk_tiny_default);
    mk_vocab(&g);
    refuse_file(&g, ASSAY_EFORMAT, "'token_embd.weight' is missing");
    mk_init(&g);
    mk_tiny_keys(&g, &mk_tiny_default);
    mk_vocab(&g);
    mk_tiny_tensors(&g, &mk_tiny_default);
    size_t at = 4 * (64 * MK_VOCAB + 3); /* third element of output_norm */
    memcpy(g.data.v + at - at % 4 - 4, nan_bias, 4);
    refuse_file(&g, ASSAY_EFORMAT, "'output_norm.weight' holds nan at 2");
    mk_init(&g);
    mk_tiny_keys(&g, &mk_tiny_default);
    mk_vocab(&g);
    mk_tiny_tensors(&g, &mk_tiny_default);
    memcpy(g.data.v + 4 * 70, nan_bias, 4);
    refuse_file(&g, ASSAY_EFORMAT, "token_embd.weight");
}

/* Cut anywhere and damaged anywhere: an error with the path, or a model that opens. */
static void damaged(void **state)
{
    (void)state;
    struct buf b;
    struct mk_tiny t = mk_tiny_default;
    struct rng r = {11};
    size_t n_opened = 0, n_refused = 0;
    t.n_layer = 1;
    mk_tiny_model(&t, &b);
    for (int i = 0; i < 600; i++) {
        struct buf bad;
        struct model *m = NULL;
        struct assay_err e = {0};
        buf_init(&bad, 0);
        buf_add(&bad, b.v, i % 3 ? b.n : rng_below(&r, b.n));
        for (int k = 0; i % 3 && k < 1 + i % 4; k++)
            bad.v[rng_below(&r, i % 2 ? 9000 : 600)] = (char)rng_next(&r);
        char *path = mk_write(&bad);
        int rc = model_open(&(struct model_options){.path = path, .threads = 1}, &m, &e);
        if (rc < 0 && !*e.msg)
            fail_msg("damage %d: an error without a message", i);
        n_opened += rc == 0;
        n_refused += rc < 0;
        model_close(m);
        unlink(path);
        free(path);
        buf_release(&bad);
    }
    assert_true(n_opened > 20 && n_refused > 200);
    buf_release(&b);
    model_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(facts, setup, teardown),
        cmocka_unit_test_setup_teardown(every_precision, setup, teardown),
        cmocka_unit_test_setup_teardown(edges_of_low_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(keep_first_match, setup, teardown),
        cmocka_unit_test(rows_that_do_not_divide),
        cmocka_unit_test(stored_formats),
        cmocka_unit_test_setup_teardown(fingerprints, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_options, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_keep, setup, teardown),
        cmocka_unit_test(other_architectures),
        cmocka_unit_test(hyperparameters),
        cmocka_unit_test(more_keys),
        cmocka_unit_test(rope_variants),
        cmocka_unit_test(tensors_that_do_not_fit),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
