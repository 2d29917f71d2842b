/* trainer.c - the step: fill, run the lanes, sum, clip, update, lay out again. */
#include "backends/native/train/trainer.h"
#include "backends/native/train/mm.h"
#include "harness/base/err.h"
#include "harness/base/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BAND = 32, CHUNK = 1 << 15, MAX_BATCH = 1 << 17 };

/* -- life -------------------------------------------------------------------------------------- */

static int check(const struct trainer_settings *s, const struct net *net, struct assay_err *e)
{
    if (s->micro < (int64_t)net->cfg.n_ctx || s->micro > MAX_BATCH)
        return err_set(e, ASSAY_EUSAGE,
                       "inputs of %lld tokens, expected at least the context of %u "
                       "and at most %d",
                       (long long)s->micro, net->cfg.n_ctx, MAX_BATCH);
    const int64_t batches[] = {s->batch, s->batch_late};
    for (int i = 0; i < 2; i++)
        if (batches[i] < s->micro || batches[i] % s->micro ||
            batches[i] / s->micro > TRAINER_MAX_MICROS)
            return err_set(e, ASSAY_EUSAGE,
                           "a batch of %lld tokens is not a multiple of inputs of "
                           "%lld, or more than %d of them",
                           (long long)batches[i], (long long)s->micro, TRAINER_MAX_MICROS);
    if (!s->tokens)
        return err_set(e, ASSAY_EUSAGE, "a run of no tokens");
    if (s->schedule.warmup + s->schedule.decay > 1)
        return err_set(e, ASSAY_EUSAGE, "warm-up of %g and decay of %g are more than the whole run",
                       s->schedule.warmup, s->schedule.decay);
    if (s->mode && !grid_find(s->mode))
        return err_set(e, ASSAY_EUSAGE, "unknown precision '%s', expected one of %s", s->mode,
                       grid_names);
    return 0;
}

static int new_lanes(struct trainer *t, const struct net *teacher, struct assay_err *e)
{
    const struct pass_options own = {t->kern, (size_t)t->set.micro, 1};
    const struct pass_options other = {t->kern, (size_t)t->set.micro, 0};
    for (int i = 0; i < TRAINER_LANES; i++) {
        TRY(pass_new(t->net, &own, &t->lanes[i], e));
        if (teacher)
            TRY(pass_new(teacher, &other, &t->teachers[i], e));
    }
    const int64_t most = t->set.batch > t->set.batch_late ? t->set.batch : t->set.batch_late;
    for (int64_t i = 0; i < most / t->set.micro || i < TRAINER_LANES; i++)
        TRY(batch_input_new((size_t)t->set.micro, &t->inputs[i], e));
    return 0;
}

static size_t bands(const struct net *n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n->n_tensors; i++)
        sum += (n->tensors[i].n_in + BAND - 1) / BAND;
    return sum;
}

static void digest(const void *p, size_t n, char hex[HASH_HEX])
{
    uint8_t h[HASH_BYTES];
    hash_bytes(p, n, h);
    hash_hex(h, hex);
}

static int prepare(struct trainer *t, const struct trainer_parts *parts, struct assay_err *e)
{
    const struct trainer_settings *s = &t->set;
    TRY(check(s, t->net, e));
    if (parts->teacher && parts->teacher->cfg.n_vocab != t->net->cfg.n_vocab)
        return err_set(e, ASSAY_EUSAGE, "the teacher has a vocabulary of %u, the network one of %u",
                       parts->teacher->cfg.n_vocab, t->net->cfg.n_vocab);
    if (parts->teacher && parts->teacher->cfg.n_ctx < t->net->cfg.n_ctx)
        return err_set(e, ASSAY_EUSAGE, "the teacher's context of %u is shorter than %u",
                       parts->teacher->cfg.n_ctx, t->net->cfg.n_ctx);
    TRY(batch_source_new(parts->corpus, &t->net->cfg, &t->source, e));
    t->source.seed = s->seed;
    t->source.prompt_weight = (float)s->prompt_weight;
    batch_seek(&t->source, 0, 0);
    digest(parts->corpus->map.v, parts->corpus->map.n, t->corpus_hex);
    TRY(pack_new(t->net, s->mode ? grid_find(s->mode) : NULL, true, &t->pack, e));
    if (parts->teacher) {
        TRY(pack_new(parts->teacher, NULL, false, &t->teacher_pack, e));
        pack_update(&t->teacher_pack, t->pool);
        digest(parts->teacher->p, parts->teacher->n_params * sizeof(float), t->teacher_hex);
        t->distill = true;
    }
    TRY(new_lanes(t, parts->teacher, e));
    t->m = calloc(t->net->n_params, sizeof *t->m);
    t->v = calloc(t->net->n_params, sizeof *t->v);
    t->grad = malloc(t->net->n_params * sizeof *t->grad);
    t->squares = calloc(bands(t->net), sizeof *t->squares);
    if (!t->m || !t->v || !t->grad || !t->squares)
        return err_set(e, ASSAY_ENOMEM, "no memory to train %zu parameters", t->net->n_params);
    pack_update(&t->pack, t->pool);
    return 0;
}

