/* test_export.c - what leaves the trainer: files the engine opens and computes the same from,
 * weights on the grid they were trained for, the outlier twin, and corpora. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "backends/native/forward.h"
#include "backends/native/model.h"
#include "backends/native/train/corpus_text.h"
#include "backends/native/train/twin.h"
#include "backends/native/vocab.h"
#include "tests/train/train_test.h"

enum { N_TOKENS = 15 };

/* -- the engine -------------------------------------------------------------------------------- */

/* Log-probabilities of tokens 1.. as the engine gives them. */
static void engine_logprobs(const char *path, const char *precision, const int32_t *tokens,
                            double out[N_TOKENS])
{
    struct model *m = NULL;
    const struct model_options o = {.path = path, .precision = precision, .threads = 1};
    uint8_t argmax[N_TOKENS];
    struct assay_score_req req = {.size = sizeof req,
                                  .prefix = {tokens, 1},
                                  .continuation = {tokens + 1, N_TOKENS - 1},
                                  .logprob = out,
                                  .is_argmax = argmax};
    struct assay_score_req *reqs[] = {&req};
    ok(model_open(&o, &m, &tt_err));
    ok(forward_new(m, &m->forward, &tt_err));
    ok(forward_score(m->forward, reqs, 1, NULL, NULL, &tt_err));
    forward_free(m->forward);
    model_close(m);
}

/* The same as the trainer gives them. */
static void own_logprobs(const struct net *net, const struct grid_mode *mode, const int32_t *tokens,
                         double out[N_TOKENS])
{
    struct pack pack;
    struct pass pass;
    struct pass_input in;
    ok(pack_new(net, mode, false, &pack, &tt_err));
    pack_update(&pack, NULL);
    ok(pass_new(net, &(struct pass_options){&tt_kern, 16, 0}, &pass, &tt_err));
    ok(batch_input_new(16, &in, &tt_err));
    in.n = N_TOKENS;
    in.n_seq = 1;
    in.starts[1] = N_TOKENS;
    for (int i = 0; i < N_TOKENS; i++) {
        in.tokens[i] = (uint16_t)tokens[i];
        in.targets[i] = (uint16_t)tokens[i + 1 < N_TOKENS ? i + 1 : i];
        in.weights[i] = i + 1 < N_TOKENS;
    }
    pass_forward(&pass, &pack, &in);
    pass_judge(&pass, &pack, &in);
    for (int i = 0; i + 1 < N_TOKENS; i++)
        out[i] = -pass.lost[i].ce;
    batch_input_release(&in);
    pass_release(&pass);
    pack_release(&pack);
}

static double compare(const double *a, const double *b)
{
    double worst = 0;
    for (int i = 0; i + 1 < N_TOKENS; i++)
        worst = fmax(worst, fabs(a[i] - b[i]));
    return worst;
}

static void draw_tokens(int32_t *tokens)
{
    struct rng r = {21};
    for (int i = 0; i < N_TOKENS; i++)
        tokens[i] = (int32_t)rng_below(&r, MK_VOCAB);
}

static void draw_net(struct net *net)
{
    struct rng r = {17};
    ok(net_new(&tt_export, net, &tt_err));
    net_init(net, 8);
    for (size_t i = 0; i < net->n_params; i++)
        net->p[i] += (float)(0.3 * (2 * rng_double(&r) - 1));
}

static void test_engine_agrees(void **state)
{
    (void)state;
    struct net net;
    int32_t tokens[N_TOKENS];
    double own[N_TOKENS], engine[N_TOKENS];
    const char *path = tt_path("ref.gguf");
    draw_net(&net);
    draw_tokens(tokens);
    const struct net_save save = {path, tt_tokenizer(), "f32", "tiny", NULL};
    ok(net_save(&net, net.p, &save, &tt_err));
    own_logprobs(&net, NULL, tokens, own);
    engine_logprobs(path, "fp32", tokens, engine);
    assert_true(compare(own, engine) < 1e-5);
    net_release(&net);
}

static const char *const mode_names[] = {"int8", "w8a8", "int4", "int3",
                                         "int2", "q8_0", "q4_0", "w4a4"};
enum { N_MODES = sizeof mode_names / sizeof *mode_names };

