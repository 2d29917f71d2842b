/* stream.c - holds text back until it is certain, and no longer. */
#include "backends/native/stream.h"
#include "harness/base/text.h"
#include <string.h>

void stream_init(struct stream *s, const struct assay_generate_req *req, size_t index)
{
    *s = (struct stream){.req = req, .index = index};
    buf_init(&s->pending, 0);
    buf_init(&s->clean, 0);
}

void stream_release(struct stream *s)
{
    buf_release(&s->pending);
    buf_release(&s->clean);
}

/* Bytes of the ill-formed sequence at s that one U+FFFD stands for: the longest beginning of a
 * well-formed one, at least a byte (Unicode 15, 3.9, table 3-7 and "maximal subpart"). */
static size_t bad_bytes(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    const size_t want = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;
    unsigned char lo = 0x80, hi = 0xbf;
    if (u[0] < 0xc2 || u[0] > 0xf4)
        return 1;
    if (u[0] == 0xe0)
        lo = 0xa0;
    else if (u[0] == 0xed)
        hi = 0x9f;
    else if (u[0] == 0xf0)
        lo = 0x90;
    else if (u[0] == 0xf4)
        hi = 0x8f;
    size_t k = 1;
    while (k < want && k < n && u[k] >= lo && u[k] <= hi) {
        lo = 0x80, hi = 0xbf;
        k++;
    }
    return k;
}

static void append_clean(struct buf *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        const int len = text_decode(s + i, n - i, &cp);
        if (len)
            buf_add(out, s + i, (size_t)len);
        else
            buf_adds(out, "\xef\xbf\xbd");
        i += len ? (size_t)len : bad_bytes(s + i, n - i);
    }
}

/* Hands out the first n pending bytes; `last`: even if only tokens without text are left. */
static int hand_out(struct stream *s, size_t n, bool last)
{
    if (n == 0 && !(last && s->n_tokens))
        return 0;
    buf_clear(&s->clean);
    append_clean(&s->clean, s->pending.v, n);
    const struct assay_piece piece = {
        .text = s->clean.v, .len = s->clean.n, .n_tokens = s->n_tokens};
    s->n_tokens = 0;
    memmove(s->pending.v, s->pending.v + n, s->pending.n - n + 1);
    s->pending.n -= n;
    if (s->req->on_piece && s->req->on_piece(s->req->user, s->index, &piece))
        return ASSAY_ECANCELED;
    return 0;
}

/* Start of the earliest stop string in the pending text, or its length. */
static size_t find_stop(const struct stream *s)
{
    size_t at = s->pending.n;
    for (size_t i = 0; i < s->req->n_stop; i++) {
        const char *stop = s->req->stop[i];
        const char *p = memmem(s->pending.v, s->pending.n, stop, strlen(stop));
        if (p && (size_t)(p - s->pending.v) < at)
            at = (size_t)(p - s->pending.v);
    }
    return at;
}

/* Pending bytes before which no stop string can begin any more. */
static size_t decided(const struct stream *s)
{
    size_t hold = 0;
    for (size_t i = 0; i < s->req->n_stop; i++) {
        const char *stop = s->req->stop[i];
        size_t n = strlen(stop) - 1;
        n = n < s->pending.n ? n : s->pending.n;
        while (n > hold && memcmp(s->pending.v + s->pending.n - n, stop, n) != 0)
            n--;
        hold = n > hold ? n : hold;
    }
    return s->pending.n - hold;
}

int stream_add(struct stream *s, const char *bytes, size_t n)
{
    s->n_tokens++;
    buf_add(&s->pending, bytes, n);
    const size_t stop = find_stop(s);
    if (stop < s->pending.n) {
        s->stopped = true;
        s->pending.n = stop;
        return 0;
    }
    return hand_out(s, text_whole(s->pending.v, decided(s)), false);
}

int stream_end(struct stream *s)
{
    return hand_out(s, s->pending.n, true);
}
