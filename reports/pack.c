/* pack.c - deflate and base64, a piece at a time; see the header. */
#include "reports/pack.h"

#include <stdint.h>
#include <zlib.h>
#include "harness/base/buf.h"
#include "harness/base/err.h"

enum { PIECE = 24576, LEVEL = 9, RAW = -15, MEMORY = 8 }; /* PIECE: a multiple of 3 */

struct packer {
    struct buf *out;
    uint8_t held[3]; /* of a group of three that is not full yet */
    size_t n_held;
};

static void put_group(struct packer *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t x = (uint32_t)p->held[0] << 16 | (n > 1 ? (uint32_t)p->held[1] << 8 : 0) |
                 (n > 2 ? p->held[2] : 0u);
    const char text[4] = {digits[x >> 18], digits[x >> 12 & 63], n > 1 ? digits[x >> 6 & 63] : '=',
                          n > 2 ? digits[x & 63] : '='};
    buf_add(p->out, text, 4);
    p->n_held = 0;
}

static void put_bytes(struct packer *p, const uint8_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p->held[p->n_held++] = v[i];
        if (p->n_held == 3)
            put_group(p, 3);
    }
}

int pack_text(struct buf *out, const char *text, size_t n, struct assay_err *e)
{
    uint8_t piece[PIECE];
    struct packer p = {.out = out};
    z_stream z = {0};
    if (deflateInit2(&z, LEVEL, Z_DEFLATED, RAW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return err_set(e, ASSAY_ENOMEM, "packing %zu bytes: out of memory", n);
    int rc = Z_OK;
    while (rc != Z_STREAM_END) {
        size_t in = n < PIECE ? n : PIECE; /* avail_in is 32 bits wide */
        if (z.avail_in == 0) {
            z.next_in = (Bytef *)(uintptr_t)text;
            z.avail_in = (uInt)in;
            text += in;
            n -= in;
        }
        z.next_out = piece;
        z.avail_out = PIECE;
        rc = deflate(&z, n ? Z_NO_FLUSH : Z_FINISH);
        put_bytes(&p, piece, PIECE - z.avail_out);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            break;
    }
    if (p.n_held)
        put_group(&p, p.n_held);
    deflateEnd(&z);
    return rc == Z_STREAM_END ? 0
                              : err_set(e, ASSAY_ENOMEM, "packing: %s", z.msg ? z.msg : "failed");
}
