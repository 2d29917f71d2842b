/* stream.c - see stream.h. */
#include "datasets/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "harness/base/err.h"

enum { STREAM_IN = 128 << 10, WINDOW_LOG_MOST = 27 };
enum kind { KIND_PLAIN, KIND_GZIP, KIND_ZSTD };
struct stream {
    const char *path;
    int fd;
    enum kind kind;
    uint64_t size, out; /* bytes of the file; bytes handed out since the start */
    z_stream gz;
    ZSTD_DCtx *zstd;
    bool gz_ready;
    bool in_member; /* a gzip member or zstd frame was begun and has not ended */
    bool eof;       /* of the file */
    unsigned char *in;
    size_t start, end; /* in[start..end) was read and not yet unpacked */
};

size_t stream_stem(const char *path)
{
    size_t n = strlen(path);
    if (n > 3 && strcmp(path + n - 3, ".gz") == 0)
        return n - 3;
    if (n > 4 && strcmp(path + n - 4, ".zst") == 0)
        return n - 4;
    return n;
}

static int stream_file(struct stream *s, void *p, size_t n, size_t *got, struct assay_err *e)
{
    ssize_t r;
    do
        r = read(s->fd, p, n);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return err_errno(e, ASSAY_EIO, "cannot read '%s'", s->path);
    *got = (size_t)r;
    s->eof = r == 0;
    return 0;
}

static int stream_fill(struct stream *s, struct assay_err *e)
{
    size_t got = 0;
    if (s->start < s->end || s->eof)
        return 0;
    TRY(stream_file(s, s->in, STREAM_IN, &got, e));
    s->start = 0;
    s->end = got;
    return 0;
}

static enum kind stream_kind(const unsigned char *v, size_t n)
{
    if (n >= 2 && v[0] == 0x1f && v[1] == 0x8b)
        return KIND_GZIP;
    /* A zstd frame, or a skippable frame before one. */
    if (n >= 4 && v[1] == 0xb5 && v[0] == 0x28 && v[2] == 0x2f && v[3] == 0xfd)
        return KIND_ZSTD;
    if (n >= 4 && (v[0] & 0xf0) == 0x50 && v[1] == 0x2a && v[2] == 0x4d && v[3] == 0x18)
        return KIND_ZSTD;
    return KIND_PLAIN;
}

static int stream_begin(struct stream *s, struct assay_err *e)
{
    unsigned char head[4];
    ssize_t n = pread(s->fd, head, sizeof head, 0);
    if (n < 0)
        return err_errno(e, ASSAY_EIO, "cannot read '%s'", s->path);
    s->kind = stream_kind(head, (size_t)n);
    if (s->kind == KIND_PLAIN) {
        const char *ext = s->path + stream_stem(s->path);
        return *ext ? err_set(e, ASSAY_EFORMAT, "'%s' is not compressed as its name says: expected %s",
                              s->path, strcmp(ext, ".gz") == 0 ? "gzip" : "zstd")
                    : 0;
    }
    s->in = malloc(STREAM_IN);
    if (s->kind == KIND_ZSTD)
        s->zstd = ZSTD_createDCtx();
    else
        s->gz_ready = inflateInit2(&s->gz, 16 + MAX_WBITS) == Z_OK;
    if (!s->in || (s->kind == KIND_ZSTD ? !s->zstd : !s->gz_ready))
        return err_set(e, ASSAY_ENOMEM, "out of memory unpacking '%s'", s->path);
    if (s->zstd)
        ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MOST);
    return 0;
}

int stream_open(const char *path, struct stream **out, struct assay_err *e)
{
    struct stat st;
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ASSAY_ENOMEM, "out of memory opening '%s'", path);
    s->path = path;
    /* O_NONBLOCK: a fifo must be refused, not waited for. */
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc = 0;
    if (s->fd < 0)
        rc = err_errno(e, ASSAY_EIO, "cannot open '%s'", path);
    else if (fstat(s->fd, &st) < 0 || !S_ISREG(st.st_mode))
        rc = err_set(e, ASSAY_EIO, "'%s' is no regular file", path);
    else
        rc = stream_begin(s, e);
    if (rc < 0) {
        stream_close(s);
        return rc;
    }
    s->size = (uint64_t)st.st_size;
    *out = s;
    return 0;
}

static int stream_damaged(const struct stream *s, const char *why, struct assay_err *e)
{
    return err_set(e, ASSAY_EFORMAT, "'%s' is damaged %s data: %s", s->path,
                   s->kind == KIND_GZIP ? "gzip" : "zstd", why);
}

/* Behind a member: another one, zeros that fill a block, or the end. */
static int stream_between(struct stream *s, bool *more, struct assay_err *e)
{
    *more = false;
    if (s->kind == KIND_GZIP)
        while (s->start < s->end && s->in[s->start] == 0) {
            s->start++;
            TRY(stream_fill(s, e));
        }
    *more = s->start < s->end;
    return 0;
}

