/* Training byte-level BPE follows its rule, whatever the order of the text, and the file it writes
 * encodes as training counted. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/native/bpe_test.h"

static struct bpe_train *train(const struct bpe_options *o, const char *const *texts)
{
    struct assay_err e = {0};
    struct bpe_train *t;
    if (bpe_train_open(o, &t, &e) < 0)
        fail_msg("%s", e.msg);
    for (; *texts; texts++)
        if (bpe_train_text(t, *texts, strlen(*texts), &e) < 0)
            fail_msg("%s", e.msg);
    if (bpe_train_run(t, &e) < 0)
        fail_msg("%s", e.msg);
    return t;
}

static void assert_piece(const struct bpe_train *t, uint32_t id, const char *expected)
{
    size_t n;
    const char *piece = bpe_train_piece(t, id, &n);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(piece, expected, n);
}

static void trained_by_hand(void **state)
{
    (void)state;
    static const struct bpe_special s[] = {{"<s>", BPE_CONTROL}, {"<q>", BPE_TAG}};
    struct bpe_options o = {.n_vocab = 2 + 256 + 4,
                            .pre = "gpt-2",
                            .specials = s,
                            .n_specials = 2,
                            .bos = 0,
                            .eos = -1};
    /* low x5, lower x2, newest x6, widest x3: the worked example of Sennrich et al. 2016, without
     * its end-of-word mark: es 9, then est 9 (es t), lo 7, low 7. */
    struct bpe_train *t =
        train(&o, LIST("low\nlow\nlow\nlow\nlow\nlower\nlower\n<q>newest\nnewest\nnewest<s>\n",
                       "newest\nnewest\nnewest\nwidest\nwidest\nwidest"));
    assert_piece(t, 0, "<s>");
    assert_piece(t, 2 + 'a', "a");
    assert_piece(t, 258, "es");
    assert_piece(t, 259, "est");
    assert_piece(t, 260, "lo");
    assert_piece(t, 261, "low");
    bpe_train_close(t);
}

/* Pairs that stand equally often: lower left id first, then lower right id. */
static void ties_by_lower_ids(void **state)
{
    (void)state;
    struct bpe_options o = {.n_vocab = 256 + 3, .pre = "gpt-2", .bos = -1, .eos = -1};
    struct bpe_train *t = train(&o, LIST("zx\nbz\nba\nzx\nbz\nba"));
    assert_piece(t, 256, "ba");
    assert_piece(t, 257, "bz");
    assert_piece(t, 258, "zx");
    bpe_train_close(t);
}

/* Special tokens are no text: what stands around them does not meet. */
static void specials_are_skipped(void **state)
{
    (void)state;
    static const struct bpe_special s[] = {{"xx", BPE_TAG}, {"xxx", BPE_TAG}};
    const struct bpe_options o = {
        .n_vocab = 259, .pre = "gpt-2", .specials = s, .n_specials = 2, .bos = -1, .eos = -1};
    struct assay_err e = {0};
    struct bpe_train *t;
    assert_int_equal(bpe_train_open(&o, &t, &e), 0);
    assert_int_equal(bpe_train_text(t, "axxbaxxxbcxxxb", 14, &e), 0);
    assert_int_equal(bpe_train_run(t, &e), ASSAY_EUSAGE);
    assert_non_null(strstr(e.msg, "gives 0 merges"));
    bpe_train_close(t);
}

static char *write_trained(const struct bpe_train *t)
{
    struct assay_err e = {0};
    char *path = fresh_path();
    struct gguf_out *g = gguf_out_new();
    bpe_train_write(t, g);
    if (gguf_out_write(g, path, &e) < 0)
        fail_msg("%s", e.msg);
    gguf_out_free(g);
    return path;
}

static const char hindi[] =
    "\xe0\xa4\x95\xe0\xa4\xbf\xe0\xa4\xa4\xe0\xa4\xbe\xe0\xa4\xac \xe0\xa4\x95\xe0\xa5\x80 "
    "\xe0\xa4\x95\xe0\xa5\x8d\xe0\xa4\xb7\xe0\xa4\xae\xe0\xa4\xbe \xe0\xa4\x95\xe0\xa5\x87 "
    "\xe0\xa5\xa7\xe0\xa5\xa8 ";
