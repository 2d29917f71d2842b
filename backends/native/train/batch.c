/* batch.c - shuffling and filling. */
#include "backends/native/train/batch.h"
#include "harness/base/err.h"
#include "harness/base/rng.h"

#include <stdlib.h>
#include <string.h>

int batch_source_new(const struct corpus *c, const struct net_config *cfg, struct batch_source *s,
                     struct assay_err *e)
{
    *s = (struct batch_source){.corpus = c, .shuffled = 1, .prompt_weight = 1};
    if (c->n_vocab != cfg->n_vocab)
        return err_set(e, ASSAY_EUSAGE, "the corpus has a vocabulary of %u, the network one of %u",
                       c->n_vocab, cfg->n_vocab);
    if (c->max_len > cfg->n_ctx)
        return err_set(e, ASSAY_EUSAGE, "the corpus has an example of %u tokens, the context is %u",
                       c->max_len, cfg->n_ctx);
    if (c->n_examples > UINT32_MAX)
        return err_set(e, ASSAY_EUSAGE, "the corpus has %llu examples, at most %u",
                       (unsigned long long)c->n_examples, UINT32_MAX);
    s->order = malloc((size_t)c->n_examples * sizeof *s->order);
    if (!s->order)
        return err_set(e, ASSAY_ENOMEM, "no memory for the order of %llu examples",
                       (unsigned long long)c->n_examples);
    batch_seek(s, 0, 0);
    return 0;
}

void batch_source_release(struct batch_source *s)
{
    if (s)
        free(s->order);
}

void batch_seek(struct batch_source *s, uint64_t epoch, uint64_t at)
{
    struct rng r = {s->seed};
    const uint64_t n = s->corpus->n_examples;
    r.s = rng_next(&r) + epoch;
    s->epoch = epoch;
    s->at = at;
    for (uint64_t i = 0; i < n; i++)
        s->order[i] = (uint32_t)i;
    for (uint64_t i = n; s->shuffled && i > 1; i--) {
        const uint64_t j = rng_below(&r, i);
        const uint32_t t = s->order[i - 1];
        s->order[i - 1] = s->order[j];
        s->order[j] = t;
    }
}

int batch_input_new(size_t cap, struct pass_input *in, struct assay_err *e)
{
    *in = (struct pass_input){
        .tokens = calloc(cap, sizeof *in->tokens),
        .targets = calloc(cap, sizeof *in->targets),
        .weights = calloc(cap, sizeof *in->weights),
        .starts = calloc(cap + 1, sizeof *in->starts),
        .tasks = calloc(cap, sizeof *in->tasks),
    };
    if (in->tokens && in->targets && in->weights && in->starts && in->tasks)
        return 0;
    batch_input_release(in);
    return err_set(e, ASSAY_ENOMEM, "no memory for a batch of %zu tokens", cap);
}

void batch_input_release(struct pass_input *in)
{
    free(in->tokens);
    free(in->targets);
    free(in->weights);
    free(in->starts);
    free(in->tasks);
    memset(in, 0, sizeof *in);
}

static void add(const struct batch_source *s, const struct corpus_example *x, struct pass_input *in)
{
    const float weight[CORPUS_N_CLASSES] = {0, s->prompt_weight, 1};
    in->tasks[in->n_seq] = x->task;
    memcpy(in->tokens + in->n, x->tokens, x->n * sizeof *x->tokens);
    memcpy(in->targets + in->n, x->tokens + 1, (x->n - 1) * sizeof *x->tokens);
    for (uint32_t i = 0; i + 1 < x->n; i++)
        in->weights[in->n + i] = weight[x->classes[i + 1]];
    in->weights[in->n + x->n - 1] = 0;
    in->targets[in->n + x->n - 1] = 0;
    in->n += x->n;
    in->starts[++in->n_seq] = (uint32_t)in->n;
}

void batch_fill(struct batch_source *s, size_t cap, int wrap, struct pass_input *in)
{
    in->n = in->n_seq = 0;
    for (;;) {
        if (s->at == s->corpus->n_examples && wrap)
            batch_seek(s, s->epoch + 1, 0);
        if (s->at == s->corpus->n_examples)
            return;
        const struct corpus_example *x = &s->corpus->examples[s->order[s->at]];
        if (x->n > cap - in->n)
            return;
        add(s, x, in);
        s->at++;
    }
}
