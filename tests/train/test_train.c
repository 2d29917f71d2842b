/* test_train.c - whole gradients against finite differences, and what a run promises: the same bits
 * for any number of threads and after a resume, and that it learns. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/train/reference.h"
#include "tests/train/train_test.h"

/* -- the whole gradient ------------------------------------------------------------------------ */
struct input {
    struct pass_input in;
    uint16_t tokens[40], targets[40];
    float weights[40];
    uint32_t starts[8];
};

static void draw_input(struct input *x, uint64_t seed)
{
    static const uint32_t starts[] = {0, 5, 6, 18, 27};
    struct rng r = {seed};
    memset(x, 0, sizeof *x);
    memcpy(x->starts, starts, sizeof starts);
    x->in = (struct pass_input){27, 4, x->tokens, x->targets, x->weights, x->starts, NULL};
    for (size_t i = 0; i < x->in.n; i++) {
        x->tokens[i] = (uint16_t)rng_below(&r, tt_small.n_vocab);
        x->targets[i] = (uint16_t)rng_below(&r, tt_small.n_vocab);
        x->weights[i] = i % 5 == 4 ? 0 : (float)rng_double(&r);
    }
}

static double loss_of(const struct net *net, const double *p, const struct input *x)
{
    const size_t v = net->cfg.n_vocab;
    double sum = 0;
    for (size_t s = 0; s < x->in.n_seq; s++) {
        const size_t at = x->starts[s], n = x->starts[s + 1] - at;
        double *z = ref_logits(net, p, x->tokens + at, n);
        for (size_t t = 0; t < n; t++)
            sum += (double)x->weights[at + t] *
                   (ref_lse(z + t * v, v) - z[t * v + x->targets[at + t]]);
        free(z);
    }
    return sum;
}

/* Our derivative by parameter i: matrices lie turned, and the embedding has two parts. */
static double ours(const struct pass *p, const struct net_tensor *t, size_t o, size_t i)
{
    double g = (double)p->grad[t->at + i * t->n_out + o];
    return t->kind == NET_EMBD ? g + (double)p->grad_rows[o * t->n_in + i] : g;
}

static void test_gradient(void **state)
{
    (void)state;
    struct net net;
    struct pack pack;
    struct pass pass;
    struct input x;
    struct rng r = {11};
    ok(net_new(&tt_small, &net, &tt_err));
    net_init(&net, 3);
    for (size_t i = 0; i < net.n_params; i++)
        net.p[i] += ref_draw(&r, 0.2);
    draw_input(&x, 4);
    ok(pack_new(&net, NULL, true, &pack, &tt_err));
    pack_update(&pack, NULL);
    ok(pass_new(&net, &(struct pass_options){&tt_kern, 32, 1}, &pass, &tt_err));
    pass_forward(&pass, &pack, &x.in);
    pass_head(&pass, &pack, &x.in, &(struct pass_head){.scale = 1});
    pass_backward(&pass, &pack, &x.in);
    double *p = ref_doubles(net.n_params), sum = 0, biggest = 0;
    for (size_t i = 0; i < net.n_params; i++) {
        p[i] = (double)net.p[i];
        biggest = fmax(biggest, fabs((double)pass.grad[i]));
    }
    for (size_t i = 0; i < x.in.n; i++)
        sum += (double)x.weights[i] * pass.lost[i].ce;
    assert_true(fabs(sum - loss_of(&net, p, &x)) < 1e-4);
    for (size_t k = 0; k < net.n_tensors; k++) {
        const struct net_tensor *t = &net.tensors[k];
        for (int n = 0; n < 60; n++) {
            const size_t o = rng_below(&r, t->n_out), i = rng_below(&r, t->n_in);
            double *at = &p[t->at + o * t->n_in + i], keep = *at;
            *at = keep + 1e-5;
            const double up = loss_of(&net, p, &x);
            *at = keep - 1e-5;
            const double want = (up - loss_of(&net, p, &x)) / 2e-5;
            *at = keep;
            if (fabs(want - ours(&pass, t, o, i)) > 1e-5 * biggest)
                fail_msg("tensor %zu [%zu][%zu]: %.9g, differences give %.9g", k, o, i,
                         ours(&pass, t, o, i), want);
        }
    }
    free(p);
    pass_release(&pass);
    pack_release(&pack);
    net_release(&net);
}

