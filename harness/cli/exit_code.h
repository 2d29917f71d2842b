/* exit_code.h - what the program's exit status means: documented, stable, one table. */
#ifndef EXIT_CODE_H
#define EXIT_CODE_H

struct assay_err;

enum exit_code {
    EXIT_OK = 0,
    EXIT_ERROR = 1,           /* a task, file, database or system error: nothing was measured */
    EXIT_USAGE = 2,
    EXIT_MEASUREMENT = 3,     /* not one variant finished */
    EXIT_PARTIAL = 4,
    EXIT_INTERRUPTED = 5,
    EXIT_REGRESSION = 10,     /* gate, compare --check: worse than the base */
    EXIT_INCONCLUSIVE = 11,
    EXIT_INCOMPARABLE = 12,
    EXIT_IMPROVEMENT = 13,    /* gate --strict-two-sided: better, and nothing else */
    EXIT_BUSY = 75            /* another process holds the database: try again later */
};
struct exit_meaning {
    int code;
    const char *name, *meaning;
};
extern const struct exit_meaning exit_meanings[];    /* ends with name NULL */
int exit_of(const struct assay_err *);               /* of a failed command */
#endif
