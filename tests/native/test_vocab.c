/* Token ids equal llama.cpp's for the texts of tests/golden/X-tokens.tsv, on stories260K and on a
 * vocabulary made of corner cases; rules on a small vocabulary; damaged vocabularies are refused.
 * */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "backends/native/vocab.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "tests/native/make_gguf.h"

#define MODEL  "../shared/models/stories260K.gguf"
#define GOLDEN "tests/golden/stories260K-tokens.tsv"
enum { MAX_IDS = 1 << 14, MAX_LINE = 1 << 16 };

static struct vocab *open_file(const char *path)
{
    struct assay_err e = {0};
    struct gguf *g = NULL;
    struct vocab *v = NULL;
    if (gguf_open(path, &g, &e) < 0 || vocab_open(g, &v, &e) < 0)
        fail_msg("%s", e.msg);
    gguf_close(g);
    return v;
}

static struct vocab *open_built(struct mk *m, int expected, const char *word)
{
    struct assay_err e = {0};
    struct gguf *g = NULL;
    struct vocab *v = NULL;
    struct buf file;
    mk_finish(m, &file);
    assert_int_equal(gguf_parse(file.v, file.n, "v.gguf", &g, &e), 0);
    int rc = vocab_open(g, &v, &e);
    if (rc != expected || (word && !strstr(e.msg, word)))
        fail_msg("%d, expected %d with '%s': %s", rc, expected, word ? word : "", e.msg);
    gguf_close(g);
    buf_release(&file);
    return v;
}

static size_t unescape(const char *s, char *out)
{
    size_t n = 0;
    while (*s) {
        if (s[0] == '\\' && s[1] == 'x') {
            char hex[3] = {s[2], s[3], 0};
            out[n++] = (char)strtol(hex, NULL, 16);
            s += 4;
        } else {
            out[n++] = *s++;
        }
    }
    return n;
}

static size_t parse_ids(char *s, int32_t *out)
{
    size_t n = 0;
    for (char *t = strtok(s, " \n"); t; t = strtok(NULL, " \n"))
        out[n++] = atoi(t);
    return n;
}

static void check(struct vocab *v, const char *line, int special, size_t len, char *ids)
{
    static int32_t expected[MAX_IDS], got[MAX_IDS];
    static char text[MAX_LINE];
    struct assay_err e = {0};
    size_t n_expected = parse_ids(ids, expected), n = 0;
    /* Exactly sized, so that a read beyond the text is seen by sanitizers. */
    char *exact = malloc(len + 1);
    unescape(line, text);
    memcpy(exact, text, len);
    exact = realloc(exact, len ? len : 1);
    int rc = vocab_encode(v, exact, len, special, got, MAX_IDS, &n, &e);
    free(exact);
    if (rc < 0 || n != n_expected || memcmp(got, expected, n * sizeof *got))
        fail_msg("'%.60s' special %d: %zu tokens, expected %zu (%s)", line, special, n, n_expected,
                 e.msg);
}

/* Checks every line of a golden file; returns how many there were. */
static size_t check_file(struct vocab *v, const char *path)
{
    static char line[MAX_LINE], text[MAX_LINE];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = 0;
    for (; fgets(line, sizeof line, f); n++) {
        char *plain = strchr(line, '\t');
        assert_non_null(plain);
        *plain++ = 0;
        char *special = strchr(plain, '\t');
        assert_non_null(special);
        *special++ = 0;
        size_t len = unescape(line, text);
        check(v, line, 0, len, plain);
        check(v, line, 1, len, special);
    }
    fclose(f);
    vocab_close(v);
    return n;
}

static void same_as_llama_cpp(void **state)
{
    (void)state;
    if (access(MODEL, R_OK)) {
        print_message("skipped: %s is absent\n", MODEL);
        skip();
    }
    assert_true(check_file(open_file(MODEL), GOLDEN) >= 1000);
}

/* Byte-level BPE as trained for the shipped model: documents, cuts of them, and odd strings. */
static void same_on_reference_model(void **state)
{
    (void)state;
    struct vocab *v = open_file("backends/native/models/ref.gguf");
    assert_true(check_file(v, "tests/golden/ref-tokens.tsv") >= 1000);
}

