/* test_generate.c - generation: tokens against an independent pass, independence of company, stop
 * strings, UTF-8, limits and times; and the parts below it, sample.h and stream.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "backends/native/sample.h"
#include "backends/native/stream.h"
#include "backends/native/vocab.h"
#include "harness/base/clock.h"
#include "harness/base/text.h"
#include "tests/native/make_gguf.h"
#include "tests/native/tiny_model.h"

enum { MAX_REQS = 100, TEXT = 4000, PROMPT = 400 };

/* -- text as it comes -------------------------------------------------------------------------- */
struct out {
    char text[TEXT];
    size_t n, n_pieces, n_tokens, done, stop_after;
};

static int on_piece(void *user, size_t index, const struct assay_piece *p)
{
    struct out *o = user;
    (void)index;
    assert_true(text_valid(p->text, p->len, NULL));
    assert_true(o->n + p->len < TEXT);
    memcpy(o->text + o->n, p->text, p->len);
    o->n += p->len;
    o->text[o->n] = 0;
    o->n_tokens += p->n_tokens;
    return ++o->n_pieces == o->stop_after;
}

static void feed(struct stream *s, struct out *o, struct assay_generate_req *r,
                 const char *const *stop)
{
    memset(o, 0, sizeof *o);
    *r = (struct assay_generate_req){.on_piece = on_piece, .user = o, .stop = stop};
    for (r->n_stop = 0; stop && stop[r->n_stop];)
        r->n_stop++;
    stream_init(s, r, 0);
}

static void test_stream_holds_back_stops(void **state)
{
    (void)state;
    struct stream s;
    struct out o;
    struct assay_generate_req r;
    feed(&s, &o, &r, (const char *[]){"</end>", "ab", NULL});
    assert_int_equal(stream_add(&s, "hello <", 7), 0);
    assert_string_equal(o.text, "hello ");
    stream_add(&s, "/e", 2);
    assert_string_equal(o.text, "hello ");
    stream_add(&s, "lse a", 5);
    assert_string_equal(o.text, "hello </else ");
    stream_add(&s, "c", 1);
    assert_string_equal(o.text, "hello </else ac");
    stream_add(&s, "</en", 4);
    assert_false(s.stopped);
    stream_add(&s, "d>abc", 5);
    assert_true(s.stopped);
    stream_end(&s);
    assert_string_equal(o.text, "hello </else ac");
    assert_int_equal(o.n_tokens, 6);
    stream_release(&s);
    feed(&s, &o, &r, (const char *[]){"xyz", NULL});
    stream_add(&s, "wxy", 3);
    assert_string_equal(o.text, "w");
    stream_end(&s); /* no stop came: what waited belongs to the text */
    assert_string_equal(o.text, "wxy");
    stream_release(&s);
    feed(&s, &o, &r, (const char *[]){"bc", "abcd", NULL});
    stream_add(&s, "xab", 3);
    stream_add(&s, "cd", 2); /* the earliest beginning wins */
    assert_true(s.stopped);
    stream_end(&s);
    assert_string_equal(o.text, "x");
    stream_release(&s);
}

