/* gguf.h - reading GGUF v2 and v3: metadata by key, tensors by name, nothing of what they mean.
 *
 * Invariant: after gguf_open every key, string, array and tensor lies wholly inside the mapped
 * file, names and keys are unique, and every tensor has a type that quant.h knows; users may
 * follow offsets without further checks.  Strings are borrowed from the file and not terminated.
 * Not here: writing, split files, big-endian files (refused), the meaning of a key (model.c,
 * vocab.c).
 * Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
#ifndef GGUF_H
#define GGUF_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/fs.h"

struct assay_err;

enum gguf_type {
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32, GGUF_BOOL, GGUF_STR,
    GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64, GGUF_N_TYPES
};
struct gguf_str {
    const char *v;
    size_t n;
};
struct gguf_kv {
    struct gguf_str key;
    uint32_t type;               /* enum gguf_type */
    uint32_t elem;               /* ARRAY: type of the items; else == type */
    uint64_t n;                  /* ARRAY: items; else 1 */
    const unsigned char *v;      /* first item, little-endian, any alignment */
    size_t offset;               /* of the value in the file, for messages */
};
struct gguf_tensor {
    const char *name;            /* terminated */
    uint32_t type;               /* enum quant_type */
    uint32_t n_dims;
    uint64_t dims[4];            /* dims[0] is the contiguous axis (in); unused ones are 1 */
    uint64_t n_params;
    size_t offset;               /* of the entry in the directory, for messages */
    const unsigned char *v;
    size_t bytes;
};
struct gguf {
    struct arena arena;
    struct fs_map map;
    bool mapped;                 /* false: the bytes are the caller's */
    const char *path;
    uint32_t version;
    struct gguf_kv *kv;          /* sorted by key */
    struct gguf_tensor *tensors; /* in file order */
    const struct gguf_tensor **by_name;
    uint32_t n_kv, n_tensors;
};

/* Errors: ASSAY_EIO, ASSAY_EFORMAT, ASSAY_EUNSUPPORTED (split, big-endian, version, tensor type),
 * ASSAY_ELIMIT; text "path: offset N: ...". */
int gguf_open(const char *path, struct gguf **, struct assay_err *);
/* The same from memory, 16-byte aligned, which must outlive the result; `path` names it in
 * messages. */
int gguf_parse(const void *bytes, size_t n, const char *path, struct gguf **, struct assay_err *);
void gguf_close(struct gguf *);

const struct gguf_kv *gguf_find(const struct gguf *, const char *key);          /* NULL: absent */
const struct gguf_tensor *gguf_tensor(const struct gguf *, const char *name);   /* NULL: absent */

/* 1 and *out when the key is there, 0 when it is absent (*out is kept), ASSAY_EFORMAT for a value
 * of another kind.  Integers may be stored in any width; a negative one is an error. */
int gguf_uint(const struct gguf *, const char *key, uint64_t *out, struct assay_err *);
int gguf_float(const struct gguf *, const char *key, double *out, struct assay_err *);
int gguf_bool(const struct gguf *, const char *key, bool *out, struct assay_err *);
int gguf_string(const struct gguf *, const char *key, struct gguf_str *out, struct assay_err *);

/* Item i of an array (or of a scalar, i = 0) of an integer type / of F32 or I32.  i < kv->n. */
int64_t gguf_int_at(const struct gguf_kv *, uint64_t i);
float gguf_float_at(const struct gguf_kv *, uint64_t i);
/* All strings of an array of strings, out[kv->n]. */
void gguf_strings(const struct gguf_kv *, struct gguf_str *out);

bool gguf_is_int(uint32_t type);
bool gguf_str_is(struct gguf_str, const char *s);
/* Printable form for messages, cut; returns buf. */
enum { GGUF_SHOW = 72 };
const char *gguf_show(struct gguf_str, char buf[GGUF_SHOW]);
#endif
