/* Byte-level BPE: token ids equal llama.cpp's for the texts of tests/golden/bpe-texts.txt with every
 * family of pre-tokenizers, and a slow reading of the rule for random words; damaged vocabularies
 * are refused; training follows its rule, whatever the order of the text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "backends/native/bpe.h"
#include "backends/native/pretoken.h"
#include "backends/native/vocab.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "tests/native/make_bpe.h"
#include "tests/native/make_gguf.h"

enum { MAX_IDS = 1 << 14 };

/* -- files ------------------------------------------------------------------------------------- */

static char *fresh_path(void)
{
    struct buf empty;
    buf_init(&empty, 0);
    char *path = mk_write(&empty);
    buf_release(&empty);
    return path;
}

/* Opens and removes the file. */
static struct vocab *open_once(char *path)
{
    struct assay_err e = {0};
    struct gguf *g = NULL;
    struct vocab *v = NULL;
    if (gguf_open(path, &g, &e) < 0 || vocab_open(g, &v, &e) < 0)
        fail_msg("%s", e.msg);
    gguf_close(g);
    unlink(path);
    free(path);
    return v;
}

static char *golden; /* one trained vocabulary, made by the group's setup */

static int make_golden(void **state)
{
    struct assay_err e = {0};
    (void)state;
    golden = fresh_path();
    if (bpe_make("default", golden, &e) < 0)
        print_error("%s\n", e.msg);
    return e.code;
}

static int remove_golden(void **state)
{
    (void)state;
    unlink(golden);
    free(golden);
    return 0;
}

