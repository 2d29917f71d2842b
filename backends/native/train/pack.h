/* pack.h - a network's weights as one step uses them: on the grid where one is trained for, and
 * laid into panels for both directions. */
#ifndef PACK_H
#define PACK_H
#include "backends/native/train/grid.h"
#include "backends/native/train/net.h"
#include <stdbool.h>

struct pool;

struct pack {
    const struct net *net;
    const struct grid_mode *mode;  /* NULL: fp32 */
    const float *values;           /* [n_params]: the network's own, or their grid */
    float *grid;                   /* owned; NULL: fp32 */
    float *panels;                 /* owned */
    size_t *rows, *cols;           /* [n_tensors]: where panels start; cols NULL: forward only */
};

/* Errors: ASSAY_ENOMEM; those of grid_check. */
int pack_new(const struct net *, const struct grid_mode *, bool back, struct pack *,
             struct assay_err *);
void pack_release(struct pack *);
/* After the parameters changed. */
void pack_update(struct pack *, struct pool *);
#endif