/* A file written for a grid, opened at that precision, is the network that was trained. */
static void test_engine_agrees_on_grids(void **state)
{
    (void)state;
    struct net net, again;
    struct pack pack;
    int32_t tokens[N_TOKENS];
    double own[N_TOKENS], engine[N_TOKENS];
    draw_net(&net);
    draw_tokens(tokens);
    for (int i = 0; i < N_MODES; i++) {
        const struct grid_mode *mode = grid_find(mode_names[i]);
        const char *path = tt_path("grid.gguf");
        const struct net_save save = {path, tt_tokenizer(), "f32", "tiny", mode};
        ok(pack_new(&net, mode, false, &pack, &tt_err));
        pack_update(&pack, NULL);
        ok(net_save(&net, pack.values, &save, &tt_err));
        ok(net_load(path, &again, &tt_err));
        assert_memory_equal(again.p, pack.values, net.n_params * sizeof(float));
        own_logprobs(&net, mode, tokens, own);
        engine_logprobs(path, mode->name, tokens, engine);
        const double worst = compare(own, engine);
        /* A code of an activation on the edge between two may fall either way. */
        if (!(worst < (mode->acts.rule == GRID_NONE ? 1e-4 : 2e-2)))
            fail_msg("%s: differs from the engine by %g", mode->name, worst);
        pack_release(&pack);
        net_release(&again);
    }
    net_release(&net);
}

/* The formats made for it lose nothing in fp16 or as blocks. */
static void test_grid_types(void **state)
{
    (void)state;
    const struct {
        const char *mode, *type;
    } cases[] = {{"int4", "f16"},  {"int3", "f16"},  {"int2", "f16"}, {"q4_0", "grid"},
               {"int4", "grid"}, {"int3", "grid"}, {"int2", "grid"}};
    struct net net, again;
    struct pack pack, repacked;
    draw_net(&net);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct grid_mode *mode = grid_find(cases[i].mode);
        const char *path = tt_path("typed.gguf");
        const struct net_save save = {path, tt_tokenizer(), cases[i].type, "tiny", mode};
        ok(pack_new(&net, mode, false, &pack, &tt_err));
        pack_update(&pack, NULL);
        ok(net_save(&net, pack.values, &save, &tt_err));
        ok(net_load(path, &again, &tt_err));
        ok(pack_new(&again, mode, false, &repacked, &tt_err));
        pack_update(&repacked, NULL);
        for (uint32_t l = 0; l < net.cfg.n_layer; l++) {
            const struct net_tensor *t = net_at(&net, l, NET_GATE_UP);
            for (size_t k = t->at; k < t->at + t->n_out * t->n_in; k++)   /* blocks know no -0 */
                if (again.p[k] != pack.values[k] || repacked.values[k] != pack.values[k])
                    fail_msg("%s as %s: %g became %g, then %g", cases[i].mode, cases[i].type,
                             (double)pack.values[k], (double)again.p[k],
                             (double)repacked.values[k]);
        }
        pack_release(&pack);
        pack_release(&repacked);
        net_release(&again);
    }
    const struct net_save off = {tt_path("off.gguf"), tt_tokenizer(), "f32", "tiny",
                                 grid_find("int4")};
    refuses(net_save(&net, net.p, &off, &tt_err), ASSAY_EUSAGE, "does not lie on the grid of int4");
    net_release(&net);
}

/* Quantizing twice is quantizing once; corners included. */
static void test_grids_are_idempotent(void **state)
{
    (void)state;
    enum { ROWS = 400, IN = 96 };
    static float w[ROWS * IN], once[ROWS * IN], twice[ROWS * IN];
    struct rng r = {31};
    for (size_t i = 0; i < ROWS * IN; i++)
        w[i] = (float)(2 * rng_double(&r) - 1) * powf(2, (float)(i / IN % 24) - 20);
    for (size_t i = 0; i < IN; i++) {
        w[i] = 0;
        w[IN + i] = i % 2 ? -0.25f : 0.25f;
        w[2 * IN + i] = i == 5 ? 7 : 0.5f;
    }
    for (int i = 0; i < N_MODES; i++) {
        const struct grid *g[] = {&grid_find(mode_names[i])->weights,
                                  &grid_find(mode_names[i])->embd};
        for (int k = 0; k < 2; k++) {
            size_t moved = 0;
            grid_matrix(g[k], w, ROWS, IN, once);
            grid_matrix(g[k], once, ROWS, IN, twice);
            for (size_t j = 0; j < ROWS * IN; j++) {
                assert_true(once[j] == twice[j]);
                moved += once[j] != w[j];
            }
            assert_true(moved > ROWS * IN / 2);
        }
    }
}

/* Activations against the definition in double; the edge between two codes is left alone. */
static void test_acts(void **state)
{
    (void)state;
    struct rng r = {41};
    float x[64], y[64];
    for (int i = 0; i < 64; i++)
        y[i] = x[i] = (float)(3 * (2 * rng_double(&r) - 1));
    grid_acts(&grid_find("w8a8")->acts, y, 1, 64);
    double most = 0;
    for (int i = 0; i < 64; i++)
        most = fmax(most, fabs((double)x[i]));
    for (int i = 0; i < 64; i++) {
        const double code = (double)x[i] * 127 / most;
        if (fabs(fabs(code - floor(code)) - 0.5) > 1e-4)
            assert_true(fabs((double)y[i] - floor(code + 0.5) * most / 127) < 1e-6);
    }
    memset(x, 0, sizeof x);
    grid_acts(&grid_find("w4a4")->acts, x, 1, 64);
    for (int i = 0; i < 64; i++)
        assert_true(x[i] == 0);
}

