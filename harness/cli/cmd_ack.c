/* cmd_ack.c - assay ack: a regression is known; until a day it is not counted. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/cli/commands.h"
#include "harness/store/store_gate.h"

struct ack_flags {
    const char *db, *reason, *until;
};
static struct ack_flags flags;
static const struct assay_field ack_fields[] = {
    {"db", ASSAY_STR, offsetof(struct ack_flags, db), "assay.db", NULL, "the database"},
    {"reason", ASSAY_STR, offsetof(struct ack_flags, reason), NULL, NULL,
     "why it is known; required"},
    {"until", ASSAY_STR, offsetof(struct ack_flags, until), NULL, NULL,
     "last day it is not counted, 2026-01-31 (UTC); never ends unless said"},
    {0},
};

/* The end of that day. */
static int parse_day(const char *text, int64_t *ns, struct assay_err *e)
{
    struct tm t = {0};
    const char *end = strptime(text, "%Y-%m-%d", &t);
    if (!end || *end || t.tm_year < 100)
        return err_set(e, ASSAY_EUSAGE, "--until: expected a day like 2026-01-31, got '%s'", text);
    if (t.tm_year >= 300)
        return err_set(e, ASSAY_EUSAGE, "--until: expected a day before 2200, got '%s'", text);
    *ns = ((int64_t)timegm(&t) + 86400) * 1000000000;
    return 0;
}

static bool is_open(const struct store_finding *f)
{
    return strcmp(f->state, "fixed") != 0 && strcmp(f->state, "expected") != 0;
}

/* The newest open finding of the series; *f NULL: none. */
static int find_open(struct store *s, const char *series, struct arena *a, struct store_finding **f,
                     struct assay_err *e)
{
    struct store_finding *all;
    size_t n, len = strlen(series);
    TRY(store_get_findings(s, NULL, a, &all, &n, e));
    *f = NULL;
    for (size_t i = n; i-- > 0;) {
        bool is_id = len >= 4 && strncmp(all[i].series, series, len) == 0;
        if (!is_open(&all[i]) || (!is_id && strcmp(all[i].name, series) != 0))
            continue;
        if (*f && strcmp((*f)->series, all[i].series) != 0)
            return err_set(e, ASSAY_EUSAGE,
                           "series '%s' is ambiguous: %s and %s both match; give more digits",
                           series, (*f)->series, all[i].series);
        if (!*f)
            *f = &all[i];
    }
    if (!*f)
        return err_set(e, ASSAY_EUSAGE,
                       "nothing is open about series '%s'; `assay gate --no-run` lists what is",
                       series);
    return 0;
}

static int acknowledge(struct store *s, const char *series, int64_t until, struct arena *a,
                       struct assay_err *e)
{
    struct store_finding *f;
    TRY(find_open(s, series, a, &f, e));
    f->state = "acknowledged";
    f->reason = flags.reason;
    f->until_ns = until;
    f->changed_ns = clock_wall_ns();
    TRY(store_put_finding(s, f, e));
    printf("%s acknowledged%s%s\n", f->name, flags.until ? " until " : "",
           flags.until ? flags.until : "");
    return 0;
}

static int body(struct options *o, struct assay_err *e)
{
    struct store *s = NULL;
    int64_t until = STORE_NULL;
    if (!flags.reason || !*flags.reason)
        return err_set(e, ASSAY_EUSAGE, "--reason is required: why is this known?");
    if (flags.until)
        TRY(parse_day(flags.until, &until, e));
    TRY(store_open(flags.db, STORE_WRITE, &s, e));
    int rc = acknowledge(s, o->args[0], until, &o->arena, e);
    store_close(s);
    return rc;
}

static int run_ack(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_ack = {
    .name = "ack",
    .summary = "acknowledge a regression: known, with a reason, not counted until a day",
    .arguments = "SERIES",
    .min_args = 1,
    .max_args = 1,
    .tables = {ack_fields},
    .text = "SERIES is the id that the gate prints, the beginning of it, or the name of the\n"
            "series. When the day is over and the regression still there, it counts again.\n",
    .examples = "ack 1f2e3d4c --reason 'new tokenizer' --until 2026-01-31 --db n.db # known\n",
    .main = run_ack,
};
