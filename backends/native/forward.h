/* forward.h - the forward pass over many sequences at once, and what rides on it.
 *
 * forward_score evaluates every distinct prefix token of all requests once: requests form a tree of
 * token ids, walked so that the KV cache holds the path, branches batched together.  Results for a
 * request do not depend on the other requests, on their order, or on the number of threads. */
#ifndef FORWARD_H
#define FORWARD_H
#include "backends/backend.h"

struct model;
struct forward;

int forward_new(struct model *, struct forward **, struct assay_err *);
void forward_free(struct forward *);
int forward_score(struct forward *, struct assay_score_req *const *reqs, size_t n,
                  assay_done_fn *on_done, void *user, struct assay_err *);
int forward_generate(struct forward *, struct assay_generate_req *const *reqs, size_t n,
                     assay_done_fn *on_done, void *user, struct assay_err *);
int forward_probe(struct forward *, const struct assay_probe_req *, struct assay_err *);
void forward_usage(const struct forward *, struct assay_usage *);
void forward_memory(const struct forward *, struct assay_memory *);
#endif