/* -- the twin ---------------------------------------------------------------------------------- */

static void test_twin(void **state)
{
    (void)state;
    struct net net;
    int32_t tokens[N_TOKENS];
    double before[N_TOKENS], after[N_TOKENS];
    draw_net(&net);
    draw_tokens(tokens);
    own_logprobs(&net, NULL, tokens, before);
    float *old = malloc(net.n_params * sizeof *old);
    memcpy(old, net.p, net.n_params * sizeof *old);
    ok(twin_make(&(struct twin){3, 512, 1}, &net, &tt_err));
    own_logprobs(&net, NULL, tokens, after);
    assert_true(compare(before, after) == 0);
    size_t larger = 0;
    const struct net_tensor *gain = net_at(&net, 1, NET_ATTN_NORM);
    for (size_t i = 0; i < gain->n_in; i++)
        larger += net.p[gain->at + i] == 512 * old[gain->at + i];
    assert_int_equal(larger, 3);
    ok(twin_make(&(struct twin){2, 400, 9}, &net, &tt_err));
    own_logprobs(&net, NULL, tokens, after);
    assert_true(compare(before, after) < 1e-4);
    refuses(twin_make(&(struct twin){65, 512, 1}, &net, &tt_err), ASSAY_EUSAGE, "expected 1 to 64");
    refuses(twin_make(&(struct twin){1, 0.5, 1}, &net, &tt_err), ASSAY_EUSAGE, "a scale of 0.5");
    free(old);
    net_release(&net);
}

/* -- files that do not fit --------------------------------------------------------------------- */

static void test_bad_files(void **state)
{
    (void)state;
    struct net net, other;
    struct net_config c = tt_export;
    struct mk g;
    struct buf b;
    const char *none = tt_path("none.gguf");
    mk_init(&g);
    mk_str(&g, "general.architecture", "llama");
    mk_finish(&g, &b);
    ok(fs_write_atomic(none, b.v, b.n, &tt_err));
    buf_release(&b);
    c.n_vocab = MK_VOCAB - 1;
    ok(net_new(&c, &net, &tt_err));
    struct net_save save = {tt_path("out.gguf"), tt_tokenizer(), "f32", "tiny", NULL};
    refuses(net_save(&net, net.p, &save, &tt_err), ASSAY_EUSAGE, "288 pieces for a network of 287");
    save.tokenizer = none;
    assert_true(net_save(&net, net.p, &save, &tt_err) < 0);
    assert_non_null(strstr(tt_err.msg, "tokenizer"));
    net_release(&net);
    draw_net(&net);
    net.p[net_at(&net, 1, NET_DOWN)->at + 3] = NAN;
    save.tokenizer = tt_tokenizer();
    refuses(net_save(&net, net.p, &save, &tt_err), ASSAY_EUSAGE,
            "'blk.1.ffn_down.weight' holds nan");
    net_release(&net);
    const char *untied = mk_tiny_file(&mk_tiny_default);
    refuses(net_load(untied, &other, &tt_err), ASSAY_EUNSUPPORTED, "tied head");
    unlink(untied);
    free((void *)(uintptr_t)untied);
    refuses(net_load(none, &other, &tt_err), ASSAY_EFORMAT, none);
}

/* -- corpora ----------------------------------------------------------------------------------- */

static void put(const char *path, const unsigned char *v, size_t n)
{
    ok(fs_write_atomic(path, v, n, &tt_err));
}

static void test_corpus_round_trip(void **state)
{
    (void)state;
    struct corpus c;
    const char *path = tt_path("round");
    tt_corpus(path, 19, 10, 12, 3);
    ok(corpus_open(path, &c, &tt_err));
    assert_int_equal(c.n_examples, 10);
    assert_int_equal(c.n_tasks, 2);
    assert_string_equal(c.tasks[1], "twos");
    assert_int_equal(c.examples[1].task, 1);
    assert_int_equal(c.examples[0].tokens[0], 18);
    assert_int_equal(c.examples[0].classes[1], CORPUS_PROMPT);
    assert_int_equal(c.examples[0].classes[2], CORPUS_ANSWER);
    corpus_close(&c);
}

