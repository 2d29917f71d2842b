/* net_file.h - networks as GGUF files of architecture "llama", which the engine and llama.cpp
 * open. */
#ifndef NET_FILE_H
#define NET_FILE_H
#include "backends/native/train/grid.h"
#include "backends/native/train/net.h"

struct net_save {
    const char *path, *tokenizer;  /* tokenizer: the GGUF whose tokenizer.* keys are copied */
    const char *type;              /* "f32", "f16", "grid": blocks where the grid fits some, the rest f16 */
    const char *name;              /* general.name */
    const struct grid_mode *mode;  /* what the values lie on; NULL: nothing */
};
/* values: [n_params], net_new's layout.  Errors: ASSAY_EUSAGE a tokenizer of another size, a value
 * that the type cannot hold, values off the grid; those of gguf_open, vocab_open and
 * gguf_out_write. */
int net_save(const struct net *, const float *values, const struct net_save *, struct assay_err *);
/* ASSAY_EUNSUPPORTED: a network that cannot be trained here (other eps or base, an own head, rope
 * factors, a head that rotates in part); ASSAY_EFORMAT: a tensor missing or of another shape. */
int net_load(const char *path, struct net *, struct assay_err *);
/* Tokens of a GGUF's tokenizer, which must be one the engine reads. */
int net_vocab(const char *path, uint32_t *n, struct assay_err *);
#endif
