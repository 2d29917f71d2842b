/* Whole BLiMP paradigms on stories260K in fp32: summed log-likelihoods and correct items equal
 * llama.cpp's, from shared/models/stories260K-blimp-fp32.tsv.
 *
 * Protocol of that file: prefix = bos; continuation = tokens of " " + sentence without special
 * tokens; an item is correct when the good sentence is at least as likely. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backends/native/model.h"
#include "backends/native/native.h"
#include "harness/base/clock.h"
#include "harness/base/fs.h"
#include "harness/base/json.h"

#define MODELS "../shared/models/"
#define BLIMP  "../shared/datasets/blimp/"
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif
enum { MAX_ITEMS = 1000, MAX_TOKENS = 512, MAX_SECONDS = SANITIZED ? 10 : 120 };

struct paradigm {
    struct assay_score_req reqs[2 * MAX_ITEMS], *ptrs[2 * MAX_ITEMS];
    double *logprobs;
    int32_t *tokens;
    size_t n, n_tokens;
};
struct result {
    char name[96];
    double sum;
    unsigned long correct, n, n_tokens;
};

static const struct assay_backend *backend;
static const int32_t bos = 1;

static void add(struct paradigm *p, struct assay_model *m, const struct value *row, const char *key)
{
    struct assay_err e = {0};
    char text[2048];
    size_t n = 0;
    const struct value *s = value_get(row, key);
    assert_non_null(s);
    int len = snprintf(text, sizeof text, " %s", s->s);
    int32_t *ids = p->tokens + p->n_tokens;
    if (backend->tokenize(m, text, (size_t)len, 0, ids, MAX_TOKENS, &n, &e) < 0 || n > MAX_TOKENS)
        fail_msg("%s", e.msg);
    struct assay_score_req *r = &p->reqs[p->n];
    *r = (struct assay_score_req){.size = sizeof *r,
                                  .prefix = {&bos, 1},
                                  .continuation = {ids, n},
                                  .logprob = p->logprobs + p->n_tokens};
    p->ptrs[p->n++] = r;
    p->n_tokens += n;
}

static void load(struct paradigm *p, struct assay_model *m, const char *name)
{
    struct arena a = {0};
    struct assay_err e = {0};
    const char *text;
    char path[256];
    size_t n;
    snprintf(path, sizeof path, BLIMP "%s.jsonl", name);
    if (fs_read(path, 1 << 24, &a, &text, &n, &e) < 0)
        fail_msg("%s", e.msg);
    p->n = p->n_tokens = 0;
    for (const char *line = text, *end; p->n < 2 * MAX_ITEMS && (end = strchr(line, '\n'));
         line = end + 1) {
        const struct value *row;
        if (json_parse(line, (size_t)(end - line), path, 1, &a, &row, &e) < 0)
            fail_msg("%s", e.msg);
        add(p, m, row, "sentence_good");
        add(p, m, row, "sentence_bad");
    }
    arena_release(&a);
}

static double total(const struct assay_score_req *r)
{
    double sum = 0;
    for (size_t i = 0; i < r->continuation.n; i++)
        sum += r->logprob[i];
    return sum;
}

static void check(struct paradigm *p, struct assay_model *m, const struct result *want,
                  double *worst)
{
    struct assay_err e = {0};
    load(p, m, want->name);
    assert_int_equal(p->n, 2 * want->n);
    assert_int_equal(p->n_tokens, want->n_tokens);
    if (backend->score(m, p->ptrs, p->n, NULL, NULL, &e) < 0)
        fail_msg("%s", e.msg);
    double sum = 0;
    long correct = 0;
    for (size_t i = 0; i < p->n; i += 2) {
        double good = total(&p->reqs[i]), bad = total(&p->reqs[i + 1]);
        sum += good + bad;
        correct += good >= bad;
    }
    double off = fabs(sum - want->sum) / fabs(want->sum);
    *worst = off > *worst ? off : *worst;
    if (off > 1e-5 || labs(correct - (long)want->correct) > 1)
        fail_msg("%s: sum %.6f, expected %.6f; correct %ld, expected %lu", want->name, sum,
                 want->sum, correct, want->correct);
}

static void as_llama_cpp(void **state)
{
    (void)state;
    char line[512];
    FILE *f = fopen(MODELS "stories260K-blimp-fp32.tsv", "r");
    if (!f || access(BLIMP, R_OK)) {
        print_message("skipped: " MODELS " or " BLIMP " is absent\n");
        skip();
    }
    struct assay_err e = {0};
    struct assay_model *m = NULL;
    backend = native_backend();
    if (backend->open(&(struct model_options){.path = MODELS "stories260K.gguf"}, &m, &e) < 0)
        fail_msg("%s", e.msg);
    struct paradigm *p = calloc(1, sizeof *p);
    p->logprobs = calloc(2 * MAX_ITEMS * MAX_TOKENS, sizeof *p->logprobs);
    p->tokens = calloc(2 * MAX_ITEMS * MAX_TOKENS, sizeof *p->tokens);
    double worst = 0;
    size_t n = 0;
    int64_t t0 = clock_ns();
    assert_non_null(fgets(line, sizeof line, f));
    for (; fgets(line, sizeof line, f); n++) {
        struct result r;
        assert_int_equal(
            sscanf(line, "%95s %lu %lu %lf %lu", r.name, &r.correct, &r.n, &r.sum, &r.n_tokens), 5);
        check(p, m, &r, &worst);
        if (clock_ns() - t0 > MAX_SECONDS * 1000000000ll)
            break;
    }
    print_message("%zu paradigms in %.1f s, sums within %.1e of llama.cpp's%s\n", n,
                  (double)(clock_ns() - t0) / 1e9, worst,
                  n < 34 ? "; the others left out, this build is slow" : "");
    assert_true(n >= 1);
    fclose(f);
    free(p->logprobs);
    free(p->tokens);
    free(p);
    backend->close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_llama_cpp)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
