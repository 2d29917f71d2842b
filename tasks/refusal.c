/* refusal.c - classes of task_load's errors, known by what the messages of this floor always hold. */
#include "tasks/refusal.h"

#include <stddef.h>
#include <string.h>

#include "harness/base/err.h"

static const struct {
    const char *piece;
    enum refusal is;
} table[] = {
    /* The first that the message holds decides. */
    {"the task is a Python class", REFUSAL_CLASS},
    {"another version of one that is built in", REFUSAL_VERSION},
    {"needs a model that takes images or sound", REFUSAL_MEDIA},
    {"runs code that a model wrote", REFUSAL_CODE},
    {"needs python module '", REFUSAL_MODULE},
    {"that is not built in; --allow-task-code", REFUSAL_FUNCTION},
    {"(!function ", REFUSAL_RAISES},
    {"can't be used: !function ", REFUSAL_RAISES},
    {"unknown metric", REFUSAL_METRIC},
    {"unknown aggregation", REFUSAL_METRIC},
    {"give an aggregation for metric", REFUSAL_METRIC},
    {"cannot be computed for output_type", REFUSAL_METRIC},
    {"option of a metric", REFUSAL_METRIC},
    {"filter", REFUSAL_FILTER},
    {"template '", REFUSAL_TEMPLATE},
};

enum refusal refusal_of(const struct assay_err *e)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strstr(e->msg, table[i].piece))
            return table[i].is;
    return REFUSAL_CONFIG;
}

const char *refusal_name(enum refusal r)
{
    static const char *const names[] = {[REFUSAL_FUNCTION] = "python function",
                                        [REFUSAL_VERSION] = "other version",
                                        [REFUSAL_MODULE] = "python module",
                                        [REFUSAL_RAISES] = "python error",
                                        [REFUSAL_CLASS] = "python class",
                                        [REFUSAL_MEDIA] = "images or sound",
                                        [REFUSAL_CODE] = "runs code",
                                        [REFUSAL_METRIC] = "metric",
                                        [REFUSAL_FILTER] = "filter",
                                        [REFUSAL_TEMPLATE] = "template",
                                        [REFUSAL_CONFIG] = "configuration"};
    return names[r];
}