static void test_stream_keeps_utf8_whole(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"a\xc3\xa9z", "a\xc3\xa9z"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"a\xe2\x82", "a\xef\xbf\xbd"}, /* cut at the end */
        {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xe2\x82x", "\xef\xbf\xbdx"}, /* cut by another character */
        {"\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80!", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!"},
        {"\xf0\x90\x80", "\xef\xbf\xbd"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stream s;
        struct out o;
        struct assay_generate_req r;
        feed(&s, &o, &r, NULL);
        for (const char *p = cases[i].in; *p; p++)
            assert_int_equal(stream_add(&s, p, 1), 0);
        stream_end(&s);
        assert_string_equal(o.text, cases[i].out);
        assert_int_equal(o.n_tokens, strlen(cases[i].in));
        stream_release(&s);
    }
}

/* -- sampling ---------------------------------------------------------------------------------- */
static void test_sample_limits(void **state)
{
    (void)state;
    const float logits[] = {1, 3, 3, -2, 2.5f};
    uint32_t work[5];
    struct sample s = {.temperature = 0};
    assert_int_equal(sample_token(&s, logits, 5, work), 1);
    for (uint64_t seed = 0; seed < 200; seed++) {
        s = (struct sample){.temperature = 1, .top_k = 1, .rng = {seed}};
        assert_int_equal(sample_token(&s, logits, 5, work), 1);
        s = (struct sample){.temperature = 1, .top_p = 1e-9, .rng = {seed}};
        assert_int_equal(sample_token(&s, logits, 5, work), 1);
        s = (struct sample){.temperature = 1, .top_k = 3, .rng = {seed}};
        const int32_t t = sample_token(&s, logits, 5, work);
        assert_true(t == 1 || t == 2 || t == 4);
        s = (struct sample){.temperature = 1, .top_p = 0.5, .rng = {seed}};
        assert_true(sample_token(&s, logits, 5, work) <= 2);
    }
}

/* Against the distribution function written out: same number, same token. */
static void test_sample_inverts_distribution(void **state)
{
    (void)state;
    enum { V = 40 };
    float logits[V];
    uint32_t work[V];
    struct rng r = {9};
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < V; i++)
            logits[i] = (float)(rng_below(&r, 12)) / 3; /* with ties */
        const double temperature = 0.3 + rng_double(&r), top_p = round % 3 ? rng_double(&r) : 0;
        const uint32_t top_k = round % 2 ? (uint32_t)rng_below(&r, V + 5) : 0;
        int id[V];
        double p[V], sum = 0;
        for (int i = 0; i < V; i++)
            id[i] = i;
        for (int i = 1; i < V; i++) /* stable insertion sort, likeliest first */
            for (int j = i; j > 0 && logits[id[j]] > logits[id[j - 1]]; j--) {
                const int t = id[j];
                id[j] = id[j - 1];
                id[j - 1] = t;
            }
        int keep = top_k && top_k < V ? (int)top_k : V;
        for (int i = 0; i < keep; i++)
            sum += p[i] = exp((double)(logits[id[i]] - logits[id[0]]) / temperature);
        if (top_p > 0) {
            double head = 0;
            int k = 0;
            while (k < keep && head < top_p * sum)
                head += p[k++];
            keep = k ? k : 1;
            sum = head;
        }
        const uint64_t seed = rng_next(&r);
        struct rng stream = {seed};
        const double u = rng_double(&stream) * sum;
        double at = 0;
        int want = keep - 1;
        for (int i = 0; i < keep; i++)
            if ((at += p[i]) > u) {
                want = i;
                break;
            }
        struct sample s = {temperature, top_p, top_k, {seed}};
        assert_int_equal(sample_token(&s, logits, V, work), id[want]);
    }
}

/* -- models that speak ------------------------------------------------------------------------- */
static const char *const words[] = {" the", " a", "cat",      "dog",    "s",
                                    ".",    "\n", "\xc3\xa9", "sat on", " mat"};
enum { N_WORDS = sizeof words / sizeof *words, N_VOCAB = 3 + 256 + N_WORDS };

/* <unk>, <s>, </s>, bytes, words; `eos` ends a text. */
static struct vocab *speak(int32_t eos)
{
    static char names[256][8];
    const char *text[N_VOCAB] = {"<unk>", "<s>", "</s>"};
    float score[N_VOCAB] = {0};
    int32_t type[N_VOCAB] = {2, 3, 3};
    for (int i = 0; i < 256; i++) {
        snprintf(names[i], sizeof names[i], "<0x%02X>", (unsigned)i);
        text[3 + i] = names[i];
        type[3 + i] = 6;
    }
    for (int i = 0; i < N_WORDS; i++) {
        text[259 + i] = words[i];
        type[259 + i] = 1;
    }
    struct mk g;
    mk_init(&g);
    mk_str(&g, "tokenizer.ggml.model", "llama");
    mk_strs(&g, "tokenizer.ggml.tokens", text, N_VOCAB);
    mk_f32s(&g, "tokenizer.ggml.scores", score, N_VOCAB);
    mk_i32s(&g, "tokenizer.ggml.token_type", type, N_VOCAB);
    mk_u32(&g, "tokenizer.ggml.bos_token_id", 1);
    mk_u32(&g, "tokenizer.ggml.eos_token_id", (uint32_t)eos);
    struct buf file;
    mk_finish(&g, &file);
    struct gguf *gguf = NULL;
    struct vocab *v = NULL;
    struct assay_err err = {0};
    if (gguf_parse(file.v, file.n, "test", &gguf, &err) < 0 || vocab_open(gguf, &v, &err) < 0)
        fail_msg("%s", err.msg);
    gguf_close(gguf);
    buf_release(&file);
    return v;
}

static struct tiny *speaker(struct tiny_spec s, int32_t eos)
{
    s.n_vocab = N_VOCAB;
    struct tiny *t = tiny_new(&s);
    t->m.vocab = speak(eos);
    return t;
}

static void speaker_free(struct tiny *t)
{
    vocab_close(t->m.vocab);
    tiny_free(t);
}