static const char english[] =
    "the cat sat on the mat 1212 times, then 12 and 12 more; they're here. ";

/* Eight lines of English for one of Hindi, `seed` deciding their order. */
static char *corpus(uint64_t seed)
{
    struct rng r = {seed};
    char *text = calloc(1, 1 << 16);
    size_t n_hindi = 20, n_english = 160;
    while (n_hindi + n_english) {
        bool take = rng_below(&r, n_hindi + n_english) < n_hindi;
        strcat(text, take ? hindi : english);
        strcat(text, "\n");
        n_hindi -= take;
        n_english -= !take;
    }
    return text;
}

static void order_does_not_matter(void **state)
{
    (void)state;
    struct bpe_options o = {.n_vocab = 300,
                            .pre = "qwen2",
                            .bos = -1,
                            .eos = -1,
                            .lo = 0x900,
                            .hi = 0x97F,
                            .reserve = 0.25};
    char *texts[2] = {corpus(1), corpus(2)};
    assert_string_not_equal(texts[0], texts[1]);
    struct bpe_train *a = train(&o, LIST(texts[0])), *b = train(&o, LIST(texts[1]));
    for (uint32_t i = 0; i < o.n_vocab; i++) {
        size_t n, n_b;
        const char *piece = bpe_train_piece(a, i, &n), *piece_b = bpe_train_piece(b, i, &n_b);
        assert_int_equal(n, n_b);
        assert_memory_equal(piece, piece_b, n);
    }
    bpe_train_close(a);
    bpe_train_close(b);
    free(texts[0]);
    free(texts[1]);
}

/* No piece has a digit and anything else; every piece is whole characters or begins one. */
static void pieces_are_clean(void **state)
{
    (void)state;
    static const char *const pres[] = {"qwen2", "qwen35", "smollm"};
    char *text = corpus(3);
    for (size_t p = 0; p < 3; p++) {
        struct bpe_options o = {.n_vocab = 300,
                                .pre = pres[p],
                                .bos = -1,
                                .eos = -1,
                                .lo = 0x900,
                                .hi = 0x97F,
                                .reserve = 0.3};
        struct bpe_train *t = train(&o, LIST(text));
        for (uint32_t i = 256; i < o.n_vocab; i++) {
            size_t n, whole;
            const char *piece = bpe_train_piece(t, i, &n);
            for (size_t k = 0; k < n; k++)
                assert_false(piece[k] >= '0' && piece[k] <= '9');
            whole = text_whole(piece, n);
            assert_true((whole == n && text_valid(piece, n, NULL)) || whole == 0);
        }
        bpe_train_close(t);
    }
    free(text);
}

/* The share is kept, and it buys shorter Hindi; qwen35 buys more of it than qwen2. */
static void reserve_helps(void **state)
{
    (void)state;
    char *text = corpus(4);
    double tokens_a_word[3];
    for (int i = 0; i < 3; i++) {
        struct bpe_options o = {.n_vocab = 292,
                                .pre = i == 2 ? "qwen35" : "qwen2",
                                .bos = -1,
                                .eos = -1,
                                .lo = 0x900,
                                .hi = 0x97F,
                                .reserve = i ? 0.9 : 1e-9};
        struct bpe_train *t = train(&o, LIST(text));
        struct bpe_stats s;
        bpe_train_stats(t, &s);
        assert_int_equal(s.n_merges, 36);
        if (i)
            assert_true(s.script_merges >= 18);
        assert_int_equal(s.script_words, 20 * 5);
        assert_int_equal(s.script_chars, 20 * 16);
        tokens_a_word[i] = (double)s.script_tokens / (double)s.script_words;
        bpe_train_close(t);
    }
    assert_true(tokens_a_word[1] < tokens_a_word[0]);
    assert_true(tokens_a_word[2] < tokens_a_word[1]);
    free(text);
}