int trainer_new(const struct trainer_settings *s, const struct trainer_parts *parts,
                struct trainer **out, struct assay_err *e)
{
    struct trainer *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(e, ASSAY_ENOMEM, "no memory for a training run");
    t->set = *s;
    t->net = parts->net;
    t->kern = parts->kern;
    t->pool = parts->pool;
    const int rc = prepare(t, parts, e);
    if (rc < 0)
        trainer_free(t);
    else
        *out = t;
    return rc;
}

void trainer_free(struct trainer *t)
{
    if (!t)
        return;
    for (int i = 0; i < TRAINER_LANES; i++) {
        pass_release(&t->lanes[i]);
        pass_release(&t->teachers[i]);
    }
    for (int i = 0; i < TRAINER_MAX_MICROS; i++)
        batch_input_release(&t->inputs[i]);
    batch_source_release(&t->source);
    pack_release(&t->pack);
    pack_release(&t->teacher_pack);
    free(t->m);
    free(t->v);
    free(t->grad);
    free(t->squares);
    free(t);
}

/* -- gradients --------------------------------------------------------------------------------- */

static void sum_losses(const struct pass *p, const struct pass_input *in, double mix,
                       struct trainer_lane *s)
{
    *s = (struct trainer_lane){0};
    for (size_t i = 0; i < in->n; i++) {
        const double w = (double)in->weights[i];
        s->ce += w * p->lost[i].ce;
        s->kl += w * p->lost[i].kl;
    }
    s->loss = (1 - mix) * s->ce + mix * s->kl;
}

static void run_lane(void *user, size_t lane, size_t n_lanes)
{
    struct trainer *t = user;
    struct pass *p = &t->lanes[lane];
    struct pass_head head = t->head;
    pass_clear(p);
    for (size_t i = lane; i < t->n_micros; i += n_lanes) {
        const struct pass_input *in = &t->inputs[i];
        if (t->distill) {
            head.teacher = &t->teachers[lane];
            head.teacher_pack = &t->teacher_pack;
            pass_forward(&t->teachers[lane], &t->teacher_pack, in);
        }
        pass_forward(p, &t->pack, in);
        pass_head(p, &t->pack, in, &head);
        pass_backward(p, &t->pack, in);
        sum_losses(p, in, t->distill ? t->set.mix : 0, &t->sums[i]);
    }
}

/* Tensor and first row (of [n_in][n_out]) of a part. */
static const struct net_tensor *band_at(const struct net *n, size_t part, size_t *row)
{
    const struct net_tensor *t = n->tensors;
    for (;; t++) {
        const size_t k = (t->n_in + BAND - 1) / BAND;
        if (part < k)
            break;
        part -= k;
    }
    *row = part * BAND;
    return t;
}

static void sum_lanes(struct trainer *t, size_t at, size_t n)
{
    float *sum = t->lanes[0].grad + at;
    for (int l = 1; l < TRAINER_LANES; l++) {
        const float *g = t->lanes[l].grad + at;
        for (size_t i = 0; i < n; i++)
            sum[i] += g[i];
    }
}

/* What came in by the embedding, columns row.. of [n_vocab][n_embd]. */
static void add_rows(struct trainer *t, size_t row, size_t n)
{
    const size_t d = t->net->cfg.n_embd, v = t->net->cfg.n_vocab;
    for (size_t o = 0; o < v; o++)
        for (int l = 0; l < TRAINER_LANES; l++) {
            const float *g = t->lanes[l].grad_rows + o * d + row;
            for (size_t i = 0; i < n; i++)
                t->grad[o * d + row + i] += g[i];
        }
}

static void reduce_band(void *user, size_t part, size_t n_parts)
{
    struct trainer *t = user;
    size_t row;
    const struct net_tensor *x = band_at(t->net, part, &row);
    const size_t n = x->n_in - row < BAND ? x->n_in - row : BAND;
    const size_t at = x->at + row * x->n_out;
    double sum = 0;
    (void)n_parts;
    sum_lanes(t, at, n * x->n_out);
    mm_transpose(t->lanes[0].grad + at, x->n_out, n, x->n_out, t->grad + x->at + row, x->n_in);
    if (x->kind == NET_EMBD)
        add_rows(t, row, n);
    for (size_t o = 0; o < x->n_out; o++) {
        const float *g = t->grad + x->at + o * x->n_in + row;
        for (size_t i = 0; i < n; i++)
            sum += (double)g[i] * (double)g[i];
    }
    t->squares[part] = sum;
}

/* -- update ------------------------------------------------------------------------------------ */
struct update {
    struct trainer *t;
    struct adam_rule rule;
    double scale;
};

