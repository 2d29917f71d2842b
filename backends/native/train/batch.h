/* batch.h - the order of examples, and filling of inputs with whole ones.
 *
 * Each epoch visits every example once in an order drawn from (seed, epoch); a cursor is all that a
 * resumed run needs. */
#ifndef BATCH_H
#define BATCH_H
#include "backends/native/train/corpus.h"
#include "backends/native/train/pass.h"

struct batch_source {
    const struct corpus *corpus;
    uint32_t *order;               /* [n_examples] of this epoch */
    uint64_t seed, epoch, at;      /* at: next in order */
    int shuffled;                  /* 0: file order */
    float prompt_weight;
};
/* Errors: ASSAY_EUSAGE an example longer than n_ctx, a vocabulary not n_vocab; ASSAY_ENOMEM. */
int batch_source_new(const struct corpus *, const struct net_config *, struct batch_source *,
                     struct assay_err *);
void batch_source_release(struct batch_source *);
void batch_seek(struct batch_source *, uint64_t epoch, uint64_t at);

int batch_input_new(size_t cap, struct pass_input *, struct assay_err *);
void batch_input_release(struct pass_input *);
/* Examples in order until the next one does not fit `cap` tokens; goes on into the next epoch when
 * `wrap`, else stops at its end.  At least one example, except at that end. */
void batch_fill(struct batch_source *, size_t cap, int wrap, struct pass_input *);
#endif
