/* group.h - turns names into the nodes of a plan: members, overrides, inline tasks and groups. */
#ifndef GROUP_H
#define GROUP_H
#include "tasks/index.h"

struct plan_build {
    struct task_index *index;
    struct arena *arena;
    struct task_node *nodes;
    uint8_t *states;                   /* per node, enum in group.c */
    size_t n, cap;
    struct task_names names;           /* node name -> index */
    size_t n_steps;
    struct assay_err *e;
};
struct plan_list {                     /* growing list of node indices */
    size_t *v, n, cap;
};
void plan_list_add(struct plan_list *, struct arena *, size_t at);     /* once each */

/* Adds what `entry` names (a tag: all its tasks) to the plan and its nodes to `into`.
 * overrides: dict or NULL. */
int plan_entry(struct plan_build *, const struct index_entry *entry, const struct value *overrides,
               struct plan_list *into);
/* Adds the task or group a file defines.  In a pass over many files, groups come first: a task that
 * one of them has planned keeps the overrides it got there. */
enum plan_pass { PLAN_ONE, PLAN_GROUPS, PLAN_TASKS };
int plan_file(struct plan_build *, const char *path, enum plan_pass, struct plan_list *into);
/* Error for a name nobody has: suggestion, and the first file that could not be read.
 * where: "" or "file:line:col: ". */
int plan_unknown(struct plan_build *, const char *where, const char *name, int code);
#endif
