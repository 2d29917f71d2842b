/* bench_score.c - speed of scoring: the BLiMP paradigms of ../shared on stories260K.
 *
 *   bench_score [threads [precision [kv [paradigm ...]]]]
 *
 * Prints tokens scored per second, and per second of processor time (= per core).  Tokens are
 * counted as the requests state them, before sharing.  Without names all paradigms are scored, and
 * what ../shared/models/stories260K-blimp-fp32.tsv says is printed beside the result. */
#include "backends/native/forward.h"
#include "backends/native/model.h"
#include "backends/native/vocab.h"
#include "harness/base/arena.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHARED "../shared/"
enum { MAX_TOKENS = 512 };

struct sentences {
    struct assay_score_req *req;
    struct assay_score_req **ptr;
    size_t n, n_tokens;
};

static int encode(struct model *m, struct arena *a, const char *text, struct assay_score_req *r,
                  struct assay_err *err)
{
    static const int32_t bos = 1;
    int32_t buf[MAX_TOKENS];
    size_t n;
    char *spaced = arena_printf(a, " %s", text);
    TRY(vocab_encode(m->vocab, spaced, strlen(spaced), 0, buf, MAX_TOKENS, &n, err));
    if (n > MAX_TOKENS)
        return err_set(err, ASSAY_ELIMIT, "a sentence of %zu tokens", n);
    int32_t *v = ARENA_ARRAY(a, int32_t, n);
    memcpy(v, buf, n * sizeof *v);
    *r = (struct assay_score_req){.size = sizeof *r,
                                  .prefix = {&bos, 1},
                                  .continuation = {v, n},
                                  .logprob = ARENA_ARRAY(a, double, n),
                                  .is_argmax = ARENA_ARRAY(a, uint8_t, n)};
    return 0;
}

static int load(struct model *m, struct arena *a, const char *name, struct sentences *s,
                struct assay_err *err)
{
    const char *path = arena_printf(a, SHARED "datasets/blimp/%s.jsonl", name), *text;
    size_t len, rows = 0;
    TRY(fs_read(path, 1 << 24, a, &text, &len, err));
    for (size_t i = 0; i < len; i++)
        rows += text[i] == '\n';
    *s = (struct sentences){.req = ARENA_ARRAY(a, struct assay_score_req, 2 * rows + 2),
                            .ptr = ARENA_ARRAY(a, struct assay_score_req *, 2 * rows + 2)};
    uint32_t line = 1;
    for (const char *p = text, *end; p < text + len; p = end + 1, line++) {
        end = memchr(p, '\n', (size_t)(text + len - p));
        end = end ? end : text + len;
        const struct value *row;
        TRY(json_parse(p, (size_t)(end - p), path, line, a, &row, err));
        static const char *const keys[] = {"sentence_good", "sentence_bad"};
        for (int k = 0; k < 2; k++) {
            const struct value *v = value_get(row, keys[k]);
            if (!v || s->n >= 2 * rows + 2)
                return err_set(err, ASSAY_EFORMAT, "%s:%u: no sentence", path, line);
            TRY(encode(m, a, v->s, &s->req[s->n], err));
            s->n_tokens += s->req[s->n].continuation.n;
            s->ptr[s->n] = &s->req[s->n];
            s->n++;
        }
    }
    return 0;
}

static double sum_of(const struct assay_score_req *r)
{
    double sum = 0;
    for (size_t i = 0; i < r->continuation.n; i++)
        sum += r->logprob[i];
    return sum;
}

struct totals {
    size_t tokens;
    int64_t wall, cpu;
    double worst; /* relative difference of summed log-likelihoods */
    long items_off;
};

/* `expected`: the paradigm's line of the table, or NULL. */
static int bench_one(struct model *m, const char *name, const char *expected, struct totals *all,
                     struct assay_err *err)
{
    struct arena a = {0};
    struct sentences s;
    int rc = load(m, &a, name, &s, err);
    if (rc < 0)
        goto out;
    const int64_t wall = clock_ns(), cpu = clock_cpu_ns();
    rc = forward_score(m->forward, s.ptr, s.n, NULL, NULL, err);
    all->wall += clock_ns() - wall;
    all->cpu += clock_cpu_ns() - cpu;
    all->tokens += s.n_tokens;
    double sum = 0;
    long correct = 0;
    for (size_t i = 0; i < s.n; i += 2) {
        const double good = sum_of(&s.req[i]), bad = sum_of(&s.req[i + 1]);
        correct += good >= bad;
        sum += good + bad;
    }
    printf("%-55s %5ld %15.6f %7zu", name, correct, sum, s.n_tokens);
    long want_correct;
    double want_sum;
    if (expected && sscanf(expected, "%*s %ld %*d %lf", &want_correct, &want_sum) == 2) {
        const double off = fabs(sum - want_sum) / fabs(want_sum);
        printf("  table: %5ld %15.6f  off by %.1e", want_correct, want_sum, off);
        all->worst = off > all->worst ? off : all->worst;
        all->items_off += labs(correct - want_correct);
    }
    printf("\n");
out:
    arena_release(&a);
    return rc;
}

static int bench_all(struct model *m, struct totals *all, struct assay_err *err)
{
    struct arena a = {0};
    const char *text;
    size_t len;
    int rc = fs_read(SHARED "models/stories260K-blimp-fp32.tsv", 1 << 20, &a, &text, &len, err);
    const char *line = rc < 0 ? NULL : strchr(text, '\n');
    while (rc == 0 && line && line[1]) {
        char name[128];
        if (sscanf(line, " %127s", name) == 1)
            rc = bench_one(m, name, line, all, err);
        line = strchr(line + 1, '\n');
    }
    arena_release(&a);
    return rc;
}

int main(int argc, char **argv)
{
    struct assay_err err = {0};
    if (!fs_exists(SHARED "models/stories260K.gguf")) {
        printf("skipped: no " SHARED "models/stories260K.gguf\n");
        return 0;
    }
    const struct model_options o = {
        .path = SHARED "models/stories260K.gguf",
        .threads = argc > 1 ? atol(argv[1]) : 1,
        .precision = argc > 2 ? argv[2] : "fp32",
        .kv = argc > 3 ? argv[3] : "f32",
    };
    struct model *m = NULL;
    struct totals all = {0};
    int rc = model_open(&o, &m, &err);
    if (rc == 0 && !m->forward)
        rc = forward_new(m, &m->forward, &err);
    if (rc == 0 && argc > 4)
        for (int i = 4; rc == 0 && i < argc; i++)
            rc = bench_one(m, argv[i], NULL, &all, &err);
    else if (rc == 0)
        rc = bench_all(m, &all, &err);
    if (rc == 0) {
        struct assay_usage u = {.size = sizeof u};
        forward_usage(m->forward, &u);
        const double wall = (double)all.wall / 1e9, cpu = (double)all.cpu / 1e9;
        printf("%zu tokens scored, %llu evaluated; %.2f s on %lld threads, %.2f s of processor\n"
               "%.0f tokens/s, %.0f tokens/s per core\n",
               all.tokens, (unsigned long long)u.n_evaluated, wall, (long long)o.threads, cpu,
               (double)all.tokens / wall, (double)all.tokens / cpu);
        if (argc <= 4 && !strcmp(o.precision, "fp32"))
            printf("largest relative difference %.1e, items off %ld of 34000\n", all.worst,
                   all.items_off);
    } else {
        fprintf(stderr, "bench_score: %s\n", err.msg);
    }
    if (m) {
        forward_free(m->forward);
        m->forward = NULL;
        model_close(m);
    }
    return rc < 0;
}