/* Every byte flipped in turn, every length: an error or a valid corpus, never worse. */
static void test_hostile_corpora(void **state)
{
    (void)state;
    struct corpus c;
    struct fs_map m;
    const char *good = tt_path("hostile"), *bad = tt_path("bad");
    tt_corpus(good, 19, 4, 6, 3);
    ok(fs_map(good, &m, &tt_err));
    unsigned char *copy = malloc(m.n);
    size_t refused = 0;
    for (size_t i = 0; i < m.n; i++)
        for (int bit = 0; bit < 8; bit += 7) {
            memcpy(copy, m.v, m.n);
            copy[i] ^= (unsigned char)(1 << bit);
            put(bad, copy, m.n);
            const int rc = corpus_open(bad, &c, &tt_err);
            refused += rc < 0;
            uint64_t sum = 0;
            for (uint64_t k = 0; rc == 0 && k < c.n_examples; k++) {
                const struct corpus_example *x = &c.examples[k];
                for (uint32_t j = 0; j < x->n; j++)
                    sum += x->tokens[j] < c.n_vocab && x->classes[j] < CORPUS_N_CLASSES;
            }
            if (rc == 0)
                assert_int_equal(sum, c.n_tokens);
            corpus_close(&c);
        }
    assert_true(refused > 60);
    for (size_t n = 0; n < m.n; n++) {
        put(bad, m.v, n);
        if (n)
            refuses(corpus_open(bad, &c, &tt_err), ASSAY_EFORMAT, n < 32 ? "not a corpus" : "cut");
    }
    memcpy(copy, m.v, m.n);
    memset(copy + 16, 0xff, 16);
    put(bad, copy, m.n);
    refuses(corpus_open(bad, &c, &tt_err), ASSAY_EFORMAT, "18446744073709551615");
    free(copy);
    fs_unmap(&m);
}

static int add_text(struct vocab *v, const char *text, struct corpus_builder *b, uint64_t *n_long)
{
    const char *path = tt_path("lines.jsonl");
    put(path, (const unsigned char *)text, strlen(text));
    struct corpus_text c = {v, b, 12, 0};
    const int rc = corpus_text_add(&c, path, &tt_err);
    *n_long = c.n_long;
    return rc;
}

static void test_corpus_text(void **state)
{
    (void)state;
    struct gguf *g;
    struct vocab *v;
    struct corpus c;
    struct buf b;
    struct mk mk;
    uint64_t n_long;
    mk_init(&mk);
    mk_str(&mk, "general.architecture", "llama");
    mk_vocab(&mk);
    mk_bool(&mk, "tokenizer.ggml.add_space_prefix", false);
    mk_finish(&mk, &b);
    ok(gguf_parse(b.v, b.n, "vocabulary", &g, &tt_err));
    ok(vocab_open(g, &v, &tt_err));
    gguf_close(g);
    buf_release(&b);
    struct corpus_builder *to = corpus_builder_new(MK_VOCAB);
    ok(add_text(v,
                "{\"task\": \"x\", \"text\": \"Q the\\n\", \"answer\": [[1, 6]]}\n"
                "{\"task\": \"y\", \"text\": \"QQQQQQQQQQQQQQQ\", \"answer\": []}\n",
                to, &n_long));
    assert_int_equal(n_long, 1);
    const char *path = tt_path("text.corpus");
    ok(corpus_write(to, path, &tt_err));
    ok(corpus_open(path, &c, &tt_err));
    assert_int_equal(c.n_examples, 1);
    const uint8_t want[] = {CORPUS_PROMPT, CORPUS_PROMPT, CORPUS_ANSWER, CORPUS_ANSWER};
    assert_int_equal(c.examples[0].n, sizeof want); /* <s> Q _the \n */
    assert_memory_equal(c.examples[0].classes, want, sizeof want);
    corpus_close(&c);
    refuses(add_text(v, "{\"task\": \"x\"}\n", to, &n_long), ASSAY_EFORMAT, "lines.jsonl:1");
    refuses(add_text(v, "{\"task\": \"x\", \"text\": \"ab\", \"answer\": [[1, 3]]}\n", to, &n_long),
            ASSAY_EFORMAT, "within the 2 bytes");
    refuses(add_text(v, "{\"task\": \"x\", \"text\": \"ab\", \"answer\": [[1, 2], [0, 1]]}\n", to,
                     &n_long),
            ASSAY_EFORMAT, "ascending");
    refuses(add_text(v, "\n{\"task\"\n", to, &n_long), ASSAY_EFORMAT, "lines.jsonl:1");
    corpus_builder_free(to);
    vocab_close(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_agrees),
        cmocka_unit_test(test_engine_agrees_on_grids),
        cmocka_unit_test(test_grid_types),
        cmocka_unit_test(test_grids_are_idempotent),
        cmocka_unit_test(test_acts),
        cmocka_unit_test(test_twin),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_corpus_round_trip),
        cmocka_unit_test(test_hostile_corpora),
        cmocka_unit_test(test_corpus_text),
    };
    return cmocka_run_group_tests(tests, tt_setup, tt_teardown);
}