struct talk { /* requests and what came of them */
    size_t n;
    struct assay_generate_req req[MAX_REQS], *ptr[MAX_REQS];
    int32_t prompt[MAX_REQS][PROMPT];
    struct out out[MAX_REQS];
};

static struct talk *talk_new(uint64_t seed, size_t n)
{
    struct talk *k = calloc(1, sizeof *k);
    struct rng r = {seed};
    static const char *const stop[] = {"dog", " mat.", "\n"};
    k->n = n;
    for (size_t i = 0; i < n; i++) {
        const size_t len = 1 + rng_below(&r, 40);
        for (size_t j = 0; j < len; j++)
            k->prompt[i][j] = i && rng_below(&r, 10) ? k->prompt[i / 2][j]
                                                     : (int32_t)(3 + rng_below(&r, N_VOCAB - 3));
        k->req[i] = (struct assay_generate_req){.size = sizeof k->req[i],
                                                .max_tokens = 1 + (uint32_t)rng_below(&r, 30),
                                                .prompt = {k->prompt[i], len},
                                                .temperature = i % 3 ? 0.2 + rng_double(&r) : 0,
                                                .top_p = i % 4 == 1 ? 0.8 : 0,
                                                .top_k = i % 5 == 2 ? 12 : 0,
                                                .ignore_eos = i % 7 == 0,
                                                .seed = rng_next(&r),
                                                .stop = stop,
                                                .n_stop = i % 2 ? 3 : 0,
                                                .on_piece = on_piece,
                                                .user = &k->out[i]};
        k->ptr[i] = &k->req[i];
    }
    return k;
}

static int on_done(void *user, size_t i)
{
    struct talk *k = user;
    k->out[i].done++;
    return 0;
}

static void run(struct tiny *t, struct talk *k)
{
    struct assay_err err = {0};
    memset(k->out, 0, sizeof k->out);
    if (forward_generate(t->m.forward, k->ptr, k->n, on_done, k, &err) < 0)
        fail_msg("%s", err.msg);
    for (size_t i = 0; i < k->n; i++) {
        assert_int_equal(k->out[i].done, 1);
        assert_int_equal(k->out[i].n_tokens, k->req[i].n_out);
        assert_int_equal(k->req[i].n_prompt, k->req[i].prompt.n);
        assert_true(k->req[i].finish != ASSAY_FINISH_NONE);
    }
}

static void assert_same_talk(const struct talk *a, const struct talk *b)
{
    for (size_t i = 0; i < a->n; i++) {
        assert_string_equal(a->out[i].text, b->out[i].text);
        assert_int_equal(a->req[i].n_out, b->req[i].n_out);
        assert_int_equal(a->req[i].finish, b->req[i].finish);
    }
}

static void test_greedy_matches_naive(void **state)
{
    (void)state;
    struct tiny_spec spec = tiny_default;
    spec.tied = 0;
    struct tiny *t = speaker(spec, 2);
    struct talk *k = talk_new(3, 4);
    for (size_t i = 0; i < k->n; i++) {
        struct assay_generate_req *r = &k->req[i];
        r->temperature = 0, r->n_stop = 0, r->max_tokens = 12, r->ignore_eos = 1;
    }
    run(t, k);
    for (size_t i = 0; i < k->n; i++) {
        struct stream s;
        struct out o;
        struct assay_generate_req r;
        feed(&s, &o, &r, NULL);
        size_t n = k->req[i].prompt.n;
        for (int step = 0; step < 12; step++) {
            double *logits = naive_logits(&t->m, k->prompt[i], n);
            int32_t best = 0;
            for (int32_t v = 1; v < N_VOCAB; v++)
                if (logits[(n - 1) * N_VOCAB + (size_t)v] >
                    logits[(n - 1) * N_VOCAB + (size_t)best])
                    best = v;
            free(logits);
            k->prompt[i][n++] = best;
            size_t len;
            const char *piece = vocab_piece(t->m.vocab, best, &len);
            stream_add(&s, piece, vocab_is_control(t->m.vocab, best) ? 0 : len);
        }
        stream_end(&s);
        assert_string_equal(k->out[i].text, o.text);
        assert_int_equal(k->req[i].n_out, 12);
        assert_int_equal(k->req[i].finish, ASSAY_FINISH_LENGTH);
        stream_release(&s);
    }
    free(k);
    speaker_free(t);
}