/* The mean loss of the step's batch, in double. */
static double batch_loss(const struct trainer *t, const double *p)
{
    const size_t v = t->net->cfg.n_vocab;
    double sum = 0, weight = 0;
    for (size_t k = 0; k < t->n_micros; k++)
        for (size_t s = 0; s < t->inputs[k].n_seq; s++) {
            const struct pass_input *in = &t->inputs[k];
            const size_t at = in->starts[s], n = in->starts[s + 1] - at;
            double *z = ref_logits(t->net, p, in->tokens + at, n);
            for (size_t i = 0; i < n; i++) {
                weight += (double)in->weights[at + i];
                sum += (double)in->weights[at + i] *
                       (ref_lse(z + i * v, v) - z[i * v + in->targets[at + i]]);
            }
            free(z);
        }
    return sum / weight;
}

/* What a step sums over inputs and lanes is the derivative of the batch's mean loss. */
static void test_batch_gradient(void **state)
{
    (void)state;
    struct tt_run r;
    struct rng rng = {13};
    struct trainer_report report;
    struct trainer_settings s = tt_settings;
    s.batch = 96;
    tt_open(&r, &tt_small, &s, 2);
    double *p = ref_doubles(r.net.n_params), biggest = 0, squares = 0;
    for (size_t i = 0; i < r.net.n_params; i++)
        p[i] = (double)(r.net.p[i] += ref_draw(&rng, 0.2));
    pack_update(&r.t->pack, NULL);
    ok(trainer_step(r.t, &report, &tt_err));
    assert_int_equal(r.t->n_micros, 6);
    assert_true(fabs(report.loss - batch_loss(r.t, p)) < 1e-5);
    for (size_t i = 0; i < r.net.n_params; i++) {
        biggest = fmax(biggest, fabs((double)r.t->grad[i]));
        squares += (double)r.t->grad[i] * (double)r.t->grad[i];
    }
    assert_true(fabs(report.norm - sqrt(squares)) < 1e-9);
    for (int n = 0; n < 200; n++) {
        const size_t i = rng_below(&rng, r.net.n_params);
        const double keep = p[i];
        p[i] = keep + 1e-5;
        const double up = batch_loss(r.t, p);
        p[i] = keep - 1e-5;
        const double want = (up - batch_loss(r.t, p)) / 2e-5;
        p[i] = keep;
        if (fabs(want - (double)r.t->grad[i]) > 1e-5 * biggest)
            fail_msg("parameter %zu: %.9g, differences give %.9g", i, (double)r.t->grad[i], want);
    }
    free(p);
    tt_close(&r);
}

/* -- the same bits ----------------------------------------------------------------------------- */

static void assert_same_file(const char *a, const char *b)
{
    struct fs_map x, y;
    ok(fs_map(a, &x, &tt_err));
    ok(fs_map(b, &y, &tt_err));
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.v, y.v, x.n);
    fs_unmap(&x);
    fs_unmap(&y);
}

static void checkpoint_of(int threads, const char *path)
{
    struct tt_run r;
    tt_open(&r, &tt_small, &tt_settings, threads);
    tt_steps(&r, 200);
    assert_int_equal(r.t->at.step, 200);
    ok(trainer_save(r.t, path, &tt_err));
    tt_close(&r);
}

static void test_threads(void **state)
{
    (void)state;
    const char *one = tt_path("one"), *two = tt_path("two"), *five = tt_path("five");
    checkpoint_of(1, one);
    checkpoint_of(2, two);
    checkpoint_of(5, five);
    assert_same_file(one, two);
    assert_same_file(one, five);
}

/* The reference loops of the engine give the same weights as the processor's best. */
static void test_instruction_sets(void **state)
{
    (void)state;
    const struct kern best = tt_kern;
    const char *levels[] = {NULL, "ref", "avx2"}, *paths[3];
    for (int i = 0; i < 3; i++) {
        struct tt_run r;
        ok(kern_open(levels[i], &tt_kern, &tt_err));
        tt_open(&r, &tt_small, &tt_settings, 1);
        tt_steps(&r, 20);
        ok(trainer_save(r.t, paths[i] = tt_path(levels[i] ? levels[i] : "best"), &tt_err));
        tt_close(&r);
    }
    tt_kern = best;
    assert_same_file(paths[0], paths[1]);
    assert_same_file(paths[0], paths[2]);
}

