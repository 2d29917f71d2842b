/* Byte-level BPE: token ids equal llama.cpp's for the texts of tests/golden/bpe-texts.txt with
 * every family of pre-tokenizers, and a slow reading of the rule for random words; damaged vocabularies
 * are refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "backends/native/bpe.h"
#include "backends/native/pretoken.h"
#include "harness/base/clock.h"
#include "tests/native/bpe_test.h"

enum { MAX_IDS = 1 << 14, N_RANDOM = 40 };

/* -- files ------------------------------------------------------------------------------------- */

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

#define NOTHING ((const char *const[]){NULL})

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
    cut("gpt-2", "a  \xe1\xa0\x8e", "a| | \xe1\xa0\x8e");
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

/* Random merges in random order, so that a merge can depend on one of higher rank. */
struct random_merges {
    char tokens[N_RANDOM][64], merges[N_RANDOM][72];
    const char *token[N_RANDOM + 1], *merge[N_RANDOM + 1];
};

static bool has_token(const struct random_merges *m, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(m->tokens[i], text) == 0)
            return true;
    return strlen(text) < 2;
}

static void make_merges(struct random_merges *m, struct rng *r)
{
    memset(m, 0, sizeof *m);
    for (size_t n = 0; n < N_RANDOM;) {
        char side[2][32], both[64];
        for (int i = 0; i < 2; i++) {
            size_t pick = (size_t)rng_below(r, n + 3);
            snprintf(side[i], sizeof side[i], "%.10s",
                     pick < n ? m->tokens[pick] : &"a\0b\0c"[2 * (pick - n)]);
        }
        snprintf(both, sizeof both, "%s%s", side[0], side[1]);
        if (strlen(both) > 10 || has_token(m, n, both))
            continue;
        memcpy(m->tokens[n], both, sizeof both);
        snprintf(m->merges[n], sizeof m->merges[n], "%s %s", side[0], side[1]);
        m->token[n] = m->tokens[n];
        m->merge[n] = m->merges[n];
        const char *last = m->merge[n];
        size_t at = (size_t)rng_below(r, ++n);
        m->merge[n - 1] = m->merge[at];
        m->merge[at] = last;
    }
}

static void compare_word(struct vocab *v, const struct random_merges *m, struct rng *r, size_t len)
{
    static char symbols[256][64];
    char text[256];
    int32_t ids[256];
    size_t n = len, n_ids;
    for (size_t i = 0; i < len; i++) {
        text[i] = "aab"
                  "abc"[rng_below(r, 6)];
        symbols[i][0] = text[i];
        symbols[i][1] = 0;
    }
    slow_merge(m->merge, symbols, &n);
    assert_int_equal(vocab_encode(v, text, len, 0, ids, 256, &n_ids, NULL), 0);
    assert_int_equal(n_ids, n);
    for (size_t i = 0; i < n; i++) {
        size_t size;
        const char *piece = vocab_piece(v, ids[i], &size);
        assert_int_equal(size, strlen(symbols[i]));
        assert_memory_equal(piece, symbols[i], size);
    }
}

static void same_as_slow_merging(void **state)
{
    (void)state;
    struct rng r = {7};
    for (int round = 0; round < 20; round++) {
        struct random_merges merges;
        struct mk m;
        make_merges(&merges, &r);
        small(&m, "gpt-2", -1, merges.token, merges.merge);
        struct vocab *v = open_built(&m, 0, NULL);
        for (int i = 0; i < 40; i++)
            compare_word(v, &merges, &r, 1 + (size_t)rng_below(&r, i % 4 ? 40 : 180));
        vocab_close(v);
    }
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
    };
    return cmocka_run_group_tests(tests, make_golden, remove_golden);
}
