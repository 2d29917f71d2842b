/* lines.c - see lines.h. */
#include "datasets/lines.h"

#include <stdlib.h>
#include <string.h>

#include "datasets/stream.h"
#include "harness/base/err.h"
#include "harness/base/text.h"

enum { LINES_FIRST = 256 << 10, LINES_MOST = 256 << 20 };

/* Reads more bytes behind what is there; *eof when there are none. */
static int lines_fill(struct lines *l, struct assay_err *e)
{
    if (l->start) {
        memmove(l->v, l->v + l->start, l->end - l->start);
        l->end -= l->start;
        l->start = 0;
    }
    if (l->end == l->cap) {
        if (l->cap >= LINES_MOST)
            return err_set(e, ASSAY_ELIMIT, "%s:%u: line longer than %d MiB", l->path, l->line + 1,
                           LINES_MOST >> 20);
        size_t cap = l->cap ? 2 * l->cap : LINES_FIRST;
        char *v = realloc(l->v, cap);
        if (!v)
            return err_set(e, ASSAY_ENOMEM, "%s: out of memory for a line of %zu bytes", l->path,
                           cap);
        l->v = v;
        l->cap = cap;
    }
    size_t n;
    TRY(stream_read(l->in, l->v + l->end, l->cap - l->end, &n, e));
    l->end += n;
    l->eof = n == 0;
    return 0;
}

/* Looks at the first bytes: skips a UTF-8 mark, refuses the wide encodings by name. */
static int lines_mark(struct lines *l, struct assay_err *e)
{
    while (l->end < 4 && !l->eof)
        TRY(lines_fill(l, e));
    if (l->end >= 3 && memcmp(l->v, "\xef\xbb\xbf", 3) == 0)
        l->start = 3;
    if (l->end >= 2 && (memcmp(l->v, "\xff\xfe", 2) == 0 || memcmp(l->v, "\xfe\xff", 2) == 0))
        return err_set(e, ASSAY_EFORMAT, "%s:1:1: the file is UTF-16 or UTF-32, expected UTF-8",
                       l->path);
    return 0;
}

int lines_open(struct lines *l, const char *path, struct assay_err *e)
{
    *l = (struct lines){.path = path};
    TRY(stream_open(path, &l->in, e));
    int rc = lines_mark(l, e);
    if (rc < 0)
        lines_close(l);
    return rc;
}

int lines_next(struct lines *l, const char **s, size_t *n, struct assay_err *e)
{
    size_t seen = 0; /* bytes already searched for the end of the line */
    char *nl;
    while (!(nl = memchr(l->v + l->start + seen, '\n', l->end - l->start - seen)) && !l->eof) {
        seen = l->end - l->start;
        TRY(lines_fill(l, e));
    }
    size_t len = nl ? (size_t)(nl - (l->v + l->start)) : l->end - l->start;
    if (!nl && len == 0) {
        *s = NULL;
        *n = 0;
        return 0;
    }
    *s = l->v + l->start;
    l->start += len + (nl != NULL);
    if (len && (*s)[len - 1] == '\r')
        len--;
    *n = len;
    l->line++;
    return 0;
}

int lines_rewind(struct lines *l, struct assay_err *e)
{
    TRY(stream_rewind(l->in, e));
    l->start = l->end = 0;
    l->line = 0;
    l->eof = false;
    return lines_mark(l, e);
}

void lines_close(struct lines *l)
{
    if (!l)
        return;
    stream_close(l->in);
    free(l->v);
    *l = (struct lines){0};
}

int lines_check_utf8(const struct lines *l, const char *s, size_t n, struct assay_err *e)
{
    size_t at;
    if (text_valid(s, n, &at))
        return 0;
    return err_set(e, ASSAY_EFORMAT, "%s:%u:%zu: byte 0x%02x is not UTF-8", l->path, l->line,
                   text_points(s, at) + 1, (unsigned char)s[at]);
}
