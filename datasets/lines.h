/* lines.h - a file, compressed or not, line by line, through one buffer that grows to the longest line, no further. */
#ifndef LINES_H
#define LINES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assay_err;
struct stream;

struct lines {
    const char *path;            /* borrowed */
    struct stream *in;
    char *v;
    size_t cap, start, end;      /* v[start..end) was read and not yet handed out */
    uint32_t line;               /* number of the line handed out last, from 1 */
    bool eof;
};

/* As stream_open.  A UTF-8 byte order mark is skipped; UTF-16 and UTF-32 are refused. */
int lines_open(struct lines *, const char *path, struct assay_err *);
/* Next line without its line ending (\n or \r\n), valid until the next call; *s NULL at the end.
 * Errors: as stream_read, ASSAY_ELIMIT beyond 256 MiB. */
int lines_next(struct lines *, const char **s, size_t *n, struct assay_err *);
int lines_rewind(struct lines *, struct assay_err *);
void lines_close(struct lines *);
/* ASSAY_EFORMAT "path:line:col: byte 0xNN is not UTF-8" unless s is valid. */
int lines_check_utf8(const struct lines *, const char *s, size_t n, struct assay_err *);
#endif
