/* cmd_run.c - assay-train run and eval: a training run from nothing, from a model or from its own
 * checkpoint, and counting right answers. */
#include "backends/native/kern.h"
#include "backends/native/train/command.h"
#include "backends/native/train/net_file.h"
#include "backends/native/train/trainer.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/pool.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct run_options {
    const char *corpus, *eval, *tokenizer, *out, *type, *name, *checkpoint, *init, *teacher, *qat;
    const char *early, *log;
    double early_at, late, lr, warmup, decay, final, weight_decay, clip, prompt, mix, save_minutes;
    int64_t seed, threads, tokens, batch, batch_late, micro, stop, every, eval_every;
    int64_t embd, layers, heads, kv_heads, head_dim, ff, ctx;
} run;

#define ROW(...) TRAIN_ROW(run_options, __VA_ARGS__)
static const struct assay_field run_rows[] = {
    ROW("corpus", ASSAY_STR, corpus, NULL, NULL, "what to train on (assay-train corpus)"),
    ROW("eval", ASSAY_STR, eval, NULL, NULL, "a corpus whose answers are counted per task"),
    ROW("tokenizer", ASSAY_STR, tokenizer, NULL, NULL, "GGUF file with the tokenizer"),
    ROW("out", ASSAY_STR, out, NULL, NULL, "the model to write, a GGUF file"),
    ROW("type", ASSAY_ENUM, type, "f16", "f32|f16|grid", "how the model's weights are stored; grid: as blocks where --qat fits some"),
    ROW("name", ASSAY_STR, name, "assay-ref", NULL, "general.name of the model"),
    ROW("checkpoint", ASSAY_STR, checkpoint, NULL, NULL,
        "kept up to date; a run goes on from it when it is there"),
    ROW("save-minutes", ASSAY_NUM, save_minutes, "5", "0..1000000", "between two checkpoints"),
    ROW("init", ASSAY_STR, init, NULL, NULL, "start from this model instead of from nothing"),
    ROW("teacher", ASSAY_STR, teacher, NULL, NULL, "frozen model whose distribution is learnt too"),
    ROW("mix", ASSAY_NUM, mix, "0.5", "0..1", "share of the teacher's KL in the loss"),
    ROW("qat", ASSAY_STR, qat, NULL, NULL, "train for int8|w8a8|int4|int3|int2|q8_0|q4_0|w4a4"),
    ROW("early", ASSAY_STR, early, NULL, NULL, "also write the model as it is at --early-at"),
    ROW("early-at", ASSAY_NUM, early_at, "0.2", "0..1", "share of the run for --early"),
    ROW("log", ASSAY_STR, log, NULL, NULL, "a file that every line is added to as well"),
    ROW("seed", ASSAY_INT, seed, "1", "0..9223372036854775807", "of the start and of the order"),
    ROW("threads", ASSAY_INT, threads, "0", "0..1024", "0 is all processors; no effect on results"),
    ROW("tokens", ASSAY_INT, tokens, "35000000", "1..9223372036854775807", "of the whole run"),
    ROW("batch", ASSAY_INT, batch, "2048", "1..1048576", "tokens of a step"),
    ROW("batch-late", ASSAY_INT, batch_late, "4096", "1..1048576", "tokens of a step after --late"),
    ROW("late", ASSAY_NUM, late, "0.6", "0..1", "share of the run before --batch-late"),
    ROW("micro", ASSAY_INT, micro, "512", "1..65536", "tokens of one input"),
    ROW("lr", ASSAY_NUM, lr, "0.0015", "0..10", "peak learning rate"),
    ROW("warmup", ASSAY_NUM, warmup, "0.05", "0..1", "share of the run in which it rises"),
    ROW("decay", ASSAY_NUM, decay, "0.3", "0..1", "share of the run in which it falls"),
    ROW("final", ASSAY_NUM, final, "0.03", "0..1", "share of the peak at the end"),
    ROW("weight-decay", ASSAY_NUM, weight_decay, "0.05", "0..1", "of matrices"),
    ROW("clip", ASSAY_NUM, clip, "1", "0.000001..1000000", "largest norm of the gradient"),
    ROW("prompt-weight", ASSAY_NUM, prompt, "0.05", "0..1", "weight of tokens that are no answer"),
    ROW("stop", ASSAY_INT, stop, "0", "0..9223372036854775807", "stop after this step; 0 never"),
    ROW("every", ASSAY_INT, every, "50", "1..1000000", "steps between two lines"),
    ROW("eval-every", ASSAY_INT, eval_every, "0", "0..1000000",
        "steps between counts; 0: at the end"),
    ROW("embd", ASSAY_INT, embd, "256", "1..16384", "size of the residual stream"),
    ROW("layers", ASSAY_INT, layers, "4", "1..256", "number of layers"),
    ROW("heads", ASSAY_INT, heads, "8", "1..1024", "query heads"),
    ROW("kv-heads", ASSAY_INT, kv_heads, "4", "1..1024", "key and value heads"),
    ROW("head-dim", ASSAY_INT, head_dim, "32", "1..1024", "size of a head"),
    ROW("ff", ASSAY_INT, ff, "512", "1..16384", "size of the feed-forward layer"),
    ROW("ctx", ASSAY_INT, ctx, "256", "1..65535", "context in tokens"),
    TRAIN_END,
};
#undef ROW

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
    (void)sig;
    stopped = 1;
}

