/* fetch.c - see fetch.h. */
#include "harness/cli/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/text.h"
#include "harness/cli/command.h"
#include "harness/cli/version.h"
#include "harness/run/need.h"
#include "harness/run/suite.h"

enum { REDRAW_NS = 100000000 };
struct fetch {
    struct hub hub;
    struct fetch_count count;
    struct buf line;
    bool is_terminal, has_status, quiet;
    int64_t drawn_ns, began_ns;
    int64_t began_at; /* done when the split was begun: what a resumed fetch had */
};

static void add_safe(struct buf *b, const char *s)
{
    text_safe(b, s, strlen(s));
}

static void add_name(struct buf *b, const struct hub_event *x)
{
    add_safe(b, x->dataset ? x->dataset : "");
    if (x->config && strcmp(x->config, "default") != 0) {
        buf_addc(b, ':');
        add_safe(b, x->config);
    }
    if (x->split) {
        buf_addc(b, ' ');
        add_safe(b, x->split);
    }
}

static void add_amount(struct buf *b, int64_t n, bool is_rows)
{
    if (is_rows)
        buf_printf(b, "%" PRId64 " rows", n);
    else if (n < 10 << 10)
        buf_printf(b, "%" PRId64 " B", n);
    else if (n < 10 << 20)
        buf_printf(b, "%" PRId64 " KiB", n >> 10);
    else
        buf_printf(b, "%" PRId64 " MiB", n >> 20);
}

static void drop_status(struct fetch *f)
{
    if (f->has_status)
        fputs("\r\033[K", stderr);
    f->has_status = false;
}

static void put_line(struct fetch *f)
{
    drop_status(f);
    fprintf(stderr, "%s\n", f->line.v);
}

/* name  [#####.....]  42 %  12 of 30 MiB */
static void draw(struct fetch *f, const struct hub_event *x)
{
    enum { BAR = 20 };
    struct buf *b = &f->line;
    if (!f->is_terminal || f->quiet || clock_ns() - f->drawn_ns < REDRAW_NS)
        return;
    f->drawn_ns = clock_ns();
    add_name(b, x);
    buf_adds(b, "  ");
    double seconds = (double)(clock_ns() - f->began_ns) / 1e9;
    if (x->total > 0) {
        double share = (double)x->done / (double)x->total;
        share = share > 1 ? 1 : share;
        buf_addc(b, '[');
        for (int i = 0; i < BAR; i++)
            buf_addc(b, i < (int)(share * BAR) ? '#' : '.');
        buf_printf(b, "] %3.0f %%  ", 100 * share);
    }
    add_amount(b, x->done, x->is_rows);
    if (seconds > 0.5 && x->done > f->began_at) {
        buf_adds(b, ", ");
        add_amount(b, (int64_t)((double)(x->done - f->began_at) / seconds), x->is_rows);
        buf_adds(b, "/s");
    }
    size_t n = b->n;
    while (n && text_width(b->v, n) >= say_columns(STDERR_FILENO))
        n = text_whole(b->v, n - 1);
    fprintf(stderr, "\r%.*s\033[K", (int)n, b->v);
    f->has_status = true;
    fflush(stderr);
}

static void say_done(struct fetch *f, const struct hub_event *x)
{
    struct buf *b = &f->line;
    if (f->quiet)
        return;
    add_name(b, x);
    buf_adds(b, ": ");
    add_amount(b, x->total, true);
    buf_adds(b, x->is_new ? ", fetched" : ", already here");
    put_line(f);
}

static void on_event(void *user, const struct hub_event *x)
{
    struct fetch *f = user;
    struct buf *b = &f->line;
    buf_clear(b);
    switch (x->kind) {
    case HUB_FETCH:
        f->began_ns = clock_ns();
        f->began_at = -1;
        break;
    case HUB_PROGRESS:
        if (f->began_at < 0)
            f->began_at = x->done;
        draw(f, x);
        break;
    case HUB_HERE:
        say_done(f, x);
        break;
    case HUB_WOULD:
        add_name(b, x);
        buf_adds(b, ": would fetch ");
        if (x->total < 0)
            buf_adds(b, "an unknown amount");
        else
            add_amount(b, x->total, x->is_rows);
        put_line(f);
        break;
    case HUB_WAIT:
        add_safe(b, x->text);
        buf_printf(b, "; trying again in %.1f s", (double)x->done / 1000);
        if (!f->quiet)
            put_line(f);
        break;
    case HUB_MOVED:
        add_name(b, x);
        buf_adds(b, ": ");
        add_safe(b, x->text);
        put_line(f);
        break;
    }
}

int fetch_begin(const struct fetch_flags *flags, struct fetch **out, struct assay_err *e)
{
    struct fetch *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(e, ASSAY_ENOMEM, "out of memory");
    buf_init(&f->line, 0);
    int rc = hub_init(&f->hub, e);
    if (rc == 0 && flags->max_size)
        rc = suite_parse_size(flags->max_size, "--max-size", &f->hub.max_bytes, e);
    if (rc < 0) {
        fetch_end(f);
        return rc;
    }
    f->is_terminal = isatty(STDERR_FILENO);
    f->quiet = flags->quiet;
    f->hub.http.agent = "assay/" ASSAY_VERSION;
    f->hub.http.retries = (int)flags->retries;
    f->hub.connections = (int)flags->connections;
    f->hub.offline = f->hub.offline || flags->offline;
    f->hub.dry_run = flags->dry_run;
    f->hub.refresh = flags->refresh;
    f->hub.on_event = on_event;
    f->hub.user = f;
    *out = f;
    return 0;
}

void fetch_one(struct fetch *f, const struct hub_want *w)
{
    struct hub_got got = {0};
    struct assay_err e = {0};
    int rc = hub_get(&f->hub, w, &got, &e);
    drop_status(f);
    f->count.n_wants++;
    f->count.n_new += got.n_new;
    f->count.n_here += got.n_here;
    if (rc == 0)
        return;
    if (f->count.n_failed++ == 0)
        f->count.first = e;
    else
        say_error(&e);
}

struct fetch_count fetch_end(struct fetch *f)
{
    struct fetch_count count = f->count;
    drop_status(f);
    hub_release(&f->hub);
    buf_release(&f->line);
    free(f);
    return count;
}

int fetch_suite(struct fetch *f, const struct suite *s, bool only_missing, struct assay_err *e)
{
    struct arena a = {0};
    struct need *v;
    size_t n = 0;
    int rc = need_list(s, &a, &v, &n, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct hub_want w = {.path = v[i].path, .name = v[i].name, .kwargs = v[i].kwargs,
                             .splits = v[i].splits, .n_splits = v[i].n_splits};
        if (v[i].is_local || (only_missing && v[i].is_here)) {
            f->count.n_here += v[i].n_splits;
            f->count.n_wants++;
            continue;
        }
        fetch_one(f, &w);
    }
    arena_release(&a);
    return rc;
}
