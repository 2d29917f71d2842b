/* progress.h - run events -> text for people: one line that is redrawn, or plain lines.
 *
 * Writes into buffers only; the command line prints.  Names come from files and plugins and are
 * made harmless for a terminal. */
#ifndef PROGRESS_H
#define PROGRESS_H
#include <stdbool.h>
#include <stdint.h>
#include "harness/run/run.h"

struct buf;
struct progress {
    int64_t started_ns, drawn_ns, job_ns;
    uint64_t at_start, seen;           /* all_done when the rate's window began, and last */
    uint64_t job_start;
    double rate;                       /* items per second, smoothed */
    int n_variants, variant;
};
void progress_init(struct progress *);
/* Feeds one event.  `line`: a finished line to keep (without newline), empty when there is none.
 * `status`: what a terminal shows at the bottom now, at most `columns` wide; empty: unchanged.
 * Redrawn at most 10 times a second. */
void progress_event(struct progress *, const struct run_event *, int columns, struct buf *line,
                    struct buf *status);
#endif