static int gzip_step(struct stream *s, void *p, size_t n, size_t *got, struct assay_err *e)
{
    if (!s->in_member && inflateReset(&s->gz) != Z_OK)
        return stream_damaged(s, "cannot begin", e);
    s->in_member = true;
    s->gz.next_in = s->in + s->start;
    s->gz.avail_in = (uInt)(s->end - s->start);
    s->gz.next_out = p;
    s->gz.avail_out = n > 1 << 30 ? 1 << 30 : (uInt)n;
    uInt room = s->gz.avail_out;
    int rc = inflate(&s->gz, Z_NO_FLUSH);
    s->start = s->end - s->gz.avail_in;
    *got = room - s->gz.avail_out;
    if (rc == Z_STREAM_END)
        s->in_member = false;
    else if (rc != Z_OK && rc != Z_BUF_ERROR)
        return stream_damaged(s, s->gz.msg ? s->gz.msg : "unknown reason", e);
    return 0;
}

static int zstd_step(struct stream *s, void *p, size_t n, size_t *got, struct assay_err *e)
{
    ZSTD_inBuffer in = {s->in, s->end, s->start};
    ZSTD_outBuffer out = {p, n, 0};
    s->in_member = true;
    size_t rc = ZSTD_decompressStream(s->zstd, &out, &in);
    s->start = in.pos;
    *got = out.pos;
    if (ZSTD_isError(rc))
        return stream_damaged(s, ZSTD_getErrorName(rc), e);
    s->in_member = rc != 0;
    return 0;
}

static int stream_unpack(struct stream *s, void *p, size_t n, size_t *got, struct assay_err *e)
{
    for (*got = 0; *got == 0;) {
        bool more = true;
        TRY(stream_fill(s, e));
        if (!s->in_member)
            TRY(stream_between(s, &more, e));
        if (!more)
            return 0;
        TRY(s->kind == KIND_GZIP ? gzip_step(s, p, n, got, e) : zstd_step(s, p, n, got, e));
        if (*got == 0 && s->in_member && s->start == s->end && s->eof)
            return stream_damaged(s, "it ends in the middle", e);
    }
    return 0;
}

int stream_read(struct stream *s, void *p, size_t n, size_t *got, struct assay_err *e)
{
    *got = 0;
    if (n == 0)
        return 0;
    if (s->kind == KIND_PLAIN)
        return stream_file(s, p, n, got, e);
    TRY(stream_unpack(s, p, n, got, e));
    s->out += *got;
    if (s->out > STREAM_MOST || (s->out > STREAM_FREE && s->out / STREAM_RATIO > s->size))
        return err_set(e, ASSAY_ELIMIT,
                       "'%s' unpacks to more than %llu MiB from %llu KiB: refused as a "
                       "decompression bomb",
                       s->path, (unsigned long long)((s->out - *got) >> 20),
                       (unsigned long long)(s->size >> 10));
    return 0;
}

int stream_rewind(struct stream *s, struct assay_err *e)
{
    if (lseek(s->fd, 0, SEEK_SET) < 0)
        return err_errno(e, ASSAY_EIO, "cannot rewind '%s'", s->path);
    if (s->zstd)
        ZSTD_DCtx_reset(s->zstd, ZSTD_reset_session_only);
    s->start = s->end = 0;
    s->out = 0;
    s->in_member = s->eof = false;
    return 0;
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    if (s->gz_ready)
        inflateEnd(&s->gz);
    ZSTD_freeDCtx(s->zstd);
    if (s->fd >= 0)
        close(s->fd);
    free(s->in);
    free(s);
}

/* -- whole ------------------------------------------------------------------------------------- */

static int spill_all(struct stream *s, int fd, size_t *total, struct assay_err *e)
{
    char chunk[64 << 10];
    size_t got;
    *total = 0;
    for (;;) {
        TRY(stream_read(s, chunk, sizeof chunk, &got, e));
        if (got == 0)
            return 0;
        for (size_t at = 0; at < got;) {
            ssize_t w = write(fd, chunk + at, got - at);
            if (w < 0 && errno != EINTR)
                return err_errno(e, ASSAY_EIO, "cannot write what '%s' unpacks to", s->path);
            at += w > 0 ? (size_t)w : 0;
        }
        *total += got;
    }
}

int stream_map(const char *path, struct fs_map *m, struct assay_err *e)
{
    struct stream *s;
    *m = (struct fs_map){0};
    TRY(stream_open(path, &s, e));
    if (s->kind == KIND_PLAIN) {
        stream_close(s);
        return fs_map(path, m, e);
    }
    const char *tmp = getenv("TMPDIR");
    char name[4096];
    int rc = 0, fd = -1;
    size_t total = 0;
    if ((size_t)snprintf(name, sizeof name, "%s/assay-rows-XXXXXX", tmp && *tmp ? tmp : "/tmp") <
        sizeof name)
        fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0)
        rc = err_errno(e, ASSAY_EIO, "cannot make a temporary file to unpack '%s' into", path);
    else
        unlink(name);
    if (rc == 0)
        rc = spill_all(s, fd, &total, e);
    if (rc == 0 && total) {
        void *p = mmap(NULL, total, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            rc = err_errno(e, ASSAY_EIO, "cannot map what '%s' unpacks to", path);
        else
            *m = (struct fs_map){p, total};
    }
    if (rc == 0 && !total)
        m->v = (const unsigned char *)"";
    if (fd >= 0)
        close(fd);
    stream_close(s);
    return rc;
}
