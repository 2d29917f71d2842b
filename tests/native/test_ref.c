/* The shipped models: files as their digests say, llama.cpp's own log-likelihoods and perplexity, and a
 * twin that computes what its model computes.  Golden: tests/golden/ref-nll.tsv and
 * ref-perplexity.tsv, from tests/interop/llama_ref.sh. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "backends/native/model.h"
#include "backends/native/native.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"

#define MODELS "backends/native/models/"
#define GOLDEN "tests/golden/ref-nll.tsv"
#define PERPLEXITY "tests/golden/ref-perplexity.tsv"
#define TEXT "datasets/mini/data/calibration.txt"
enum { MAX_DOCS = 400, MAX_TOKENS = 256, MAX_LINE = 1 << 14, MAX_MIB = 40, MAX_TEXT = 1 << 16 };

static struct assay_err e;

struct document {
    int32_t tokens[MAX_TOKENS];
    size_t n;
    double want; /* -ln p of all tokens after the first, by llama.cpp */
};

static void ok(int rc)
{
    if (rc < 0)
        fail_msg("%s", e.msg);
}

static struct assay_model *open_ref(const char *name, const char *precision)
{
    char path[256];
    struct assay_model *m = NULL;
    snprintf(path, sizeof path, MODELS "%s.gguf", name);
    struct model_options o = {.path = path, .precision = precision};
    ok(native_backend()->open(&o, &m, &e));
    return m;
}

static size_t unescape(const char *s, char *out)
{
    size_t n = 0;
    while (*s) {
        const int hex = s[0] == '\\' && s[1] == 'x';
        const char digits[3] = {hex ? s[2] : '0', hex ? s[3] : '0', 0};
        out[n++] = hex ? (char)strtol(digits, NULL, 16) : *s;
        s += hex ? 4 : 1;
    }
    return n;
}

static size_t read_documents(struct assay_model *m, struct document *docs)
{
    static char line[MAX_LINE], text[MAX_LINE];
    FILE *f = fopen(GOLDEN, "r");
    size_t n = 0;
    assert_non_null(f);
    for (; n < MAX_DOCS && fgets(line, sizeof line, f); n++) {
        struct document *d = &docs[n];
        size_t n_scored;
        char *rest = strchr(line, '\t');
        assert_non_null(rest);
        *rest++ = 0;
        assert_int_equal(sscanf(rest, "%zu %lf", &n_scored, &d->want), 2);
        const size_t len = unescape(line, text);
        ok(native_backend()->tokenize(m, text, len, 1, d->tokens, MAX_TOKENS, &d->n, &e));
        assert_true(d->n <= MAX_TOKENS);
        assert_int_equal(d->n - 1, n_scored);
    }
    fclose(f);
    return n;
}

/* -ln p of every document's tokens after the first. */
static void score(struct assay_model *m, const struct document *docs, size_t n, double *nll)
{
    static struct assay_score_req reqs[MAX_DOCS], *list[MAX_DOCS];
    static double logprob[MAX_DOCS][MAX_TOKENS];
    for (size_t i = 0; i < n; i++) {
        reqs[i] = (struct assay_score_req){.size = sizeof reqs[i],
                                           .prefix = {docs[i].tokens, 1},
                                           .continuation = {docs[i].tokens + 1, docs[i].n - 1},
                                           .logprob = logprob[i]};
        list[i] = &reqs[i];
    }
    ok(native_backend()->score(m, list, n, NULL, NULL, &e));
    for (size_t i = 0; i < n; i++) {
        nll[i] = 0;
        for (size_t k = 0; k + 1 < docs[i].n; k++)
            nll[i] -= logprob[i][k];
    }
}

static void same_as_llama_cpp(void **state)
{
    static struct document docs[MAX_DOCS];
    static double nll[MAX_DOCS];
    double got = 0, want = 0, worst = 0, tokens = 0;
    (void)state;
    struct assay_model *m = open_ref("ref", "fp32");
    const size_t n = read_documents(m, docs);
    assert_int_equal(n, MAX_DOCS);
    score(m, docs, n, nll);
    for (size_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs(nll[i] - docs[i].want) / docs[i].want);
        got += nll[i];
        want += docs[i].want;
        tokens += (double)docs[i].n - 1;
    }
    print_message("log-likelihoods within %.1e of llama.cpp's, perplexity %.6f, %.6f\n", worst,
                  exp(got / tokens), exp(want / tokens));
    assert_true(worst < 1e-4);
    assert_true(fabs(exp(got / tokens) - exp(want / tokens)) < 0.5e-4);
    native_backend()->close(m);
}

