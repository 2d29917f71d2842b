/* gguf_write.h - writing GGUF v3: keys in the order given, tensors padded to 32 bytes and in order,
 * as every reader accepts them.  The whole file is built in memory and written atomically.
 *
 *   struct gguf_out *g = gguf_out_new();
 *   gguf_out_str(g, "general.architecture", "llama");
 *   gguf_out_tensor(g, "output_norm.weight", QT_F32, (uint64_t[]){256}, 1, values);
 *   rc = gguf_out_write(g, path, e);
 *   gguf_out_free(g);
 *
 * Misuse (a key or tensor twice, an impossible size) is kept and told by gguf_out_write. */
#ifndef GGUF_WRITE_H
#define GGUF_WRITE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "backends/native/gguf.h"

struct assay_err;
struct gguf_out;

struct gguf_out *gguf_out_new(void);                  /* ends the program when out of memory */
void gguf_out_free(struct gguf_out *);
void gguf_out_u32(struct gguf_out *, const char *key, uint32_t);
void gguf_out_f32(struct gguf_out *, const char *key, float);
void gguf_out_bool(struct gguf_out *, const char *key, bool);
void gguf_out_str(struct gguf_out *, const char *key, const char *);
/* Arrays of strings (any bytes), i32 and f32. */
void gguf_out_strs(struct gguf_out *, const char *key, const struct gguf_str *, size_t n);
void gguf_out_i32s(struct gguf_out *, const char *key, const int32_t *, size_t n);
void gguf_out_f32s(struct gguf_out *, const char *key, const float *, size_t n);
/* The key and value of an open file, bytes as they are. */
void gguf_out_copy(struct gguf_out *, const struct gguf_kv *);
/* `data`: rows of `type` (quant.h), dims[0] contiguous; copied. */
void gguf_out_tensor(struct gguf_out *, const char *name, uint32_t type, const uint64_t *dims,
                     uint32_t n_dims, const void *data);
/* ASSAY_EUSAGE: misuse, with the name; ASSAY_EIO. */
int gguf_out_write(struct gguf_out *, const char *path, struct assay_err *);
#endif
