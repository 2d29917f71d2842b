/* Logits at every position and greedy continuations equal llama.cpp's: on stories260K in fp32, and
 * on the tiny models of make_gguf.h as stored, which cover rope's variants, head shapes and
 * formats. Goldens: tests/golden/X-logits.txt, lines as tests/interop/llama_golden.c writes them.
 * */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backends/native/model.h"
#include "backends/native/native.h"
#include "tests/native/make_gguf.h"

#define MODEL "../shared/models/stories260K.gguf"
enum { MAX_VOCAB = 512, MAX_POS = 64, MAX_LINE = 1 << 14, N_GREEDY = 64 };

struct golden {
    const struct assay_backend *b;
    struct assay_model *m;
    int32_t tokens[MAX_POS];
    size_t n_tokens;
    float logits[MAX_POS][MAX_VOCAB];
    int n_vocab;
    double tolerance, worst;
    size_t n_values, n_greedy;
};

static int keep_row(void *user, const struct assay_row *r)
{
    struct golden *g = user;
    assert_string_equal(r->tensor, "logits");
    assert_int_equal(r->n, g->n_vocab);
    assert_true(r->pos < MAX_POS);
    memcpy(g->logits[r->pos], r->v, r->n * sizeof *r->v);
    return 0;
}

static size_t unescape(const char *s, char *out)
{
    size_t n = 0;
    while (*s && *s != '\n') {
        bool hex = s[0] == '\\' && s[1] == 'x';
        const char digits[3] = {hex ? s[2] : '0', hex ? s[3] : '0', 0};
        out[n++] = hex ? (char)strtol(digits, NULL, 16) : *s;
        s += hex ? 4 : 1;
    }
    return n;
}

static void same(struct golden *g, double got, double want, double tolerance, const char *line)
{
    double off = fabs(got - want);
    if (tolerance == g->tolerance)
        g->worst = off > g->worst ? off : g->worst;
    g->n_values++;
    if (!(off <= tolerance))
        fail_msg("%.9g, expected %.9g +- %g: %.40s", got, want, tolerance, line);
}

static void on_prompt(struct golden *g, const char *text)
{
    struct assay_err e = {0};
    char bytes[MAX_LINE];
    size_t len = unescape(text, bytes);
    if (g->b->tokenize(g->m, bytes, len, 1, g->tokens, MAX_POS, &g->n_tokens, &e) < 0)
        fail_msg("%s", e.msg);
    assert_true(g->n_tokens <= MAX_POS);
    const struct assay_probe_req req = {.size = sizeof req,
                                        .tokens = {g->tokens, g->n_tokens},
                                        .tensors = "logits",
                                        .on_row = keep_row,
                                        .user = g};
    memset(g->logits, 0xFF, sizeof g->logits); /* NaN: a row not delivered is seen */
    if (g->b->probe(g->m, &req, &e) < 0)
        fail_msg("%s", e.msg);
}

static void on_tokens(struct golden *g, char *ids)
{
    size_t n = 0;
    for (char *t = strtok(ids, " \n"); t; t = strtok(NULL, " \n"), n++)
        assert_int_equal(g->tokens[n], atoi(t));
    assert_int_equal(n, g->n_tokens);
}

static void on_top(struct golden *g, char *line)
{
    int pos, used;
    double lse, sum, squares, s = 0, q = 0, exps = 0;
    assert_int_equal(sscanf(line, "%d %lf %lf %lf%n", &pos, &lse, &sum, &squares, &used), 4);
    const float *l = g->logits[pos];
    for (int i = 0; i < g->n_vocab; i++) {
        s += l[i];
        q += (double)l[i] * l[i];
        exps += exp(l[i]);
    }
    same(g, log(exps), lse, g->tolerance, line);
    same(g, s, sum, g->n_vocab * g->tolerance / 4, line);
    same(g, q, squares, g->tolerance / 10 * squares, line);
    for (char *t = strtok(line + used, " \n"); t; t = strtok(NULL, " \n")) {
        char *value;
        long id = strtol(t, &value, 10);
        same(g, l[id], strtod(value + 1, NULL), g->tolerance, t);
    }
}

