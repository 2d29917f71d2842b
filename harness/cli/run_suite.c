/* run_suite.c - a run on the terminal: one progress line on stderr, plain lines when it is none. */
#include "harness/cli/run_suite.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/text.h"
#include "harness/cli/command.h"
#include "harness/cli/exit_code.h"
#include "harness/cli/version.h"
#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "reports/fmt.h"
#include "reports/notice.h"

const struct assay_field run_flag_fields[] = {
    {"db", ASSAY_STR, offsetof(struct run_flags, db), "assay.db", NULL,
     "the SQLite file that keeps every answer; made when absent"},
    {"quiet", ASSAY_BOOL, offsetof(struct run_flags, quiet), "false", NULL,
     "no progress, only errors and the last line"},
    {0},
};

/* Arguments that a shell would change are put in quotes, so that the line can be pasted back. */
void run_flags_command(struct run_flags *f, int argc, char **argv)
{
    struct buf b;
    buf_init(&b, 0);
    buf_adds(&b, "assay");
    for (int i = 0; i < argc; i++) {
        buf_addc(&b, ' ');
        text_shell_word(&b, argv[i]);
    }
    free(f->command);
    f->command = buf_take(&b);
    buf_release(&b);
}

struct shown {
    struct progress progress;
    struct buf line, status;
    bool is_terminal, has_status, quiet;
};

static void on_event(void *user, const struct run_event *event)
{
    struct shown *s = user;
    buf_clear(&s->line);
    buf_clear(&s->status);
    progress_event(&s->progress, event, say_columns(STDERR_FILENO), &s->line, &s->status);
    bool is_end = event->kind == RUN_VARIANT_END || event->kind == RUN_JOB_END;
    bool is_failure = is_end && event->status && strcmp(event->status, "done") != 0;
    if (s->quiet && !is_failure)
        return;
    if (s->line.n) {
        if (s->has_status)
            fputs("\r\033[K", stderr);
        fprintf(stderr, "%s\n", s->line.v);
        s->has_status = false;
    }
    if (s->status.n && s->is_terminal) {
        fprintf(stderr, "\r%s\033[K", s->status.v);
        s->has_status = true;
    }
    if (event->kind == RUN_END && s->has_status)
        fputs("\r\033[K", stderr);
    fflush(stderr);
}

/* What makes the run's scores doubtful, one line each; a run that can't be read back says so itself
 * when it is compared. */
static void say_notices(const char *db, const char *uid)
{
    struct arena a = {0};
    struct assay_err e = {0};
    struct view *view = NULL;
    const struct view_set *set;
    if (view_open(db, &view, &e) == 0 && view_load(view, &uid, 1, &set, &e) == 0) {
        const struct view_variant **v = ARENA_ARRAY(&a, const struct view_variant *, set->n_variants + 1);
        size_t n;
        for (size_t i = 0; i < set->n_variants; i++)
            v[i] = &set->variants[i];
        const char *const *lines = notice_lines(v, set->n_variants, &a, &n);
        struct buf b;
        buf_init(&b, 0);
        for (size_t i = 0; i < n; i++) {
            buf_clear(&b);
            text_safe(&b, lines[i], strlen(lines[i]));
            fprintf(stderr, "note: %s\n", b.v);
        }
        buf_release(&b);
    }
    view_close(view);
    arena_release(&a);
}

static int ended(const struct run_summary *r, const struct run_flags *flags)
{
    fprintf(stderr, "run %s: %zu of %zu variants, %" PRIu64 " items, %" PRIu64 " requests asked, %" PRIu64
            " from the store -> %s\n", r->uid, r->n_variants_done, r->n_variants, r->n_items,
            r->n_asked, r->n_reused, flags->db);
    if (r->n_saved)
        fprintf(stderr, "stopped early: %" PRIu64 " items were not needed (%s %%)\n", r->n_saved,
                fmt_part((int64_t)r->n_saved, (int64_t)(r->n_saved + r->n_items)).s);
    if (r->n_tasks_missing)
        fprintf(stderr, "%zu tasks were left out, their data is not here\n", r->n_tasks_missing);
    say_notices(flags->db, r->uid);
    if (r->status == RUN_INTERRUPTED) {
        fprintf(stderr, "interrupted; everything answered is kept. To go on:\n  %s\n", flags->command);
        return EXIT_INTERRUPTED;
    }
    if (r->n_variants && r->n_variants_done == 0)
        return EXIT_MEASUREMENT;
    return r->status == RUN_PARTIAL ? EXIT_PARTIAL : EXIT_OK;
}

int run_suite_shown(const struct suite *suite, const struct run_flags *flags, struct assay_err *e)
{
    struct shown s = {.is_terminal = isatty(STDERR_FILENO), .quiet = flags->quiet};
    progress_init(&s.progress);
    buf_init(&s.line, 0);
    buf_init(&s.status, 0);
    struct run_options options = {.db = flags->db, .command = flags->command,
                                  .version = ASSAY_VERSION, .on_event = on_event, .user = &s};
    struct run_summary summary;
    int rc = run_suite(suite, &options, &summary, e);
    buf_release(&s.line);
    buf_release(&s.status);
    return rc < 0 ? rc : ended(&summary, flags);
}