struct job { /* everything a run or a count holds open */
    struct net net, teacher;
    struct corpus corpus, eval;
    struct kern kern;
    struct pool *pool;
    struct trainer *t;
    struct trainer_settings set;
    struct {
        double loss, norm;
        uint64_t tokens, n;
        int64_t since;
    } line; /* since the last one */
    int64_t saved_ns, began_ns;
    uint64_t began_tokens;
};

static FILE *log_file;

/* To standard output and to the log. */
static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    fflush(stdout);
    if (!log_file)
        return;
    va_start(ap, fmt);
    vfprintf(log_file, fmt, ap);
    va_end(ap);
    fflush(log_file);
}

static void job_release(struct job *j)
{
    trainer_free(j->t);
    pool_free(j->pool);
    corpus_close(&j->corpus);
    corpus_close(&j->eval);
    net_release(&j->net);
    net_release(&j->teacher);
}

static int open_machine(struct job *j, int64_t threads, struct assay_err *e)
{
    TRY(kern_open(getenv("ASSAY_CPU"), &j->kern, e));
    j->pool = pool_new(threads ? (int)threads : pool_cpus());
    return j->pool ? 0 : err_set(e, ASSAY_ENOMEM, "the system refuses to start threads");
}

static int open_net(struct job *j, struct assay_err *e)
{
    uint32_t n_vocab = 0;
    TRY(net_vocab(run.tokenizer, &n_vocab, e));
    if (run.init) {
        TRY(net_load(run.init, &j->net, e));
        if (j->net.cfg.n_vocab != n_vocab)
            return err_set(e, ASSAY_EUSAGE, "%s has %u pieces, %s %u", run.tokenizer, n_vocab,
                           run.init, j->net.cfg.n_vocab);
        return 0;
    }
    const struct net_config c = {
        n_vocab,
        (uint32_t)run.ctx,
        (uint32_t)run.embd,
        (uint32_t)run.layers,
        (uint32_t)run.heads,
        (uint32_t)run.kv_heads,
        (uint32_t)run.head_dim,
        (uint32_t)run.ff,
    };
    TRY(net_new(&c, &j->net, e));
    net_init(&j->net, (uint64_t)run.seed);
    return 0;
}

static struct trainer_settings settings(void)
{
    return (struct trainer_settings){
        .seed = (uint64_t)run.seed,
        .tokens = (uint64_t)run.tokens,
        .batch = run.batch,
        .batch_late = run.batch_late,
        .late = run.late,
        .micro = run.micro,
        .schedule = {run.lr, run.warmup, run.decay, run.final},
        .b1 = 0.9,
        .b2 = 0.98,
        .eps = 1e-8,
        .decay = run.weight_decay,
        .clip = run.clip,
        .prompt_weight = run.prompt,
        .mix = run.teacher ? run.mix : 0,
        .mode = run.qat,
    };
}

