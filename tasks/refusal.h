/* refusal.h - why a task does not load, as one of a few classes that can be counted. */
#ifndef REFUSAL_H
#define REFUSAL_H
struct assay_err;

enum refusal {
    REFUSAL_FUNCTION,                  /* a Python function that is not built in */
    REFUSAL_VERSION,                   /* another version of one that is */
    REFUSAL_MODULE,                    /* with task code: a module of Python's that is not installed */
    REFUSAL_RAISES,                    /* with task code: it fails when it is loaded */
    REFUSAL_CLASS,                     /* a task written as a Python class */
    REFUSAL_MEDIA,                     /* needs images or sound */
    REFUSAL_CODE,                      /* runs code that a model wrote */
    REFUSAL_METRIC,                    /* a metric or aggregation that is not known */
    REFUSAL_FILTER,
    REFUSAL_TEMPLATE,
    REFUSAL_CONFIG,                    /* keys, types, files: anything else in the YAML */
    N_REFUSALS
};
/* The class of a task_load's error. */
enum refusal refusal_of(const struct assay_err *);
const char *refusal_name(enum refusal);    /* "python function" */
#endif
