/* export_impl.h - what export.c (variants, files), export_samples.c and export_results.c share. */
#ifndef EXPORT_IMPL_H
#define EXPORT_IMPL_H
#include "harness/run/export.h"
#include "harness/run/stored.h"

struct export_task {                   /* a finished task of the variant in hand */
    const struct plan_task *plan;
    int64_t job_id;
    bool is_early;                     /* it was decided before all items were asked */
    size_t n_rows;                     /* of the whole split */
    char hash[65];                     /* upstream's task_hashes */
};
struct export {
    const struct export_options *options;
    struct export_summary *summary;
    struct stored stored;
    struct store *store;
    struct arena arena;                /* of the variant in hand */
    const struct store_run_variant *variant;
    const struct suite_variant *suite;
    const char *model_name, *model_folder, *stamp;
    struct export_task *tasks;
    size_t n_tasks;
};
/* Writes `path`; fills t->hash and t->n_rows. */
int export_samples(struct export *, struct export_task *, const char *path, struct assay_err *);
/* The results of the variant as one dict. */
int export_results(struct export *, const struct value **out, struct assay_err *);
#endif
