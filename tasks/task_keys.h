/* task_keys.h - which keys a task, a group and their parts may have, and of which type.
 *
 * An unknown key is an error, as it is upstream, and here it says where and what was meant.
 * Where a function (`!function`) may stand is said here; whether it can be had, port.h says. */
#ifndef TASK_KEYS_H
#define TASK_KEYS_H
#include "harness/base/value.h"
#include "tasks/task_files.h"

struct assay_err;

enum task_keys_kind { TASK_KEYS_TASK, TASK_KEYS_FEWSHOT, TASK_KEYS_GROUP, TASK_KEYS_AGGREGATE,
                      TASK_KEYS_GENERATION };
/* Errors: ASSAY_EFORMAT "file:line:col: unknown key 'x' in ..., did you mean 'y'?" or a type that
 * does not fit; ASSAY_EUNSUPPORTED for what needs Python or another kind of model. */
int task_keys_check(const struct task_files *, const struct value *dict, enum task_keys_kind,
                    struct assay_err *);
/* As above for one value; `key` must be in the table. */
int task_keys_check_value(const struct task_files *, const struct value *v, const char *key,
                          enum task_keys_kind, struct assay_err *);
#endif