static void test_resume(void **state)
{
    (void)state;
    struct tt_run r;
    struct trainer_settings s = tt_settings;
    s.mode = "int8";
    const char *whole = tt_path("whole"), *part = tt_path("part"), *rest = tt_path("rest");
    tt_open(&r, &tt_small, &s, 2);
    tt_steps(&r, 60);
    ok(trainer_save(r.t, whole, &tt_err));
    tt_close(&r);
    tt_open(&r, &tt_small, &s, 2);
    tt_steps(&r, 37);
    ok(trainer_save(r.t, part, &tt_err));
    tt_close(&r);
    tt_open(&r, &tt_small, &s, 1);
    ok(trainer_load(r.t, part, &tt_err));
    assert_int_equal(r.t->at.step, 37);
    tt_steps(&r, 23);
    ok(trainer_save(r.t, rest, &tt_err));
    tt_close(&r);
    assert_same_file(whole, rest);
}

static void damage(const char *from, const char *to, size_t at, size_t n)
{
    struct fs_map m;
    ok(fs_map(from, &m, &tt_err));
    char *copy = malloc(m.n);
    memcpy(copy, m.v, m.n);
    if (at < m.n)
        copy[at] ^= 1;
    ok(fs_write_atomic(to, copy, n < m.n ? n : m.n, &tt_err));
    free(copy);
    fs_unmap(&m);
}

static void test_bad_checkpoints(void **state)
{
    (void)state;
    struct tt_run r;
    struct trainer_settings s = tt_settings;
    const char *good = tt_path("good"), *bad = tt_path("bad");
    tt_open(&r, &tt_small, &s, 1);
    tt_steps(&r, 1);
    ok(trainer_save(r.t, good, &tt_err));
    damage(good, bad, 700, SIZE_MAX);
    refuses(trainer_load(r.t, bad, &tt_err), ASSAY_EFORMAT, "digest");
    damage(good, bad, SIZE_MAX, 900);
    refuses(trainer_load(r.t, bad, &tt_err), ASSAY_EFORMAT, "cut");
    damage(good, bad, SIZE_MAX, 20);
    refuses(trainer_load(r.t, bad, &tt_err), ASSAY_EFORMAT, "not a training checkpoint");
    tt_close(&r);
    s.schedule.peak = 0.001;
    tt_open(&r, &tt_small, &s, 1);
    refuses(trainer_load(r.t, good, &tt_err), ASSAY_EUSAGE, "lr 0.003");
    tt_close(&r);
}

/* -- learning ---------------------------------------------------------------------------------- */

static void test_learns(void **state)
{
    (void)state;
    struct tt_run r;
    struct trainer_settings s = tt_settings;
    struct trainer_task tasks[2];
    s.tokens = 60000;
    s.schedule.peak = 0.01;
    tt_open(&r, &tt_small, &s, 2);
    const double first = tt_steps(&r, 1);
    struct trainer_report report = {0};
    while (!trainer_done(r.t))
        ok(trainer_step(r.t, &report, &tt_err));
    if (!(first > 2 && report.ce < 0.15))
        fail_msg("the loss went from %g to %g", first, report.ce);
    ok(trainer_judge(r.t, &r.corpus, tasks, &tt_err));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tasks[i].questions, 150);
        assert_true(tasks[i].right > 140);
        assert_true(tasks[i].ce / (double)tasks[i].n < 0.1);
    }
    tt_close(&r);
}

/* With the whole weight on the teacher, the student comes near to it though no answer is shown. */
static void test_distills(void **state)
{
    (void)state;
    struct tt_run r;
    struct net student;
    struct trainer *t;
    struct trainer_settings s = tt_settings;
    struct trainer_report report = {0}, first;
    tt_open(&r, &tt_small, &s, 2);
    tt_steps(&r, 150);
    ok(net_new(&tt_small, &student, &tt_err));
    net_init(&student, 99);
    s.mix = 1;
    s.schedule.peak = 0.01;
    const struct trainer_parts parts = {&student, &r.net, &r.corpus, &tt_kern, r.pool};
    ok(trainer_new(&s, &parts, &t, &tt_err));
    ok(trainer_step(t, &first, &tt_err));
    for (int i = 0; i < 300; i++)
        ok(trainer_step(t, &report, &tt_err));
    assert_true(first.kl > 0.5 && report.kl < 0.05 && report.loss == report.kl);
    trainer_free(t);
    net_release(&student);
    tt_close(&r);
}

