/* exit_code.c - the table behind `assay help exit-codes` and the manual. */
#include "harness/cli/exit_code.h"

#include <stddef.h>

#include "backends/backend.h"

const struct exit_meaning exit_meanings[] = {
    {EXIT_OK, "ok", "the command did what it was asked; gate, compare --check: all passed"},
    {EXIT_ERROR, "error",
     "a task, data file, model, database or system error; nothing was measured"},
    {EXIT_USAGE, "usage", "a command, option or suite that makes no sense"},
    {EXIT_MEASUREMENT, "failed", "no variant finished; gate: something was not measured"},
    {EXIT_PARTIAL, "partial", "some variants or tasks failed, the others are stored"},
    {EXIT_INTERRUPTED, "interrupted", "stopped by a signal; the same command goes on from there"},
    {EXIT_REGRESSION, "regression",
     "gate: worse than before; compare --check: worse than the base"},
    {EXIT_INCONCLUSIVE, "inconclusive", "gate, compare --check: it cannot be told; never a pass"},
    {EXIT_INCOMPARABLE, "incomparable",
     "gate, compare --check: nothing to compare with, or not yet"},
    {EXIT_IMPROVEMENT, "improvement",
     "gate --strict-two-sided: better than before, and nothing worse"},
    {EXIT_BUSY, "busy", "another assay process is writing this database; try again later"},
    {0, NULL, NULL},
};

int exit_of(const struct assay_err *e)
{
    switch (e->code) {
    case ASSAY_EUSAGE:
        return EXIT_USAGE;
    case ASSAY_ECANCELED:
        return EXIT_INTERRUPTED;
    case ASSAY_ESTATE:
        return EXIT_BUSY;
    default:
        return EXIT_ERROR;
    }
}
