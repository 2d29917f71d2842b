/* report_flags.h - what compare, report and results share: which database, which runs. */
#ifndef REPORT_FLAGS_H
#define REPORT_FLAGS_H
#include "backends/backend.h"
#include "reports/view.h"

struct options;

struct report_flags {
    const char *db;
    const char *run;                     /* comma list of run ids or their beginnings; NULL: newest */
    const char *variants;                /* comma list of names or globs; NULL: all */
};
extern const struct assay_field report_flag_fields[];
/* Opens the database and loads the runs that were named. */
int report_open(const struct report_flags *, struct options *, struct view **,
                const struct view_set **, struct assay_err *);
#endif