static void test_company_changes_nothing(void **state)
{
    (void)state;
    static const struct scheme schemes[] = {{SCHEME_F32, 0}, {SCHEME_W8A8, 0}, {SCHEME_Q4_0, 0}};
    for (int v = 0; v < 3; v++) {
        struct tiny_spec s = tiny_default;
        s.scheme = schemes[v];
        s.kv = (enum kv_type)v;
        struct tiny *t = speaker(s, 2);
        struct talk *a = talk_new(5, MAX_REQS), *b = talk_new(5, MAX_REQS);
        run(t, a);
        struct assay_err err = {0};
        for (size_t i = 0; i < b->n; i++)
            assert_int_equal(forward_generate(t->m.forward, &b->ptr[i], 1, NULL, NULL, &err), 0);
        assert_same_talk(a, b);
        speaker_free(t);
        s.threads = 2;
        t = speaker(s, 2);
        for (size_t i = 0; i < b->n; i++)
            b->ptr[i] = &b->req[b->n - 1 - i];
        memset(b->out, 0, sizeof b->out);
        assert_int_equal(forward_generate(t->m.forward, b->ptr, b->n, NULL, NULL, &err), 0);
        assert_same_talk(a, b);
        free(a);
        free(b);
        speaker_free(t);
    }
}

/* Prompts that share beginnings: each shared token is evaluated once, the last one always. */
static void test_shared_prompts_once(void **state)
{
    (void)state;
    struct tiny *t = speaker(tiny_default, 2);
    struct talk *k = talk_new(1, 90);
    for (size_t i = 0; i < k->n; i++) {
        for (int32_t j = 0; j < 300; j++)
            k->prompt[i][j] = 3 + j % 200;
        k->prompt[i][299] = 3 + (int32_t)(i % 5);
        k->req[i].prompt.n = 300;
        k->req[i].max_tokens = 1;
        k->req[i].n_stop = 0;
        k->req[i].ignore_eos = 1;
    }
    run(t, k);
    struct assay_usage u = {.size = sizeof u};
    forward_usage(t->m.forward, &u);
    assert_int_equal(u.n_evaluated, 299 + k->n);
    assert_int_equal(u.n_reused, 299 * (k->n - 1));
    assert_int_equal(u.n_generated, k->n);
    assert_int_equal(k->req[0].n_cached, 0);
    assert_int_equal(k->req[1].n_cached, 299);
    run(t, k); /* nothing is carried into the next call */
    forward_usage(t->m.forward, &u);
    assert_int_equal(u.n_evaluated, 2 * (299 + k->n));
    free(k);
    speaker_free(t);
}

static void test_stop_eos_and_length(void **state)
{
    (void)state;
    struct tiny_spec s = tiny_default;
    s.tied = 0;
    struct tiny *t = speaker(s, 2);
    struct talk *k = talk_new(8, 1);
    struct assay_generate_req *r = &k->req[0];
    r->temperature = 20, r->top_k = 0, r->top_p = 0, r->n_stop = 0, r->max_tokens = 60;
    r->ignore_eos = 1;
    run(t, k);
    char whole[TEXT];
    memcpy(whole, k->out[0].text, TEXT);
    const size_t len = strlen(whole);
    assert_true(len > 20);
    char part[3] = {0}; /* a stop string taken from the text */
    for (size_t at = len / 3; at + 2 < len && !part[0]; at++)
        if ((signed char)whole[at] > 0 && (signed char)whole[at + 1] > 0)
            memcpy(part, whole + at, 2);
    assert_true(part[0]);
    r->stop = (const char *[]){"never", part};
    r->n_stop = 2;
    run(t, k);
    assert_int_equal(r->finish, ASSAY_FINISH_STOP);
    assert_int_equal(k->out[0].n, strstr(whole, part) - whole);
    assert_memory_equal(k->out[0].text, whole, k->out[0].n);
    r->n_stop = 0;
    r->max_tokens = 0;
    run(t, k);
    assert_int_equal(r->finish, ASSAY_FINISH_LENGTH);
    assert_int_equal(k->out[0].n + r->n_out, 0);
    t->m.hp.n_ctx = (uint32_t)r->prompt.n + 5;
    r->max_tokens = 60;
    run(t, k);
    assert_int_equal(r->finish, ASSAY_FINISH_LENGTH);
    assert_int_equal(r->n_out, 6); /* the last one is not evaluated */
    assert_memory_equal(k->out[0].text, whole, k->out[0].n > 4 ? k->out[0].n - 4 : 0);
    free(k);
    speaker_free(t);
}

