/* divergence.h - how far each variant's next-token distributions are from the reference's.
 *
 * For a few documents per task, drawn by a seeded hash, the reference keeps the logits of every
 * scored position in a file beside the database; each other variant streams its own against it.  KL
 * over the full vocabulary, in double.  The files are an intermediate: they can be made again. */
#ifndef DIVERGENCE_H
#define DIVERGENCE_H
#include <signal.h>
#include "harness/run/plan.h"
#include "harness/run/plugin.h"
#include "harness/store/store.h"

struct divergence {
    const struct plan *plan;
    const struct plan_task *task;
    const struct engine *engine;
    struct store *store;
    int64_t job_id;
    const char *db;                    /* files lie in "<db>-logits" */
    const char *reference_uid;         /* of the reference's variant */
    int64_t budget;                    /* bytes this task may take */
    const volatile sig_atomic_t *stop;
    void (*tick)(void *user, bool is_waiting, uint64_t n_done, uint64_t n_total);
    void *user;
    /* out */
    uint64_t n_items, n_done;          /* documents drawn, compared */
};
/* Whether a task's answers are scored positions at all. */
bool divergence_fits(const struct task *);
/* Path of the file, in the arena. */
char *divergence_path(const struct divergence *, struct arena *);
/* The reference's part: makes the file, whole or not at all. */
int divergence_keep(struct divergence *, struct assay_err *);
/* A variant's part: one row per request into the store, inside the caller's transaction.
 * ASSAY_EUNSUPPORTED: cannot be compared, the text says why. */
int divergence_compare(struct divergence *, struct assay_err *);
/* Removes what a run kept. */
void divergence_remove(const char *db);
#endif