static int open_run(struct job *j, struct assay_err *e)
{
    if (run.log && !(log_file = fopen(run.log, "a")))
        return err_errno(e, ASSAY_EIO, "cannot open '%s'", run.log);
    TRY(train_require(run.corpus, "corpus", e));
    TRY(train_require(run.tokenizer, "tokenizer", e));
    TRY(train_require(run.out, "out", e));
    TRY(open_machine(j, run.threads, e));
    TRY(open_net(j, e));
    TRY(corpus_open(run.corpus, &j->corpus, e));
    if (run.eval)
        TRY(corpus_open(run.eval, &j->eval, e));
    if (run.teacher)
        TRY(net_load(run.teacher, &j->teacher, e));
    const struct trainer_parts parts = {&j->net, run.teacher ? &j->teacher : NULL, &j->corpus,
                                        &j->kern, j->pool};
    j->set = settings();
    TRY(trainer_new(&j->set, &parts, &j->t, e));
    if (run.checkpoint && fs_exists(run.checkpoint)) {
        TRY(trainer_load(j->t, run.checkpoint, e));
        say("going on from step %llu of %s\n", (unsigned long long)j->t->at.step, run.checkpoint);
    }
    return 0;
}

static int save_model(struct job *j, const char *path, struct assay_err *e)
{
    const struct net_save save = {
        .path = path,
        .tokenizer = run.tokenizer,
        .type = run.type,
        .name = run.name,
        .mode = run.qat ? grid_find(run.qat) : NULL,
    };
    return net_save(&j->net, trainer_weights(j->t), &save, e);
}

/* -- lines ------------------------------------------------------------------------------------- */

static int print_tasks(struct job *j, struct trainer *t, struct assay_err *e)
{
    struct trainer_task tasks[CORPUS_MAX_TASKS];
    double sum = 0, ce = 0;
    uint64_t n = 0;
    TRY(trainer_judge(t, &j->eval, tasks, e));
    for (uint32_t i = 0; i < j->eval.n_tasks; i++) {
        const struct trainer_task *k = &tasks[i];
        const double share = k->questions ? 100.0 * (double)k->right / (double)k->questions : 0;
        say("  %-24s %6.2f %%  %llu of %llu\n", j->eval.tasks[i], share,
            (unsigned long long)k->right, (unsigned long long)k->questions);
        sum += share;
        ce += k->ce;
        n += k->n;
    }
    say("  %-24s %6.2f %%  perplexity of answers %.4f\n", "mean of tasks", sum / j->eval.n_tasks,
        n ? exp(ce / (double)n) : 0.0);
    return 0;
}

static void print_line(struct job *j, const struct trainer_report *r)
{
    const int64_t now = clock_ns();
    const double s = (double)(now - j->line.since) / 1e9, all = (double)(now - j->began_ns) / 1e9;
    const double rate = (double)(j->t->at.tokens - j->began_tokens) / all;
    const double left = (double)j->set.tokens - (double)j->t->at.tokens;
    const int eta = left > 0 ? (int)(left / rate) : 0;
    say("step %6llu  %7.3f M tokens %5.1f %%  loss %.4f  norm %.2f  lr %.2e  %.0f tokens/s  "
        "eta %d:%02d:%02d\n",
        (unsigned long long)j->t->at.step, (double)j->t->at.tokens / 1e6,
        100.0 * (double)j->t->at.tokens / (double)j->set.tokens, j->line.loss / (double)j->line.n,
        j->line.norm / (double)j->line.n, r->lr, (double)j->line.tokens / s, eta / 3600,
        eta / 60 % 60, eta % 60);
    memset(&j->line, 0, sizeof j->line);
    j->line.since = now;
}