static void same_on_odd_vocabulary(void **state)
{
    (void)state;
    struct mk m;
    mk_init(&m);
    mk_odd_vocab(&m);
    assert_true(check_file(open_built(&m, 0, NULL), "tests/golden/odd-tokens.tsv") >= 400);
}

static void facts(void **state)
{
    (void)state;
    struct mk m;
    mk_init(&m);
    mk_vocab(&m);
    struct vocab *v = open_built(&m, 0, NULL);
    size_t n;
    assert_int_equal(vocab_size(v), MK_VOCAB);
    assert_int_equal(vocab_bos(v), 1);
    assert_int_equal(vocab_eos(v), 2);
    assert_true(vocab_add_bos(v));
    assert_true(vocab_is_control(v, 0) && vocab_is_control(v, 1) && !vocab_is_control(v, 259));
    assert_true(vocab_is_eog(v, 2) && !vocab_is_eog(v, 1));
    assert_memory_equal(vocab_piece(v, 3 + 0x41, &n), "A", 1);
    assert_int_equal(n, 1);
    assert_memory_equal(vocab_piece(v, 259 + 17, &n), " the", 4);
    assert_int_equal(n, 4);
    assert_memory_equal(vocab_piece(v, 1, &n), "<s>", 3);
    vocab_close(v);
}

static void encode(struct vocab *v, const char *text, int special, const char *expected)
{
    int32_t ids[64];
    size_t n = 0;
    struct assay_err e = {0};
    char got[512] = "";
    assert_int_equal(vocab_encode(v, text, strlen(text), special, ids, 64, &n, &e), 0);
    for (size_t i = 0; i < n; i++) {
        size_t len, at = strlen(got);
        const char *p = vocab_piece(v, ids[i], &len);
        snprintf(got + at, sizeof got - at, "%s%.*s", i ? "|" : "", (int)len, p);
    }
    assert_string_equal(got, expected);
}

static void rules(void **state)
{
    (void)state;
    struct mk m;
    mk_init(&m);
    mk_vocab(&m);
    struct vocab *v = open_built(&m, 0, NULL);
    encode(v, "", 0, "");
    encode(v, "", 1, "<s>");
    encode(v, "the hand", 0, " the| h|an|d");
    vocab_close(v);
}

static void no_space_prefix_no_bos(void **state)
{
    (void)state;
    struct mk m;
    mk_init(&m);
    mk_vocab(&m);
    mk_bool(&m, "tokenizer.ggml.add_space_prefix", false);
    mk_bool(&m, "tokenizer.ggml.add_bos_token", false);
    struct vocab *v = open_built(&m, 0, NULL);
    encode(v, "the", 1, "t|he");
    encode(v, " the</s>the", 1, " the|</s>|t|he");
    vocab_close(v);
}

/* Converters write -0 for the first merge; it is no worse than 0. */
static void minus_zero_ties_with_zero(void **state)
{
    static const char *const texts[] = {"<unk>", "a", "b", "c", "ab", "bc"};
    const float scores[] = {0, 0, 0, 0, -0.0f, 0};
    struct mk m;
    (void)state;
    mk_init(&m);
    mk_str(&m, "tokenizer.ggml.model", "llama");
    mk_strs(&m, "tokenizer.ggml.tokens", texts, 6);
    mk_f32s(&m, "tokenizer.ggml.scores", scores, 6);
    mk_bool(&m, "tokenizer.ggml.add_space_prefix", false);
    struct vocab *v = open_built(&m, 0, NULL);
    encode(v, "abc", 0, "ab|c");
    vocab_close(v);
}

static void counts_beyond_cap(void **state)
{
    (void)state;
    struct mk m;
    mk_init(&m);
    mk_vocab(&m);
    struct vocab *v = open_built(&m, 0, NULL);
    int32_t ids[3] = {-7, -7, -7};
    size_t n = 0;
    assert_int_equal(vocab_encode(v, "QQQQ", 4, 1, ids, 2, &n, NULL), 0);
    assert_int_equal(n, 6);
    assert_int_equal(ids[0], 1);
    assert_int_equal(ids[2], -7);
    assert_int_equal(vocab_encode(v, "QQQQ", 4, 1, NULL, 0, &n, NULL), 0);
    assert_int_equal(n, 6);
    vocab_close(v);
}

