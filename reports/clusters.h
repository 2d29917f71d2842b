/* clusters.h - items that share a text (questions about one passage) are no independent evidence.
 *
 * What a quantization breaks in one question about a passage it tends to break in the next, so errors
 * that count items are too small.  The store says which items share a text. */
#ifndef CLUSTERS_H
#define CLUSTERS_H
#include "reports/cell.h"

/* Ids for the pairs, whose items are idx [p->n] ascending; puts the pairs in order of cluster.  Nothing
 * happens where clusters would say nothing or could not be told from a frame around all items: none
 * has two items, there are fewer than 10, or one holds more than a fifth of the items. */
void clusters_set(const struct view_clusters *, const int32_t *idx, struct arena *,
                  struct cell_pairs *p);
/* Which tasks have them and what it does to their errors, in a sentence without a full stop; NULL: none. */
const char *clusters_note(const struct compare *, struct arena *);
#endif
