/* forward.h - the forward pass over many sequences at once, and what rides on it.
 *
 * forward_score evaluates every distinct prefix token of all requests once: requests form a tree of
 * token ids, walked so that the KV cache holds the path, branches batched together.  Results for a
 * request do not depend on the other requests, on their order, or on the number of threads: they
 * are equal bit for bit, and across instruction sets too.
 *
 * All three calls check every request before they evaluate anything: ASSAY_EUSAGE (empty, a token
 * outside the vocabulary, an option out of range), ASSAY_ELIMIT (longer than the context, with the
 * lengths), ASSAY_ENOMEM.  ASSAY_ECANCELED: a callback returned non-zero.  After an error the model
 * can be used as before; requests whose on_done came are complete. */
#ifndef FORWARD_H
#define FORWARD_H
#include "backends/backend.h"

struct model;
struct forward;

int forward_new(struct model *, struct forward **, struct assay_err *);
void forward_free(struct forward *);
/* Positions evaluated: prefix + continuation - 1, at most n_ctx. */
int forward_score(struct forward *, struct assay_score_req *const *reqs, size_t n,
                  assay_done_fn *on_done, void *user, struct assay_err *);
/* n_out counts tokens of the text, not the one that ended it; pieces account for all of them.  A
 * request ends with ASSAY_FINISH_LENGTH at max_tokens or when the context is full; max_tokens 0
 * evaluates the prompt.  n_cached: leading prompt tokens shared with other requests of this call.
 * prefill_ns: from admission to the first token's logits; decode_ns: from there to the last's. */
int forward_generate(struct forward *, struct assay_generate_req *const *reqs, size_t n,
                     assay_done_fn *on_done, void *user, struct assay_err *);
/* Tensors: probe.c. */
int forward_probe(struct forward *, const struct assay_probe_req *, struct assay_err *);
void forward_usage(const struct forward *, struct assay_usage *);
void forward_memory(const struct forward *, struct assay_memory *);
#endif