static const char *const three[] = {"<unk>", "a", "b"};
static const char *const twice[] = {"<unk>", "a", "a"};

static void small(struct mk *m, const char *const *texts)
{
    mk_init(m);
    mk_str(m, "tokenizer.ggml.model", "llama");
    mk_strs(m, "tokenizer.ggml.tokens", texts, 3);
}

static void refused(void **state)
{
    (void)state;
    struct mk m;
    float nan_scores[3] = {0, NAN, 0}, scores[2] = {0};
    int32_t types[3] = {2, 6, 1};

    mk_init(&m);
    open_built(&m, ASSAY_EUNSUPPORTED, "tokenizer");
    mk_init(&m);
    mk_str(&m, "tokenizer.ggml.model", "bert");
    open_built(&m, ASSAY_EUNSUPPORTED, "'bert'");
    mk_init(&m);
    mk_str(&m, "tokenizer.ggml.model", "llama");
    open_built(&m, ASSAY_EFORMAT, "missing");
    small(&m, twice);
    open_built(&m, ASSAY_EFORMAT, "same text");
    small(&m, three);
    mk_f32s(&m, "tokenizer.ggml.scores", scores, 2);
    open_built(&m, ASSAY_EFORMAT, "2 items for 3 tokens");
    small(&m, three);
    mk_f32s(&m, "tokenizer.ggml.scores", nan_scores, 3);
    open_built(&m, ASSAY_EFORMAT, "not a number");
    small(&m, three);
    mk_str(&m, "tokenizer.ggml.token_type", "x");
    open_built(&m, ASSAY_EFORMAT, "not an array");
    small(&m, three);
    mk_i32s(&m, "tokenizer.ggml.token_type", types, 3);
    open_built(&m, ASSAY_EFORMAT, "type byte");
    small(&m, three);
    mk_str(&m, "tokenizer.ggml.bos_token_id", "x");
    open_built(&m, ASSAY_EFORMAT, "not a non-negative integer");
}

static void missing_byte(void **state)
{
    (void)state;
    struct mk m;
    struct assay_err e = {0};
    size_t n = 0;
    small(&m, three);
    mk_u32(&m, "tokenizer.ggml.bos_token_id", UINT32_MAX);
    mk_bool(&m, "tokenizer.ggml.add_space_prefix", false);
    struct vocab *v = open_built(&m, 0, NULL);
    assert_int_equal(vocab_bos(v), 1);
    assert_int_equal(vocab_encode(v, "ab", 2, 0, NULL, 0, &n, &e), 0);
    assert_int_equal(n, 2);
    assert_int_equal(vocab_encode(v, "az", 2, 0, NULL, 0, &n, &e), ASSAY_EUNSUPPORTED);
    assert_non_null(strstr(e.msg, "<0x7A>"));
    vocab_close(v);
}

/* Not a benchmark: only that the time does not grow with the square of the length. */
static void long_text(void **state)
{
    (void)state;
    struct mk m;
    mk_init(&m);
    mk_vocab(&m);
    struct vocab *v = open_built(&m, 0, NULL);
    size_t len = 1 << 20, n = 0;
    char *text = malloc(len);
    for (size_t i = 0; i < len; i++)
        text[i] = "the hand on "[i % 12];
    int64_t t0 = clock_ns();
    assert_int_equal(vocab_encode(v, text, len, 0, NULL, 0, &n, NULL), 0);
    double s = (double)(clock_ns() - t0) / 1e9;
    print_message("%.1f MB/s\n", (double)len / 1e6 / s);
    assert_true(n > len / 4 && s < 20);
    free(text);
    vocab_close(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_llama_cpp),
        cmocka_unit_test(same_on_reference_model),
        cmocka_unit_test(same_on_odd_vocabulary),
        cmocka_unit_test(facts),
        cmocka_unit_test(rules),
        cmocka_unit_test(no_space_prefix_no_bos),
        cmocka_unit_test(minus_zero_ties_with_zero),
        cmocka_unit_test(counts_beyond_cap),
        cmocka_unit_test(refused),
        cmocka_unit_test(missing_byte),
        cmocka_unit_test(long_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
