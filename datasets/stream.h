/* stream.h - the bytes of a file, plain or compressed with gzip or zstd (inside datasets only).
 *
 * What a file is shows in its first bytes, not in its name; only a name that ends in .gz or .zst and
 * bytes that are neither are refused.  Several gzip members or zstd frames in a row are one text.
 * A file that unpacks to STREAM_RATIO times its size is refused once STREAM_FREE bytes are out: a
 * bomb ends early, and honest text does not get near.  STREAM_MOST bounds any one file. */
#ifndef STREAM_H
#define STREAM_H
#include <stddef.h>
#include <stdint.h>
#include "harness/base/fs.h"

struct assay_err;
struct stream;

#define STREAM_FREE ((uint64_t)64 << 20)
#define STREAM_RATIO 250
#define STREAM_MOST ((uint64_t)256 << 30)

/* Regular files only.  path is borrowed. */
int stream_open(const char *path, struct stream **, struct assay_err *);
/* Up to n bytes; *got 0 at the end.  Errors: ASSAY_EIO; ASSAY_EFORMAT damaged or cut short;
 * ASSAY_ELIMIT a bomb. */
int stream_read(struct stream *, void *p, size_t n, size_t *got, struct assay_err *);
int stream_rewind(struct stream *, struct assay_err *);
void stream_close(struct stream *);          /* NULL is fine */
/* The whole text as a mapping: the file itself, or a temporary file without a name. */
int stream_map(const char *path, struct fs_map *, struct assay_err *);
/* The name without .gz or .zst: bytes of `path` that count. */
size_t stream_stem(const char *path);
#endif