/* It again, with another pre-tokenizer. */
static struct vocab *open_golden(const char *pre)
{
    struct assay_err e = {0};
    struct gguf *g;
    char *path = fresh_path();
    if (gguf_open(golden, &g, &e) < 0)
        fail_msg("%s", e.msg);
    struct gguf_out *out = gguf_out_new();
    for (uint32_t i = 0; i < g->n_kv; i++)
        if (!gguf_str_is(g->kv[i].key, "tokenizer.ggml.pre"))
            gguf_out_copy(out, &g->kv[i]);
    gguf_out_str(out, "tokenizer.ggml.pre", pre);
    if (gguf_out_write(out, path, &e) < 0)
        fail_msg("%s", e.msg);
    gguf_out_free(out);
    gguf_close(g);
    return open_once(path);
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

/* The 256 bytes but `without` (-1: none), as ids 0.., then `more`; NULL ends the lists. */
static void small(struct mk *m, const char *pre, int without, const char *const *more,
                  const char *const *merges)
{
    static char bytes[256][4];
    const char *tokens[512];
    size_t n = 0, n_merges = 0;
    for (int b = 0; b < 256; b++) {
        char raw = (char)b;
        bytes[b][bpe_spell(&raw, 1, bytes[b])] = 0;
        if (b != without)
            tokens[n++] = bytes[b];
    }
    while (more && *more)
        tokens[n++] = *more++;
    while (merges && merges[n_merges])
        n_merges++;
    mk_init(m);
    mk_str(m, "tokenizer.ggml.model", "gpt2");
    if (pre)
        mk_str(m, "tokenizer.ggml.pre", pre);
    mk_strs(m, "tokenizer.ggml.tokens", tokens, n);
    if (merges)
        mk_strs(m, "tokenizer.ggml.merges", merges, n_merges);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOTHING   ((const char *const[]){NULL})

/* Pieces of the text, '|' between. */
static void encode(struct vocab *v, const char *text, int special, const char *expected)
{
    int32_t ids[256];
    size_t n = 0;
    struct assay_err e = {0};
    char got[1024] = "";
    if (vocab_encode(v, text, strlen(text), special, ids, 256, &n, &e) < 0)
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < n; i++) {
        size_t len, at = strlen(got);
        const char *p = vocab_piece(v, ids[i], &len);
        snprintf(got + at, sizeof got - at, "%s%.*s", i ? "|" : "", (int)len, p);
    }
    assert_string_equal(got, expected);
}

/* -- same as llama.cpp ------------------------------------------------------------------------- */

static uint32_t fnv(const int32_t *ids, size_t n)
{
    uint32_t h = 0x811C9DC5u;
    for (size_t i = 0; i < 4 * n; i++)
        h = (h ^ (((uint32_t)ids[i / 4] >> 8 * (i % 4)) & 0xFF)) * 0x01000193u;
    return h;
}

static size_t cell_of(struct vocab *v, const char *text, size_t n, char cell[64])
{
    static int32_t plain[MAX_IDS], special[MAX_IDS];
    struct assay_err e = {0};
    size_t n_plain = 0, n_special = 0;
    /* Exactly sized, so that a read beyond the text is seen by sanitizers. */
    char *exact = malloc(n ? n : 1);
    memcpy(exact, text, n);
    if (vocab_encode(v, exact, n, 0, plain, MAX_IDS, &n_plain, &e) < 0 ||
        vocab_encode(v, exact, n, 1, special, MAX_IDS, &n_special, &e) < 0)
        fail_msg("%s", e.msg);
    free(exact);
    int len = snprintf(cell, 64, "%zu:%08x", n_plain, (unsigned)fnv(plain, n_plain));
    if (n_special != n_plain + 1 || special[0] != 0 ||
        memcmp(special + 1, plain, n_plain * sizeof *plain))
        snprintf(cell + len, 64 - (size_t)len, " %zu:%08x", n_special,
                 (unsigned)fnv(special, n_special));
    return n_plain;
}

static FILE *open_text(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s cannot be read", path);
    return f;
}

static void check_column(const char *pre, size_t column, size_t *n_lines)
{
    static char line[BPE_LINE], text[BPE_LINE], row[1024];
    struct vocab *v = open_golden(pre);
    FILE *texts = open_text(BPE_TEXTS), *tokens = open_text("tests/golden/bpe-tokens.tsv");
    assert_non_null(fgets(row, sizeof row, tokens));
    for (*n_lines = 0; fgets(line, sizeof line, texts); ++*n_lines) {
        char cell[64], *expected = row;
        assert_non_null(fgets(row, sizeof row, tokens));
        row[strcspn(row, "\n")] = 0;
        for (size_t i = 0; i < column; i++)
            expected = strchr(expected, '\t') + 1;
        expected[strcspn(expected, "\t")] = 0;
        cell_of(v, text, bpe_unescape(line, text), cell);
        if (strcmp(cell, expected) != 0)
            fail_msg("%s: '%.80s': %s, expected %s", pre, line, cell, expected);
    }
    fclose(texts);
    fclose(tokens);
    vocab_close(v);
}

static void same_as_llama_cpp(void **state)
{
    (void)state;
    char names[256];
    FILE *f = open_text("tests/golden/bpe-tokens.tsv");
    assert_non_null(fgets(names, sizeof names, f));
    fclose(f);
    size_t column = 0, n_lines = 0;
    for (char *pre = strtok(names, "\t\n"); pre; pre = strtok(NULL, "\t\n")) {
        char copy[64];
        snprintf(copy, sizeof copy, "%s", pre);
        check_column(copy, column++, &n_lines);
        assert_true(n_lines >= 1000);
    }
    assert_int_equal(column, BPE_PRES);
}

/* A valid text is the pieces of its tokens in a row. */
static void pieces_make_the_text(void **state)
{
    (void)state;
    static char line[BPE_LINE], text[BPE_LINE];
    static int32_t ids[MAX_IDS];
    struct vocab *v = open_golden("qwen2");
    FILE *f = open_text(BPE_TEXTS);
    while (fgets(line, sizeof line, f)) {
        size_t n = bpe_unescape(line, text), n_ids, at = 0;
        if (!text_valid(text, n, NULL))
            continue;
        assert_int_equal(vocab_encode(v, text, n, 0, ids, MAX_IDS, &n_ids, NULL), 0);
        for (size_t i = 0; i < n_ids; i++) {
            size_t len;
            const char *piece = vocab_piece(v, ids[i], &len);
            assert_true(len <= n - at && !memcmp(piece, text + at, len));
            at += len;
        }
        assert_int_equal(at, n);
    }
    fclose(f);
    vocab_close(v);
}

/* -- words ------------------------------------------------------------------------------------- */

struct cutting {
    const char *text;
    char got[1024];
    size_t at; /* where the last word ended */
};

static int add_word(void *user, size_t at, size_t n, struct assay_err *e)
{
    struct cutting *c = user;
    (void)e;
    assert_int_equal(at, c->at);
    assert_true(n > 0);
    c->at = at + n;
    if (c->text)
        snprintf(c->got + strlen(c->got), sizeof c->got - strlen(c->got), "%s%.*s", at ? "|" : "",
                 (int)n, c->text + at);
    return 0;
}

static void cut(const char *pre, const char *text, const char *expected)
{
    struct pretoken *p;
    struct cutting c = {.text = text};
    assert_int_equal(pretoken_open(pre, strlen(pre), &p, NULL), 0);
    assert_int_equal(pretoken_each(p, text, strlen(text), add_word, &c, NULL), 0);
    pretoken_close(p);
    assert_string_equal(c.got, expected);
}

static void words(void **state)
{
    (void)state;
    cut("gpt-2", "I'll go  now 1234!\n\n x", "I|'ll| go| | now| 1234|!|\n\n| x");
    cut("gpt-2", "I'LL", "I|'|LL");
    cut("llama-bpe", "I'LL go  now 12345!\n\n x", "I|'LL| go| | now| |123|45|!\n\n| x");
    cut("qwen2", "(foo) 12 \n\n  y", "(foo|)| |1|2| \n\n| | y");
    cut("qwen2", "it'\xc5\xbf", "it|'\xc5\xbf"); /* the long s is no s */
    cut("smollm", "a 12", "a| |1|2");
    cut("falcon", "a`1234`b", "a|`|123|4|`|b");
    cut("default", "a`1234`b", "a|`|123|4|`|b");
    cut("default", "a$1", "a|$|1");
    cut("deepseek-coder", "a b\n12", "a| b|\n|1|2");
    /* ki taab: a vowel sign ends a word of qwen2, not of qwen35. */
    cut("qwen2", " \xe0\xa4\x95\xe0\xa4\xbf\xe0\xa4\xa4\xe0\xa4\xbe\xe0\xa4\xac",
        " \xe0\xa4\x95|\xe0\xa4\xbf\xe0\xa4\xa4|\xe0\xa4\xbe\xe0\xa4\xac");
    cut("qwen35", " \xe0\xa4\x95\xe0\xa4\xbf\xe0\xa4\xa4\xe0\xa4\xbe\xe0\xa4\xac",
        " \xe0\xa4\x95\xe0\xa4\xbf\xe0\xa4\xa4\xe0\xa4\xbe\xe0\xa4\xac");
    /* U+180E is no white space, U+0085 is. */
    cut("gpt-2", "a \xe1\xa0\x8e", "a| \xe1\xa0\x8e");
    cut("gpt-2", "a\xc2\x85", "a|\xc2\x85");
}

static void unknown_name(void **state)
{
    (void)state;
    struct pretoken *p;
    struct assay_err e = {0};
    assert_int_equal(pretoken_open("tekken", 6, &p, &e), ASSAY_EUNSUPPORTED);
    assert_non_null(strstr(e.msg, "'tekken'"));
    assert_non_null(strstr(e.msg, "default, gpt-2, llama-bpe, qwen2, qwen35, smollm"));
    assert_int_equal(pretoken_open("gpt", 3, &p, &e), ASSAY_EUNSUPPORTED);
}

/* Not a benchmark: only that the time does not grow with the square of the length. */
static void long_texts(void **state)
{
    (void)state;
    static const char *const units[] = {"a",   " ",   "\n", " \n", "1", "'", "\xe0\xa4\xbe",
                                        "ab ", "\xff"};
    size_t len = 1 << 17;
    char *text = malloc(len);
    for (size_t p = 0; p < BPE_PRES; p++) {
        struct vocab *v = open_golden(bpe_pres[p]);
        for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
            size_t n = 0, unit = strlen(units[u]);
            struct assay_err e = {0};
            for (size_t i = 0; i < len; i++)
                text[i] = units[u][i % unit];
            int64_t t0 = clock_ns();
            if (vocab_encode(v, text, len, 0, NULL, 0, &n, &e) < 0)
                fail_msg("%s", e.msg);
            double s = (double)(clock_ns() - t0) / 1e9;
            if (n < len / 600 || s > 20)
                fail_msg("%s, unit %zu: %zu tokens in %.1f s", bpe_pres[p], u, n, s);
        }
        vocab_close(v);
    }
    free(text);
}