static void test_eos_ends(void **state)
{
    (void)state;
    struct tiny_spec s = tiny_default;
    s.tied = 0;
    int32_t eos = 2;
    for (int round = 0; round < 2; round++) { /* first: which token comes third */
        struct tiny *t = speaker(s, eos);
        struct talk *k = talk_new(8, 1);
        struct assay_generate_req *r = &k->req[0];
        r->temperature = 0, r->n_stop = 0, r->max_tokens = 5, r->ignore_eos = round == 0;
        run(t, k);
        if (round == 0) {
            assert_int_equal(r->n_out, 5);
            size_t n = r->prompt.n;
            for (int step = 0; step < 3; step++) {
                double *logits = naive_logits(&t->m, k->prompt[0], n);
                eos = 0;
                for (int32_t v = 1; v < N_VOCAB; v++)
                    if (logits[(n - 1) * N_VOCAB + (size_t)v] >
                        logits[(n - 1) * N_VOCAB + (size_t)eos])
                        eos = v;
                free(logits);
                k->prompt[0][n++] = eos;
            }
        } else {
            assert_int_equal(r->finish, ASSAY_FINISH_EOS);
            assert_true(r->n_out <= 2);
        }
        free(k);
        speaker_free(t);
    }
}

static void test_times(void **state)
{
    (void)state;
    struct tiny *t = speaker(tiny_default, 2);
    struct talk *k = talk_new(2, 3);
    const uint64_t start = (uint64_t)clock_ns();
    k->req[0].at_ns = start + 60000000;
    k->req[1].at_ns = start + 20000000;
    for (size_t i = 0; i < 3; i++)
        k->req[i].max_tokens = 4, k->req[i].ignore_eos = 1, k->req[i].n_stop = 0;
    run(t, k);
    const uint64_t took = (uint64_t)clock_ns() - start;
    assert_true(took >= 60000000);
    for (size_t i = 0; i < 3; i++) {
        assert_true(k->req[i].prefill_ns > 0 && k->req[i].prefill_ns < took);
        assert_true(k->req[i].decode_ns > 0 && k->req[i].decode_ns < took);
    }
    free(k);
    speaker_free(t);
}

static int stop_at_once(void *user, size_t i)
{
    (void)user;
    (void)i;
    return 1;
}

static void test_errors_and_cancel(void **state)
{
    (void)state;
    struct tiny *t = speaker(tiny_default, 2);
    struct forward *f = t->m.forward;
    struct talk *a = talk_new(4, 40), *b = talk_new(4, 40);
    struct assay_err err = {0};
    run(t, a);
    const struct assay_generate_req good = b->req[7];
    struct assay_generate_req *r = &b->req[7];
    r->prompt.n = 0;
    assert_int_equal(forward_generate(f, b->ptr, b->n, NULL, NULL, &err), ASSAY_EUSAGE);
    *r = good, r->temperature = -1;
    assert_int_equal(forward_generate(f, b->ptr, b->n, NULL, NULL, &err), ASSAY_EUSAGE);
    *r = good, r->top_p = 1.5;
    assert_int_equal(forward_generate(f, b->ptr, b->n, NULL, NULL, &err), ASSAY_EUSAGE);
    *r = good, r->stop = (const char *[]){""}, r->n_stop = 1;
    assert_int_equal(forward_generate(f, b->ptr, b->n, NULL, NULL, &err), ASSAY_EUSAGE);
    assert_non_null(strstr(err.msg, "request 7"));
    *r = good, t->m.hp.n_ctx = (uint32_t)good.prompt.n - 1;
    assert_int_equal(forward_generate(f, &b->ptr[7], 1, NULL, NULL, &err), ASSAY_ELIMIT);
    *r = good, t->m.hp.n_ctx = 700;
    assert_int_equal(forward_generate(f, b->ptr, b->n, stop_at_once, NULL, &err), ASSAY_ECANCELED);
    memset(b->out, 0, sizeof b->out);
    b->out[3].stop_after = 1;
    assert_int_equal(forward_generate(f, b->ptr, b->n, NULL, NULL, &err), ASSAY_ECANCELED);
    run(t, b);
    assert_same_talk(a, b);
    assert_int_equal(forward_generate(f, NULL, 0, NULL, NULL, &err), 0);
    free(a);
    free(b);
    speaker_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_holds_back_stops),
        cmocka_unit_test(test_stream_keeps_utf8_whole),
        cmocka_unit_test(test_sample_limits),
        cmocka_unit_test(test_sample_inverts_distribution),
        cmocka_unit_test(test_greedy_matches_naive),
        cmocka_unit_test(test_company_changes_nothing),
        cmocka_unit_test(test_shared_prompts_once),
        cmocka_unit_test(test_stop_eos_and_length),
        cmocka_unit_test(test_eos_ends),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_errors_and_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
