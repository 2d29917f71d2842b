/* filter_impl.h - what the steps of a pipeline (filter.c) and reading them from YAML (filter_build.c) share. */
#ifndef FILTER_IMPL_H
#define FILTER_IMPL_H
#include "tasks/code.h"
#include "tasks/filter.h"

struct regex;

struct filter_kind;
struct filter_step {
    const struct filter_kind *kind;
    struct regex *regex;                   /* regex_pattern */
    struct regex **ignore;                 /* regexes_to_ignore */
    size_t n_ignore;
    struct pystr fallback;
    int64_t group_select, k;
    bool ignore_case, ignore_punctuation;
    const struct value *mapping, *absent;
    struct code_filter python;             /* a step that is Python */
    const struct code *option;             /* the function of a 'custom' step */
};

/* One request's place in a running step. */
struct filter_work {
    const struct filter_step *step;
    const struct filter_call *call;
    struct arena *a;
    struct assay_err *err;
    size_t *tally; /* [2]: texts searched for an answer, answers found */
};
typedef int filter_fn(const struct filter_work *, const struct value *in, const struct value **out);

struct filter_kind {
    const char *name, *kwargs;             /* "a,b" */
    filter_fn *apply;
};

/* The function of that name; NULL: unknown.  Of a class of a task: the row that the ports name. */
const struct filter_kind *filter_kind_find(const struct value *name);
const struct filter_kind *filter_kind_port(const char *name);
extern const struct filter_kind filter_python;                 /* a step that is Python */
bool filter_needs_count(const struct filter_kind *);           /* take_first_k */
#endif
