/* fingerprint.h - a digest of a model file's content, cheap the second time.
 *
 * The digest is SHA-256 over the SHA-256 of each 4 MiB chunk, so that all threads take part; it is
 * not the file's own SHA-256.  For files of 64 MiB and more it is remembered in
 * $XDG_CACHE_HOME/assay/models (or ~/.cache), under device, inode, size and change times: a file
 * that was touched is read again.  A cache that cannot be read or written is done without. */
#ifndef FINGERPRINT_H
#define FINGERPRINT_H
#include "harness/base/fs.h"
#include "harness/base/hash.h"

struct assay_err;
struct pool;

int fingerprint_file(const char *path, const struct fs_map *, struct pool *,
                     uint8_t out[HASH_BYTES], struct assay_err *);
#endif