static int after_step(struct job *j, const struct trainer_report *r, struct assay_err *e)
{
    const struct trainer_state *at = &j->t->at;
    j->line.loss += r->loss;
    j->line.norm += r->norm;
    j->line.tokens += r->tokens;
    j->line.n++;
    if (at->step % (uint64_t)run.every == 0 || trainer_done(j->t))
        print_line(j, r);
    if (run.eval && run.eval_every && at->step % (uint64_t)run.eval_every == 0)
        TRY(print_tasks(j, j->t, e));
    const double before = (double)(at->tokens - r->tokens),
                 mark = run.early_at * (double)run.tokens;
    if (run.early && before < mark && (double)at->tokens >= mark)
        TRY(save_model(j, run.early, e));
    if (run.checkpoint && (double)(clock_ns() - j->saved_ns) > run.save_minutes * 60e9) {
        TRY(trainer_save(j->t, run.checkpoint, e));
        j->saved_ns = clock_ns();
    }
    return 0;
}

static int train(struct job *j, struct assay_err *e)
{
    struct trainer_report r;
    const uint64_t stop = run.stop ? (uint64_t)run.stop : UINT64_MAX;
    signal(SIGINT, on_stop);
    signal(SIGTERM, on_stop);
    j->began_ns = j->saved_ns = j->line.since = clock_ns();
    j->began_tokens = j->t->at.tokens;
    say("%zu parameters, %llu examples of %llu tokens, kernels %s, %d threads\n", j->net.n_params,
        (unsigned long long)j->corpus.n_examples, (unsigned long long)j->corpus.n_tokens,
        j->kern.name, pool_size(j->pool));
    while (!trainer_done(j->t) && j->t->at.step < stop && !stopped) {
        TRY(trainer_step(j->t, &r, e));
        TRY(after_step(j, &r, e));
    }
    if (run.checkpoint)
        TRY(trainer_save(j->t, run.checkpoint, e));
    if (!trainer_done(j->t)) {
        say("stopped after step %llu\n", (unsigned long long)j->t->at.step);
        return 0;
    }
    if (run.eval)
        TRY(print_tasks(j, j->t, e));
    TRY(save_model(j, run.out, e));
    say("%s\n", run.out);
    return 0;
}

static int body_run(struct assay_err *e)
{
    struct job j = {0};
    int rc = open_run(&j, e);
    if (rc == 0)
        rc = train(&j, e);
    job_release(&j);
    if (log_file)
        fclose(log_file);
    log_file = NULL;
    return rc;
}

const struct train_command train_run = {
    "run", "train a model, from nothing, from a model or from a checkpoint", run_rows, &run,
    body_run};

/* -- eval -------------------------------------------------------------------------------------- */
static struct eval_options {
    const char *model, *corpus, *qat;
    int64_t threads, micro;
} eval;

#define ROW(...) TRAIN_ROW(eval_options, __VA_ARGS__)
static const struct assay_field eval_rows[] = {
    ROW("model", ASSAY_STR, model, NULL, NULL, "a GGUF file"),
    ROW("corpus", ASSAY_STR, corpus, NULL, NULL, "whose answers are counted per task"),
    ROW("qat", ASSAY_STR, qat, NULL, NULL, "on this grid: int8|w8a8|int4|int3|int2|q8_0|q4_0|w4a4"),
    ROW("threads", ASSAY_INT, threads, "0", "0..1024", "0 is all processors"),
    ROW("micro", ASSAY_INT, micro, "512", "1..65536", "tokens of one input"),
    TRAIN_END,
};
#undef ROW

static int open_eval(struct job *j, struct assay_err *e)
{
    TRY(train_require(eval.model, "model", e));
    TRY(train_require(eval.corpus, "corpus", e));
    TRY(open_machine(j, eval.threads, e));
    TRY(net_load(eval.model, &j->net, e));
    TRY(corpus_open(eval.corpus, &j->eval, e));
    const struct trainer_parts parts = {&j->net, NULL, &j->eval, &j->kern, j->pool};
    const struct trainer_settings set = {
        .tokens = 1,
        .batch = eval.micro,
        .batch_late = eval.micro,
        .micro = eval.micro,
        .mode = eval.qat,
    };
    return trainer_new(&set, &parts, &j->t, e);
}

static int body_eval(struct assay_err *e)
{
    struct job j = {0};
    int rc = open_eval(&j, e);
    if (rc == 0)
        rc = print_tasks(&j, j.t, e);
    job_release(&j);
    return rc;
}

const struct train_command train_eval = {"eval", "count a model's right answers per task",
                                         eval_rows, &eval, body_eval};
