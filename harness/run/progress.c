/* progress.c - run events -> lines for people. */
#include "harness/run/progress.h"
#include <math.h>
#include <string.h>
#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/text.h"

enum { REDRAW_NS = 100000000 };

void progress_init(struct progress *p)
{
    *p = (struct progress){.started_ns = clock_ns()};
}

static void add_safe(struct buf *b, const char *text)
{
    text_safe(b, text ? text : "", text ? strlen(text) : 0);
}

static void add_span(struct buf *b, double seconds)
{
    if (seconds < 60)
        buf_printf(b, "%.0f s", ceil(seconds));
    else if (seconds < 3600)
        buf_printf(b, "%d:%02d min", (int)(seconds / 60), (int)fmod(seconds, 60));
    else
        buf_printf(b, "%d:%02d h", (int)(seconds / 3600), (int)fmod(seconds / 60, 60));
}

/* Items per second since the job began, once there is something to divide. */
static void feed_rate(struct progress *p, const struct run_event *x)
{
    int64_t now = clock_ns();
    if (x->kind == RUN_JOB) {
        p->job_ns = now;
        p->job_start = 0;
        p->rate = 0;
    }
    double seconds = (double)(now - p->job_ns) * 1e-9;
    if (x->kind == RUN_PROGRESS && x->n_done && seconds > 0.05)
        p->rate = (double)x->n_done / seconds;
    p->seen = x->all_done;
}

static void draw(struct progress *p, const struct run_event *x, int columns, struct buf *out)
{
    buf_clear(out);
    add_safe(out, x->variant);
    buf_addc(out, ' ');
    add_safe(out, x->job);
    if (x->n_total)
        buf_printf(out, "  %llu/%llu", (unsigned long long)x->n_done,
                   (unsigned long long)x->n_total);
    if (p->rate > 0)
        buf_printf(out, p->rate < 10 ? "  %.1f items/s" : "  %.0f items/s", p->rate);
    if (p->rate > 0 && x->all_total > x->all_done) {
        buf_adds(out, "  ETA ");
        add_span(out, (double)(x->all_total - x->all_done) / p->rate);
    }
    /* Cut to the width: columns are counted, not bytes. */
    size_t n = out->n;
    while (n && text_width(out->v, n) >= columns)
        n = text_whole(out->v, n - 1);
    out->v[n] = 0;
    out->n = n;
}

static void say_end(const struct run_event *x, struct buf *line)
{
    add_safe(line, x->variant);
    if (x->job) {
        buf_addc(line, ' ');
        add_safe(line, x->job);
    }
    buf_adds(line, ": ");
    add_safe(line, x->status);
    if (x->text) {
        buf_adds(line, ": ");
        add_safe(line, x->text);
    }
}

void progress_event(struct progress *p, const struct run_event *x, int columns, struct buf *line,
                    struct buf *status)
{
    buf_clear(line);
    buf_clear(status);
    feed_rate(p, x);
    switch (x->kind) {
    case RUN_IDLE:
        add_safe(line, x->text);
        break;
    case RUN_BEGIN:
        p->n_variants = (int)x->n_total;
        buf_printf(line, "run %s%s", x->text, x->is_resumed ? " goes on" : "");
        break;
    case RUN_VARIANT:
        p->variant++;
        break;
    case RUN_OPEN:
        add_safe(line, x->variant);
        buf_adds(line, ": ");
        add_safe(line, x->text);
        break;
    case RUN_JOB:
    case RUN_PROGRESS:
        if (x->kind == RUN_JOB || clock_ns() - p->drawn_ns >= REDRAW_NS) {
            draw(p, x, columns, status);
            p->drawn_ns = clock_ns();
        }
        break;
    case RUN_JOB_END:
        if (x->text) /* all well is not worth a line */
            say_end(x, line);
        break;
    case RUN_VARIANT_END:
        say_end(x, line);
        break;
    case RUN_ROUND:
        buf_printf(line, "speed again: round %llu of %llu", (unsigned long long)x->n_done,
                   (unsigned long long)x->n_total);
        break;
    case RUN_END:
        break;
    }
}