/* What training counted is what encoding with the file gives. */
static void file_encodes_as_trained(void **state)
{
    (void)state;
    static const struct bpe_special s[] = {
        {"<s>", BPE_CONTROL}, {"</s>", BPE_CONTROL}, {"<q>", BPE_TAG}};
    char *text = corpus(5);
    for (size_t p = 0; p < BPE_PRES; p++) {
        struct bpe_options o = {.n_vocab = 300,
                                .pre = bpe_pres[p],
                                .specials = s,
                                .n_specials = 3,
                                .bos = 0,
                                .eos = 1,
                                .lo = 0x900,
                                .hi = 0x97F,
                                .reserve = 0.2};
        struct bpe_train *t = train(&o, LIST(text));
        struct bpe_stats stats;
        bpe_train_stats(t, &stats);
        struct vocab *v = open_once(write_trained(t));
        size_t n;
        bpe_train_close(t);
        assert_int_equal(vocab_encode(v, text, strlen(text), 0, NULL, 0, &n, NULL), 0);
        assert_int_equal(stats.n_bytes, strlen(text));
        assert_int_equal(n, stats.n_tokens);
        assert_int_equal(vocab_size(v), 300);
        assert_true(vocab_bos(v) == 0 && vocab_eos(v) == 1 && vocab_add_bos(v));
        assert_true(vocab_is_control(v, 1) && !vocab_is_control(v, 2));
        encode(v, "<s><q>", 0, "<|s|>|<q>");
        encode(v, "<s><q>", 1, "<s>|<s>|<q>");
        vocab_close(v);
    }
    free(text);
}

static void impossible_training(void **state)
{
    (void)state;
    static const struct bpe_special twice[] = {{"<s>", 3}, {"<s>", 3}}, byte[] = {{"a", 3}},
                                    empty[] = {{"", 3}};
    const struct {
        struct bpe_options o;
        int code;
        const char *word;
    } rows[] = {
        {{.n_vocab = 255, .pre = "qwen2", .bos = -1, .eos = -1}, ASSAY_EUSAGE, "at least 256"},
        {{.n_vocab = 70000, .pre = "qwen2", .bos = -1, .eos = -1}, ASSAY_EUSAGE, "at most 65536"},
        {{.n_vocab = 300, .pre = "nosuch", .bos = -1, .eos = -1}, ASSAY_EUNSUPPORTED, "'nosuch'"},
        {{.n_vocab = 300, .pre = "qwen2", .bos = 0, .eos = -1}, ASSAY_EUSAGE, "bos or eos"},
        {{.n_vocab = 300, .pre = "qwen2", .bos = -1, .eos = -1, .reserve = 2},
         ASSAY_EUSAGE,
         "share of 2"},
        {{.n_vocab = 300, .pre = "qwen2", .specials = twice, .n_specials = 2, .bos = -1, .eos = -1},
         ASSAY_EUSAGE,
         "given twice"},
        {{.n_vocab = 300, .pre = "qwen2", .specials = byte, .n_specials = 1, .bos = -1, .eos = -1},
         ASSAY_EUSAGE,
         "token of a byte"},
        {{.n_vocab = 300, .pre = "qwen2", .specials = empty, .n_specials = 1, .bos = -1, .eos = -1},
         ASSAY_EUSAGE,
         "special token 0"},
    };
    struct bpe_train *t = NULL;
    struct assay_err e = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(bpe_train_open(&rows[i].o, &t, &e), rows[i].code);
        if (!strstr(e.msg, rows[i].word))
            fail_msg("%s", e.msg);
    }
    const struct bpe_options o = {.n_vocab = 300, .pre = "qwen2", .bos = -1, .eos = -1};
    assert_int_equal(bpe_train_open(&o, &t, &e), 0);
    assert_int_equal(bpe_train_text(t, "ab\xff", 3, &e), ASSAY_EFORMAT);
    assert_non_null(strstr(e.msg, "offset 2: not UTF-8"));
    assert_int_equal(bpe_train_text(t, "abc abc abc", 11, &e), 0);
    assert_int_equal(bpe_train_run(t, &e), ASSAY_EUSAGE);
    assert_non_null(strstr(e.msg, "gives 3 merges, but a vocabulary of 300 needs 44"));
    bpe_train_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trained_by_hand),         cmocka_unit_test(ties_by_lower_ids),
        cmocka_unit_test(specials_are_skipped),    cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(pieces_are_clean),        cmocka_unit_test(reserve_helps),
        cmocka_unit_test(file_encodes_as_trained), cmocka_unit_test(impossible_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
