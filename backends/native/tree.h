/* tree.h - the prefix tree of score requests, without building it.
 *
 * A request evaluates the path prefix + continuation minus its last token.  Sorted by path, each
 * request adds exactly the nodes beyond what it shares with the one before, and that order is a
 * preorder walk: a node's ancestors are the path as it stands.  The requests through a node lie
 * side by side.  Memory: two words per request, whatever the size of the tree. */
#ifndef TREE_H
#define TREE_H
#include "backends/backend.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tree {
    struct assay_score_req *const *reqs;     /* borrowed */
    size_t n;
    uint32_t *order;              /* [n] requests sorted by path */
    uint32_t *shared;             /* [n] leading tokens path i has in common with path i - 1 */
    uint32_t max_len;             /* longest path */
    uint32_t first_scored;        /* smallest position any request scores */
    uint64_t n_tokens, n_nodes;   /* sum of path lengths; distinct prefixes among them */
};
struct tree_node {
    uint32_t i, pos;              /* node `pos` of sorted path i, first of those that share it */
};

/* Errors: ASSAY_ENOMEM, ASSAY_ELIMIT too many requests.  Requests were checked: prefix and
 * continuation hold a token each, lengths fit 31 bits. */
int tree_init(struct tree *, struct assay_score_req *const *reqs, size_t n, struct assay_err *);
void tree_release(struct tree *);
uint32_t tree_len(const struct tree *, size_t i);
int32_t tree_token(const struct tree *, size_t i, uint32_t pos);
/* The next node in preorder into *node; *next is the place to go on from, {0, 0} at first. */
bool tree_next(const struct tree *, struct tree_node *next, struct tree_node *node);
/* Whether any request takes a log probability after this node. */
bool tree_scored(const struct tree *, struct tree_node);
#endif
