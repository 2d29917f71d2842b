/* prepare.c - rows made by Python, as bytes in an unnamed file. */
#include "harness/run/prepare.h"
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/run/taskcode_wire.h"

#define MAX_BYTES ((size_t)4 << 30)
enum { FLUSH_BYTES = 1 << 20 };

struct prepared {
    struct prepared *next;
    const struct task *task;
    bool is_shot;
    const char *v; /* mapped: length (8 bytes), value; again and again */
    size_t n, n_rows;
    char uid[HASH_HEX];
};
struct prepare {
    struct prepared *first;
};
struct making {
    struct task_code_io from; /* the caller's rows */
    int fd;
    struct buf pending, row;
    struct hash hash;
    size_t n, n_rows;
};

struct prepare *prepare_new(void)
{
    struct prepare *p = calloc(1, sizeof *p);
    if (!p)
        err_no_memory(sizeof *p);
    return p;
}

void prepare_free(struct prepare *p)
{
    while (p && p->first) {
        struct prepared *x = p->first;
        p->first = x->next;
        if (x->n)
            munmap((void *)(uintptr_t)x->v, x->n);
        free(x);
    }
    free(p);
}

/* -- making ------------------------------------------------------------------------------------ */

static int flush(struct making *m, struct assay_err *e)
{
    for (size_t at = 0; at < m->pending.n;) {
        ssize_t k = write(m->fd, m->pending.v + at, m->pending.n - at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return err_errno(e, ASSAY_EIO, "cannot keep the rows that task code made");
        at += (size_t)k;
    }
    buf_clear(&m->pending);
    return 0;
}

static int next(void *user, struct arena *a, const struct value **row, struct assay_err *e)
{
    struct making *m = user;
    return m->from.next(m->from.user, a, row, e);
}

static int put(void *user, const struct value *made, struct assay_err *e)
{
    struct making *m = user;
    char head[8];
    if (made->items[0]->type != VALUE_DICT)
        return err_set(e, ASSAY_EFORMAT, "task code made a row that is %s, expected a dict",
                       value_type_name(made->items[0]));
    buf_clear(&m->row);
    wire_write(&m->row, made);
    uint64_t n = m->row.n;
    memcpy(head, &n, sizeof head);
    m->n += sizeof head + m->row.n;
    if (m->row.failed || m->n > MAX_BYTES)
        return err_set(e, ASSAY_ELIMIT, "task code made rows of more than 4 GiB");
    hash_add(&m->hash, m->row.v, m->row.n);
    buf_add(&m->pending, head, sizeof head);
    buf_add(&m->pending, m->row.v, m->row.n);
    m->n_rows++;
    return m->pending.n > FLUSH_BYTES ? flush(m, e) : 0;
}

static int keep(struct making *m, struct prepared *x, struct assay_err *e)
{
    uint8_t digest[HASH_BYTES];
    TRY(flush(m, e));
    hash_end(&m->hash, digest);
    hash_hex(digest, x->uid);
    x->n = m->n;
    x->n_rows = m->n_rows;
    if (!m->n)
        return 0;
    void *v = mmap(NULL, m->n, PROT_READ, MAP_SHARED, m->fd, 0);
    if (v == MAP_FAILED) {
        x->n = 0;
        return err_errno(e, ASSAY_EIO, "cannot map the rows that task code made");
    }
    x->v = v;
    return 0;
}

static int make(struct prepared *x, const struct task_code_io *io, struct assay_err *e)
{
    struct making m = {.from = *io, .fd = memfd_create("assay-rows", MFD_CLOEXEC)};
    if (m.fd < 0)
        return err_errno(e, ASSAY_EIO, "cannot make a file in memory");
    buf_init(&m.pending, 0);
    buf_init(&m.row, 0);
    hash_init(&m.hash);
    struct task_code_io own = {.next = next, .put = put, .user = &m, .until = io->until};
    int rc = task_code_rows(x->task, x->is_shot, &own, e);
    if (rc >= 0)
        rc = keep(&m, x, e);
    hash_release(&m.hash);
    buf_release(&m.pending);
    buf_release(&m.row);
    close(m.fd);
    return rc;
}

int prepare_split(struct prepare *p, const struct prepare_ask *ask, const struct prepared **out,
                  struct assay_err *e)
{
    for (struct prepared *x = p->first; x; x = x->next)
        if (x->task == ask->task && x->is_shot == ask->is_shot) {
            *out = x;
            return 0;
        }
    struct prepared *x = calloc(1, sizeof *x);
    if (!x)
        return err_set(e, ASSAY_ENOMEM, "out of memory");
    x->task = ask->task;
    x->is_shot = ask->is_shot;
    int rc = make(x, &ask->io, e);
    if (rc < 0) {
        free(x);
        return rc;
    }
    x->next = p->first;
    p->first = x;
    *out = x;
    return 0;
}

/* -- reading ----------------------------------------------------------------------------------- */

size_t prepared_rows(const struct prepared *x)
{
    return x->n_rows;
}

const char *prepared_uid(const struct prepared *x)
{
    return x->uid;
}

int prepared_next(const struct prepared *x, size_t *at, struct arena *a, const struct value **doc,
                  const struct value **fields, struct assay_err *e)
{
    uint64_t n;
    *doc = *fields = NULL;
    if (*at == x->n)
        return 0;
    memcpy(&n, x->v + *at, sizeof n);
    const struct value *pair;
    TRY(wire_read(x->v + *at + sizeof n, (size_t)n, a, &pair, e));
    *at += sizeof n + (size_t)n;
    *doc = pair->items[0];
    *fields = pair->items[1];
    return 0;
}