/* As llama-perplexity does it: the whole text in chunks, of each the second half. */
static void same_as_llama_perplexity(void **state)
{
    static char text[MAX_TEXT];
    static int32_t tokens[MAX_TEXT];
    static struct assay_score_req reqs[MAX_DOCS], *list[MAX_DOCS];
    static double logprob[MAX_DOCS][MAX_TOKENS];
    size_t chunk = 0, n_tokens = 0, n = 0;
    double want = 0, nll = 0;
    struct assay_info info = {.size = sizeof info};
    (void)state;
    FILE *f = fopen(PERPLEXITY, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%zu %lf", &chunk, &want), 2);
    fclose(f);
    assert_true(chunk >= 4 && chunk <= MAX_TOKENS);
    f = fopen(TEXT, "r");
    assert_non_null(f);
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    assert_true(len > 0 && len < sizeof text);
    len -= text[len - 1] == '\n'; /* as its --file does */
    struct assay_model *m = open_ref("ref", "fp32");
    ok(native_backend()->info(m, &info, &e));
    ok(native_backend()->tokenize(m, text, len, 1, tokens, MAX_TEXT, &n_tokens, &e));
    const size_t half = chunk / 2, n_scored = chunk - half - 1;
    for (int32_t *t = tokens; n < MAX_DOCS && (n + 1) * chunk <= n_tokens; n++, t += chunk) {
        if (info.add_bos)
            t[0] = info.bos;
        reqs[n] = (struct assay_score_req){.size = sizeof reqs[n],
                                           .prefix = {t, half + 1},
                                           .continuation = {t + half + 1, n_scored},
                                           .logprob = logprob[n]};
        list[n] = &reqs[n];
    }
    ok(native_backend()->score(m, list, n, NULL, NULL, &e));
    for (size_t i = 0; i < n * n_scored; i++)
        nll -= logprob[i / n_scored][i % n_scored];
    const double got = exp(nll / (double)(n * n_scored));
    print_message("%zu chunks: perplexity %.6f, by llama-perplexity %.4f\n", n, got, want);
    assert_true(n > 100 && fabs(got - want) < 1e-4);
    native_backend()->close(m);
}

/* Outlier channels change nothing in fp32 but the order of what is rounded. */
static void twin_is_the_same(void **state)
{
    static struct document docs[MAX_DOCS];
    static double of_ref[MAX_DOCS], of_twin[MAX_DOCS];
    (void)state;
    struct assay_model *ref = open_ref("ref", "fp32"), *twin = open_ref("ref-outlier", "fp32");
    const size_t n = read_documents(ref, docs);
    score(ref, docs, n, of_ref);
    score(twin, docs, n, of_twin);
    for (size_t i = 0; i < n; i++)
        if (!(fabs(of_ref[i] - of_twin[i]) <= 1e-3))
            fail_msg("document %zu: %.9g, its twin %.9g", i, of_ref[i], of_twin[i]);
    native_backend()->close(ref);
    native_backend()->close(twin);
}

static void shapes(void **state)
{
    static const char *const names[] = {"ref", "ref-early", "ref-control", "ref-qat4", "ref-qat2",
                                        "ref-outlier"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct assay_info info = {.size = sizeof info};
        struct assay_model *m = open_ref(names[i], "stored");
        ok(native_backend()->info(m, &info, &e));
        assert_string_equal(info.arch, "llama");
        assert_int_equal(info.n_vocab, 1024);
        assert_true(info.n_params > 2600000 && info.n_params < 2650000);
        native_backend()->close(m);
    }
}

static void digests(void **state)
{
    char line[256], name[128], path[256], want[HASH_HEX], hex[HASH_HEX];
    size_t n = 0, bytes = 0;
    struct stat st;
    (void)state;
    FILE *f = fopen(MODELS "SHA256SUMS", "r");
    assert_non_null(f);
    for (; fgets(line, sizeof line, f); n++) {
        uint8_t digest[HASH_BYTES];
        assert_int_equal(sscanf(line, "%64s %127s", want, name), 2);
        snprintf(path, sizeof path, MODELS "%s", name);
        ok(hash_file(path, digest, &e));
        hash_hex(digest, hex);
        assert_string_equal(hex, want);
        assert_int_equal(stat(path, &st), 0);
        bytes += (size_t)st.st_size;
    }
    fclose(f);
    assert_int_equal(n, 6);
    assert_true(bytes >> 20 < MAX_MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests),
        cmocka_unit_test(shapes),
        cmocka_unit_test(same_as_llama_cpp),
        cmocka_unit_test(same_as_llama_perplexity),
        cmocka_unit_test(twin_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