/* -- merging ----------------------------------------------------------------------------------- */

static void byte_map(void **state)
{
    (void)state;
    char all[256], spelled[512], back[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    size_t n = bpe_spell(all, 256, spelled);
    assert_int_equal(bpe_unspell(spelled, n, back), 256);
    assert_memory_equal(back, all, 256);
    assert_int_equal(n, 94 + 2 * 162);
    assert_int_equal(bpe_spell(" \n\x7f\xad\xff!", 6, spelled), 11);
    assert_memory_equal(spelled, "\xc4\xa0\xc4\x8a\xc4\xa1\xc5\x83\xc3\xbf!", 11);
    assert_int_equal(bpe_unspell(" ", 1, back), SIZE_MAX);
    assert_int_equal(bpe_unspell("\xc5\x84", 2, back), SIZE_MAX);
    assert_int_equal(bpe_unspell("\xff", 1, back), SIZE_MAX);
}

/* The rule as it reads: the pair of lowest rank, leftmost, until none is left. */
static void slow_merge(const char *const *merges, char (*symbols)[64], size_t *n)
{
    for (size_t rank = 0; merges[rank];) {
        size_t at = 0;
        for (; at + 1 < *n; at++) {
            size_t left = strlen(symbols[at]);
            if (strncmp(symbols[at], merges[rank], left) == 0 && merges[rank][left] == ' ' &&
                strcmp(symbols[at + 1], merges[rank] + left + 1) == 0)
                break;
        }
        if (at + 1 >= *n) {
            rank++;
            continue;
        }
        size_t left = strlen(symbols[at]), right = strlen(symbols[at + 1]);
        assert_true(left + right < sizeof *symbols);
        memcpy(symbols[at] + left, symbols[at + 1], right + 1);
        memmove(symbols + at + 1, symbols + at + 2, (*n - at - 2) * sizeof *symbols);
        --*n;
        rank = 0;
    }
}

static void same_as_slow_merging(void **state)
{
    (void)state;
    const char *const *tokens =
        LIST("ab", "ba", "aa", "aba", "bab", "abab", "aaaa", "cab", "bc", "abc");
    const char *const *merges =
        LIST("b a", "a a", "a b", "a ba", "ab c", "c ab", "aa aa", "ba b", "ab ab", "b c");
    static char symbols[512][64];
    struct rng r = {7};
    struct mk m;
    small(&m, "gpt-2", -1, tokens, merges);
    struct vocab *v = open_built(&m, 0, NULL);
    for (int round = 0; round < 1000; round++) {
        char text[200];
        int32_t ids[200];
        size_t len = 1 + (size_t)rng_below(&r, round % 5 ? 40 : 180), n = len, n_ids;
        for (size_t i = 0; i < len; i++) {
            text[i] = "aab"
                      "abc"[rng_below(&r, 6)];
            symbols[i][0] = text[i];
            symbols[i][1] = 0;
        }
        slow_merge(merges, symbols, &n);
        assert_int_equal(vocab_encode(v, text, len, 0, ids, 200, &n_ids, NULL), 0);
        assert_int_equal(n_ids, n);
        for (size_t i = 0; i < n; i++) {
            size_t len_piece;
            const char *piece = vocab_piece(v, ids[i], &len_piece);
            assert_int_equal(len_piece, strlen(symbols[i]));
            assert_memory_equal(piece, symbols[i], len_piece);
        }
    }
    vocab_close(v);
}

static void words_before_merges(void **state)
{
    (void)state;
    struct mk m;
    const char *const *tokens = LIST("he", "hello", "\xc4\xa0hello");
    small(&m, "llama-bpe", -1, tokens, LIST("h e"));
    struct vocab *v = open_built(&m, 0, NULL);
    encode(v, "hello hello hellos", 0, "hello| hello| |he|l|l|o|s");
    vocab_close(v);
    small(&m, "dbrx", -1, tokens, LIST("h e"));
    v = open_built(&m, 0, NULL);
    encode(v, "hello", 0, "he|l|l|o");
    vocab_close(v);
}

static void defaults(void **state)
{
    (void)state;
    static const struct {
        const char *pre;
        int32_t bos;
        int add_bos;
    } rows[] = {
        {NULL, 11, 0}, {"gpt-2", 11, 0}, {"llama-bpe", 11, 1}, {"qwen2", 11, 0}, {"glm4", -1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mk m;
        small(&m, rows[i].pre, -1, NULL, NOTHING);
        struct vocab *v = open_built(&m, 0, NULL);
        assert_int_equal(vocab_size(v), 256);
        assert_int_equal(vocab_bos(v), rows[i].bos);
        assert_int_equal(vocab_eos(v), 11);
        assert_int_equal(vocab_add_bos(v), rows[i].add_bos);
        encode(v, " a", 1, rows[i].add_bos ? "\x0b| |a" : " |a");
        vocab_close(v);
    }
}

static void keys_win(void **state)
{
    (void)state;
    struct mk m;
    small(&m, "llama-bpe", -1, LIST("<a>", "<b>"), NOTHING);
    mk_u32(&m, "tokenizer.ggml.bos_token_id", 256);
    mk_u32(&m, "tokenizer.ggml.eos_token_id", 257);
    mk_bool(&m, "tokenizer.ggml.add_bos_token", false);
    struct vocab *v = open_built(&m, 0, NULL);
    assert_int_equal(vocab_bos(v), 256);
    assert_true(vocab_is_eog(v, 257));
    encode(v, "x", 1, "x");
    vocab_close(v);
}

/* -- damaged vocabularies ---------------------------------------------------------------------- */

static void refused(void **state)
{
    (void)state;
    struct mk m;
    small(&m, "tekken", -1, NULL, NOTHING);
    open_built(&m, ASSAY_EUNSUPPORTED, "v.gguf: the pre-tokenizer 'tekken' is not supported");
    small(&m, "gpt-2", -1, NULL, NULL);
    open_built(&m, ASSAY_EFORMAT, "'tokenizer.ggml.merges' is missing");
    small(&m, "gpt-2", -1, NULL, NULL);
    mk_str(&m, "tokenizer.ggml.merges", "a b");
    open_built(&m, ASSAY_EFORMAT, "not an array");
    small(&m, "gpt-2", -1, LIST("ab"), LIST("ab"));
    open_built(&m, ASSAY_EFORMAT, "merge 0 is 'ab', expected two tokens");
    small(&m, "gpt-2", -1, LIST("ab"), LIST("a "));
    open_built(&m, ASSAY_EFORMAT, "expected two tokens");
    small(&m, "gpt-2", -1, LIST("ab"), LIST(" b"));
    open_built(&m, ASSAY_EFORMAT, "expected two tokens");
    small(&m, "gpt-2", -1, LIST("ab"), LIST(""));
    open_built(&m, ASSAY_EFORMAT, "expected two tokens");
    small(&m, "gpt-2", -1, LIST("ab"), LIST("a b", "xy b"));
    open_built(&m, ASSAY_EFORMAT, "merge 1 is 'xy b', but its first part");
    small(&m, "gpt-2", -1, LIST("ab"), LIST("a b", "b xy"));
    open_built(&m, ASSAY_EFORMAT, "its second part");
    small(&m, "gpt-2", -1, LIST("ab"), LIST("a c"));
    open_built(&m, ASSAY_EFORMAT, "what it makes");
    small(&m, "gpt-2", -1, LIST("ab", "bc"), LIST("a b", "b c", "a b"));
    open_built(&m, ASSAY_EFORMAT, "merge 2, 'a b', is merge 0 again");
    small(&m, "gpt-2", 'z', NULL, NOTHING);
    open_built(&m, ASSAY_EFORMAT, "the tokenizer has no piece for the byte 0x7A ('z')");
    small(&m, "gpt-2", ' ', NULL, NOTHING);
    open_built(&m, ASSAY_EFORMAT, "the byte 0x20");
    small(&m, "gpt-2", -1, LIST("ab", "ab"), NOTHING);
    open_built(&m, ASSAY_EFORMAT, "same text");
}

/* Some vocabularies lack control characters; only a text that has one is refused. */
static void missing_byte(void **state)
{
    (void)state;
    struct mk m;
    struct assay_err e = {0};
    size_t n = 0;
    char longer[100];
    small(&m, "gpt-2", 0x01, LIST("ab"), LIST("a b"));
    struct vocab *v = open_built(&m, 0, NULL);
    assert_int_equal(vocab_encode(v, "ab", 2, 0, NULL, 0, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_int_equal(vocab_encode(v, "a\x01", 2, 0, NULL, 0, &n, &e), ASSAY_EUNSUPPORTED);
    assert_non_null(strstr(e.msg, "no piece for the byte 0x01"));
    memset(longer, 1, sizeof longer);
    assert_int_equal(vocab_encode(v, longer, sizeof longer, 0, NULL, 0, &n, &e),
                     ASSAY_EUNSUPPORTED);
    vocab_close(v);
}

/* -- training ---------------------------------------------------------------------------------- */

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
        cmocka_unit_test(same_as_llama_cpp),
        cmocka_unit_test(pieces_make_the_text),
        cmocka_unit_test(words),
        cmocka_unit_test(unknown_name),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(byte_map),
        cmocka_unit_test(same_as_slow_merging),
        cmocka_unit_test(words_before_merges),
        cmocka_unit_test(defaults),
        cmocka_unit_test(keys_win),
        cmocka_unit_test(refused),
        cmocka_unit_test(missing_byte),
        cmocka_unit_test(trained_by_hand),
        cmocka_unit_test(ties_by_lower_ids),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(pieces_are_clean),
        cmocka_unit_test(reserve_helps),
        cmocka_unit_test(file_encodes_as_trained),
        cmocka_unit_test(impossible_training),
    };
    return cmocka_run_group_tests(tests, make_golden, remove_golden);
}