/* -- refusals ---------------------------------------------------------------------------------- */

static void test_bad_settings(void **state)
{
    (void)state;
    struct tt_run r;
    struct trainer *t;
    struct net n;
    tt_open(&r, &tt_small, &tt_settings, 1);
    const struct trainer_parts parts = {&r.net, NULL, &r.corpus, &tt_kern, NULL};
    struct trainer_settings s = tt_settings;
    s.batch = 100;
    refuses(trainer_new(&s, &parts, &t, &tt_err), ASSAY_EUSAGE, "batch of 100");
    s = tt_settings;
    s.micro = 8;
    refuses(trainer_new(&s, &parts, &t, &tt_err), ASSAY_EUSAGE, "inputs of 8");
    s = tt_settings;
    s.mode = "int4";
    refuses(trainer_new(&s, &parts, &t, &tt_err), ASSAY_EUSAGE, "groups of 32");
    s.mode = "int5";
    refuses(trainer_new(&s, &parts, &t, &tt_err), ASSAY_EUSAGE, "unknown precision 'int5'");
    s = tt_settings;
    s.schedule.decay = 0.99;
    refuses(trainer_new(&s, &parts, &t, &tt_err), ASSAY_EUSAGE, "more than the whole run");
    struct net_config c = tt_small;
    c.n_ctx = 8;
    ok(net_new(&c, &n, &tt_err));
    const struct trainer_parts narrow = {&n, NULL, &r.corpus, &tt_kern, NULL};
    refuses(trainer_new(&tt_settings, &narrow, &t, &tt_err), ASSAY_EUSAGE, "the context is 8");
    net_release(&n);
    c = tt_small;
    c.n_head_kv = 3;
    refuses(net_new(&c, &n, &tt_err), ASSAY_EUSAGE, "4 heads are not a multiple of 3");
    c = tt_small;
    c.n_ff = 0;
    refuses(net_new(&c, &n, &tt_err), ASSAY_EUSAGE, "feed-forward size of 0");
    c = tt_small;
    c.head_dim = 5;
    refuses(net_new(&c, &n, &tt_err), ASSAY_EUSAGE, "head size of 5");
    tt_close(&r);
}

static void test_schedule(void **state)
{
    (void)state;
    const struct adam_schedule s = {0.002, 0.05, 0.3, 0.03};
    assert_true(fabs(adam_rate(&s, 0.025) - 0.001) < 1e-15);
    assert_true(adam_rate(&s, 0.05) == 0.002);
    assert_true(adam_rate(&s, 0.7) == 0.002);
    assert_true(fabs(adam_rate(&s, 0.85) - 0.002 * 0.515) < 1e-15);
    assert_true(fabs(adam_rate(&s, 1) - 0.00006) < 1e-15);
    assert_true(adam_rate(&s, 1.5) == adam_rate(&s, 1));
}

/* Two updates against the formula in double. */
static void test_adam(void **state)
{
    (void)state;
    float p[3] = {0.5f, -1, 2}, m[3] = {0}, v[3] = {0};
    const float g[2][3] = {{0.1f, -0.2f, 3}, {-0.3f, 0.01f, 0.5f}};
    double want[3] = {0.5, -1, 2}, wm[3] = {0}, wv[3] = {0};
    struct adam_rule r = {0.01, 0.9, 0.98, 1e-8, 0.05, 0};
    for (int k = 0; k < 2; k++) {
        r.t++;
        adam_update(&r, 0.5, g[k], 3, p, m, v);
        for (int i = 0; i < 3; i++) {
            const double x = 0.5 * (double)g[k][i];
            wm[i] = 0.9 * wm[i] + 0.1 * x;
            wv[i] = 0.98 * wv[i] + 0.02 * x * x;
            const double mh = wm[i] / (1 - pow(0.9, k + 1)), vh = wv[i] / (1 - pow(0.98, k + 1));
            want[i] -= 0.01 * (mh / (sqrt(vh) + 1e-8) + 0.05 * want[i]);
            assert_true(fabs(want[i] - (double)p[i]) < 1e-6);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_batch_gradient),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_instruction_sets),
        cmocka_unit_test(test_bad_checkpoints),
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_distills),
        cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_adam),
    };
    return cmocka_run_group_tests(tests, tt_setup, tt_teardown);
}
