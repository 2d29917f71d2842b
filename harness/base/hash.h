/* hash.h - SHA-256 (libcrypto).  One digest algorithm for files, requests and fingerprints. */
#ifndef HASH_H
#define HASH_H
#include <stddef.h>
#include <stdint.h>

struct assay_err;
struct value;

enum { HASH_BYTES = 32, HASH_HEX = 65 };
struct hash {
    void *ctx;                  /* EVP_MD_CTX, reused */
};
void hash_init(struct hash *);  /* begins a digest: on a zeroed struct, or again after hash_end */
void hash_add(struct hash *, const void *p, size_t n);
/* Adds the length first, so that ("ab","c") and ("a","bc") differ. */
void hash_add_str(struct hash *, const char *s, size_t n);
void hash_end(struct hash *, uint8_t out[HASH_BYTES]);
void hash_release(struct hash *);

void hash_bytes(const void *p, size_t n, uint8_t out[HASH_BYTES]);
int hash_file(const char *path, uint8_t out[HASH_BYTES], struct assay_err *);
/* The SHA-1 that git gives the file as a blob, in hexadecimal: what servers of git repositories
 * name small files by.  A check against damage, not an identity. */
int hash_file_git(const char *path, char hex[41], struct assay_err *);
void hash_value(const struct value *, uint8_t out[HASH_BYTES]);     /* of the sorted compact JSON */
char *hash_hex(const uint8_t h[HASH_BYTES], char out[HASH_HEX]);    /* returns out */
#endif
