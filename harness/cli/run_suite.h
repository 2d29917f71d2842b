/* run_suite.h - what `run` and `bench` share: running a suite with its progress on the terminal. */
#ifndef RUN_SUITE_H
#define RUN_SUITE_H
#include <stdint.h>
#include "backends/backend.h"

struct suite;

struct run_flags {
    const char *db;
    int32_t quiet;
    char *command;                       /* as typed, for the record */
};
extern const struct assay_field run_flag_fields[];
void run_flags_command(struct run_flags *, int argc, char **argv);
/* Returns an exit code, or a negative error: nothing was run. */
int run_suite_shown(const struct suite *, const struct run_flags *, struct assay_err *);
#endif
