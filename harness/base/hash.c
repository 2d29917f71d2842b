/* hash.c - SHA-256 through libcrypto's EVP.  The algorithm is fetched once: fetching costs more
 * than hashing a request does. */
#include "harness/base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"

static EVP_MD *hash_md;
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;

static _Noreturn void hash_die(void)
{
    fprintf(stderr, "assay: libcrypto cannot compute SHA-256\n");
    exit(1);
}

static void hash_fetch(void)
{
    hash_md = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!hash_md)
        hash_die();
}

void hash_init(struct hash *h)
{
    pthread_once(&hash_once, hash_fetch);
    if (!h->ctx)
        h->ctx = EVP_MD_CTX_new();
    if (!h->ctx || EVP_DigestInit_ex2(h->ctx, hash_md, NULL) != 1)
        hash_die();
}

void hash_add(struct hash *h, const void *p, size_t n)
{
    if (EVP_DigestUpdate(h->ctx, p, n) != 1)
        hash_die();
}

void hash_add_str(struct hash *h, const char *s, size_t n)
{
    uint8_t len[8];
    for (int i = 0; i < 8; i++)
        len[i] = (uint8_t)((uint64_t)n >> (8 * i));
    hash_add(h, len, sizeof len);
    hash_add(h, s, n);
}

void hash_end(struct hash *h, uint8_t out[HASH_BYTES])
{
    unsigned n = HASH_BYTES;
    if (EVP_DigestFinal_ex(h->ctx, out, &n) != 1)
        hash_die();
}

void hash_release(struct hash *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    h->ctx = NULL;
}

void hash_bytes(const void *p, size_t n, uint8_t out[HASH_BYTES])
{
    pthread_once(&hash_once, hash_fetch);
    unsigned len = HASH_BYTES;
    if (EVP_Digest(n ? p : "", n, out, &len, hash_md, NULL) != 1)
        hash_die();
}

/* Feeds the whole file to `add`. */
static int hash_feed(const char *path, int (*add)(void *ctx, const void *p, size_t n), void *ctx,
                     struct assay_err *e)
{
    enum { CHUNK = 1 << 20 };
    int rc = 0;
    char *chunk = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, ASSAY_EIO, "cannot open '%s'", path);
    chunk = malloc(CHUNK);
    if (!chunk) {
        rc = err_set(e, ASSAY_ENOMEM, "out of memory hashing '%s'", path);
        goto out;
    }
    for (;;) {
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = err_errno(e, ASSAY_EIO, "cannot read '%s'", path);
            goto out;
        }
        if (n == 0)
            break;
        if (add(ctx, chunk, (size_t)n) != 1)
            hash_die();
    }
out:
    free(chunk);
    close(fd);
    return rc;
}

static int hash_update(void *ctx, const void *p, size_t n)
{
    return EVP_DigestUpdate(ctx, p, n);
}

int hash_file(const char *path, uint8_t out[HASH_BYTES], struct assay_err *e)
{
    struct hash h = {0};
    hash_init(&h);
    int rc = hash_feed(path, hash_update, h.ctx, e);
    if (rc == 0)
        hash_end(&h, out);
    hash_release(&h);
    return rc;
}

int hash_file_git(const char *path, char hex[41], struct assay_err *e)
{
    struct stat st;
    unsigned char h[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    char head[48];
    if (stat(path, &st) < 0)
        return err_errno(e, ASSAY_EIO, "cannot stat '%s'", path);
    int len = snprintf(head, sizeof head, "blob %lld", (long long)st.st_size) + 1;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) != 1 ||
        EVP_DigestUpdate(ctx, head, (size_t)len) != 1)
        hash_die();
    int rc = hash_feed(path, hash_update, ctx, e);
    if (rc == 0 && EVP_DigestFinal_ex(ctx, h, &n) != 1)
        hash_die();
    EVP_MD_CTX_free(ctx);
    for (unsigned i = 0; rc == 0 && i < 20; i++)
        snprintf(hex + 2 * i, 3, "%02x", h[i]);
    return rc;
}

void hash_value(const struct value *v, uint8_t out[HASH_BYTES])
{
    struct buf b;
    buf_init(&b, SIZE_MAX);
    json_write(&b, v, JSON_COMPACT | JSON_SORTED);
    hash_bytes(b.v, b.n, out);
    buf_release(&b);
}

char *hash_hex(const uint8_t h[HASH_BYTES], char out[HASH_HEX])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < HASH_BYTES; i++) {
        out[2 * i] = digits[h[i] >> 4];
        out[2 * i + 1] = digits[h[i] & 15];
    }
    out[2 * HASH_BYTES] = 0;
    return out;
}