static void on_row(struct golden *g, char *line)
{
    char *p = line;
    long pos = strtol(p, &p, 10);
    for (int i = 0; i < g->n_vocab; i++)
        same(g, g->logits[pos][i], strtod(p, &p), g->tolerance, line);
}

static int keep_text(void *user, size_t index, const struct assay_piece *p)
{
    (void)index;
    return buf_add(user, p->text, p->len);
}

/* Random models babble broken UTF-8, which is handed out as U+FFFD: ASCII is compared. */
static size_t ascii(char *s, size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (!(s[i] & 0x80))
            s[k++] = s[i];
    return k;
}

static void on_greedy(struct golden *g, char *ids)
{
    struct assay_err e = {0};
    char want[MAX_LINE];
    struct buf got;
    size_t at = 0, n;
    buf_init(&got, 0);
    for (char *t = strtok(ids, " \n"); t; t = strtok(NULL, " \n")) {
        if (atoi(t) < 3)
            continue; /* control tokens print nothing */
        assert_int_equal(g->b->piece(g->m, atoi(t), want + at, sizeof want - at, &n, &e), 0);
        at += n;
    }
    struct assay_generate_req r = {.size = sizeof r,
                                   .max_tokens = N_GREEDY,
                                   .ignore_eos = 1,
                                   .prompt = {g->tokens, g->n_tokens},
                                   .on_piece = keep_text,
                                   .user = &got},
                              *reqs[] = {&r};
    if (g->b->generate(g->m, reqs, 1, NULL, NULL, &e) < 0)
        fail_msg("%s", e.msg);
    assert_int_equal(r.n_out, N_GREEDY);
    at = ascii(want, at);
    assert_int_equal(ascii(got.v, got.n), at);
    assert_memory_equal(got.v, want, at);
    buf_release(&got);
    g->n_greedy++;
}

static void dispatch(struct golden *g, char *line)
{
    char *rest = strchr(line, ' ');
    assert_non_null(rest);
    *rest++ = 0;
    if (!strcmp(line, "prompt"))
        on_prompt(g, rest);
    else if (!strcmp(line, "tokens"))
        on_tokens(g, rest);
    else if (!strcmp(line, "top"))
        on_top(g, rest);
    else if (!strcmp(line, "row"))
        on_row(g, rest);
    else if (!strcmp(line, "greedy"))
        on_greedy(g, rest);
    else
        fail_msg("unknown line '%s'", line);
}

static void compare(struct golden *g, struct model_options o, const char *name)
{
    static char line[MAX_LINE];
    struct assay_err e = {0};
    struct assay_info info = {.size = sizeof info};
    snprintf(line, sizeof line, "tests/golden/%s-logits.txt", name);
    FILE *f = fopen(line, "r");
    assert_non_null(f);
    g->b = native_backend();
    if (g->b->open(&o, &g->m, &e) < 0 || g->b->info(g->m, &info, &e) < 0)
        fail_msg("%s", e.msg);
    g->n_vocab = (int)info.n_vocab;
    assert_true(g->n_vocab <= MAX_VOCAB);
    while (fgets(line, sizeof line, f))
        dispatch(g, line);
    fclose(f);
    print_message("%s: %zu values, logits within %.1e of llama.cpp's; %zu continuations\n", name,
                  g->n_values, g->worst, g->n_greedy);
    g->b->close(g->m);
}

static void stories260k(void **state)
{
    static struct golden g = {.tolerance = 1e-4};
    (void)state;
    if (access(MODEL, R_OK)) {
        print_message("skipped: " MODEL " is absent\n");
        skip();
    }
    compare(&g, (struct model_options){.path = MODEL}, "stories260K");
    assert_true(g.n_greedy == 10 && g.n_values > 10 * 3 * 512);
}

static void tiny_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < MK_VARIANTS; i++) {
        static struct golden g;
        char *path = mk_tiny_file(&mk_variants[i].tiny), name[64];
        g = (struct golden){.tolerance = 1e-4};
        snprintf(name, sizeof name, "tiny-%s", mk_variants[i].name);
        compare(&g, (struct model_options){.path = path, .precision = "stored"}, name);
        assert_true(g.n_greedy == 3 && g.n_values > 3 * 2 * MK_VOCAB);
        unlink(path);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stories260k),
                                       cmocka_unit_test(tiny_models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
