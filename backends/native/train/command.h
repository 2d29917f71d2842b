/* command.h - the subcommands of assay-train: each has a table of options and a body. */
#ifndef TRAIN_COMMAND_H
#define TRAIN_COMMAND_H
#include "backends/backend.h"
#include <stddef.h>

struct train_command {
    const char *name, *summary;
    const struct assay_field *options;
    void *base;                    /* the struct the options fill */
    int (*body)(struct assay_err *);
};
extern const struct train_command train_run, train_eval, train_corpus, train_convert, train_twin;

#define TRAIN_ROW(type, name, kind, member, def, values, help)                                     \
    {name, kind, offsetof(struct type, member), def, values, help}
#define TRAIN_END {NULL, 0, 0, NULL, NULL, NULL}
/* ASSAY_EUSAGE "--name is missing". */
int train_require(const char *value, const char *name, struct assay_err *);
#endif