/* A part holds CHUNK parameters, of one tensor or of several. */
static void update_chunk(void *user, size_t part, size_t n_parts)
{
    const struct update *u = user;
    struct trainer *t = u->t;
    const size_t from = part * CHUNK, to = from + CHUNK;
    (void)n_parts;
    for (size_t i = 0; i < t->net->n_tensors; i++) {
        const struct net_tensor *x = &t->net->tensors[i];
        const size_t end = x->at + x->n_out * x->n_in;
        const size_t a = x->at > from ? x->at : from, b = end < to ? end : to;
        struct adam_rule rule = u->rule;
        rule.decay = net_is_gain(x) ? 0 : rule.decay;
        if (a < b)
            adam_update(&rule, u->scale, t->grad + a, b - a, t->net->p + a, t->m + a, t->v + a);
    }
}

static double total_weight(struct trainer *t, struct trainer_report *r)
{
    double sum = 0;
    for (size_t i = 0; i < t->n_micros; i++) {
        r->tokens += t->inputs[i].n;
        for (size_t j = 0; j < t->inputs[i].n; j++)
            sum += (double)t->inputs[i].weights[j];
    }
    return sum;
}

int trainer_step(struct trainer *t, struct trainer_report *r, struct assay_err *e)
{
    const struct trainer_settings *s = &t->set;
    const double done = (double)t->at.tokens / (double)s->tokens;
    *r = (struct trainer_report){0};
    t->n_micros = (size_t)((done < s->late ? s->batch : s->batch_late) / s->micro);
    for (size_t i = 0; i < t->n_micros; i++)
        batch_fill(&t->source, (size_t)s->micro, 1, &t->inputs[i]);
    const double weight = total_weight(t, r), scale = weight > 0 ? 1 / weight : 0;
    r->lr = adam_rate(&s->schedule, (double)(t->at.tokens + r->tokens) / (double)s->tokens);
    t->head = (struct pass_head){.scale = (float)scale, .mix = (float)s->mix};
    pool_run(t->pool, TRAINER_LANES, run_lane, t);
    for (size_t i = 0; i < t->n_micros; i++) {
        r->loss += t->sums[i].loss * scale;
        r->ce += t->sums[i].ce * scale;
        r->kl += t->sums[i].kl * scale;
    }
    const size_t n = bands(t->net);
    pool_run(t->pool, n, reduce_band, t);
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += t->squares[i];
    r->norm = sqrt(squares);
    if (!isfinite(r->norm) || !isfinite(r->loss))
        return err_set(e, ASSAY_EFORMAT,
                       "step %llu: the loss is %g and the gradient's norm %g; "
                       "try a lower learning rate",
                       (unsigned long long)t->at.step + 1, r->loss, r->norm);
    struct update u = {t,
                       {r->lr, s->b1, s->b2, s->eps, s->decay, t->at.step + 1},
                       r->norm > s->clip ? s->clip / r->norm : 1};
    pool_run(t->pool, (t->net->n_params + CHUNK - 1) / CHUNK, update_chunk, &u);
    pack_update(&t->pack, t->pool);
    t->at.step++;
    t->at.tokens += r->tokens;
    t->at.epoch = t->source.epoch;
    t->at.at = t->source.at;
    return 0;
}

bool trainer_done(const struct trainer *t)
{
    return t->at.tokens >= t->set.tokens;
}

const float *trainer_weights(struct trainer *t)
{
    return t->pack.values;
}

/* -- evaluation -------------------------------------------------------------------------------- */

static void judge_lane(void *user, size_t lane, size_t n_lanes)
{
    struct trainer *t = user;
    (void)n_lanes;
    if (!t->inputs[lane].n)
        return;
    pass_forward(&t->lanes[lane], &t->pack, &t->inputs[lane]);
    pass_judge(&t->lanes[lane], &t->pack, &t->inputs[lane]);
}

/* Runs of weighted rows are questions. */
static void count(const struct pass *p, const struct pass_input *in, struct trainer_task *tasks)
{
    for (size_t s = 0; s < in->n_seq; s++) {
        struct trainer_task *task = &tasks[in->tasks[s]];
        bool right = true;
        for (size_t i = in->starts[s]; i < in->starts[s + 1]; i++) {
            if (in->weights[i] <= 0)
                continue;
            right = right && p->lost[i].argmax == in->targets[i];
            task->ce += p->lost[i].ce;
            task->n++;
            if (in->weights[i + 1 < in->n ? i + 1 : i] > 0 && i + 1 < in->starts[s + 1])
                continue;
            task->questions++;
            task->right += right;
            right = true;
        }
    }
}

int trainer_judge(struct trainer *t, const struct corpus *c, struct trainer_task *tasks,
                  struct assay_err *e)
{
    struct batch_source source;
    TRY(batch_source_new(c, &t->net->cfg, &source, e));
    source.shuffled = 0;
    source.prompt_weight = 0;
    batch_seek(&source, 0, 0);
    memset(tasks, 0, c->n_tasks * sizeof *tasks);
    while (source.at < c->n_examples) {
        for (int i = 0; i < TRAINER_LANES; i++)
            batch_fill(&source, (size_t)t->set.micro, 0, &t->inputs[i]);
        pool_run(t->pool, TRAINER_LANES, judge_lane, t);
        for (int i = 0; i < TRAINER_LANES; i++)
            count(&t->lanes[i], &t->inputs[i], tasks);
    }
    batch_source_release(&source);
    return 0;
}
