/* filter.h - answer extraction: named pipelines of steps over the responses of a document.
 *
 * A pipeline maps, for every request of a document, the list of its responses to something: usually
 * one element (take_first), else a list.  Steps follow lm-eval's classes with their quirks: a step
 * after take_first sees a string and works on its characters.
 * One row of the table in filter.c per function. */
#ifndef FILTER_H
#define FILTER_H
#include <stdbool.h>
#include <stddef.h>
#include "tasks/pytext.h"

struct arena;
struct assay_err;
struct code;
struct task_host;
struct value;

struct filter_step;
struct filter {
    const char *name;                      /* the pipeline's name: "none", "strict-match" */
    struct filter_step *steps;
    size_t n_steps;
    const struct task_host *host;          /* runs steps that are Python; NULL: they are refused */
};

/* `spec` is one entry of filter_list: {name: str, filter: [{function: str, ...kwargs}]}, from the
 * YAML file `path` (its values' lines and columns are used in errors).  spec NULL: "none", take_first.
 * Strings stay borrowed from spec; steps live in the arena; compiled regexes are heap, freed by
 * filter_release.  Errors: ASSAY_EFORMAT "file:line:col: unknown filter function 'regx', did you mean
 * 'regex'?", ASSAY_EUNSUPPORTED for !function and custom without a host (set before). */
int filter_compile(const struct value *spec, const char *path, struct arena *, struct filter *,
                   struct assay_err *);
void filter_release(struct filter *);
/* Adds the functions of steps that are Python to all[*n], at most `most`. */
void filter_code(const struct filter *, const struct code **all, size_t most, size_t *n);

/* The responses of one document: resps[i] is a LIST (the repeats of request i) of STR, or of TUPLE
 * (float log-likelihood, bool greedy).  out[n] receives the transformed values, in `arena`. */
struct filter_call {
    const struct value *doc;               /* dict; multi_choice_regex reads "choices" */
    const struct value *const *resps;
    size_t n;
    const struct value **out;
    bool *is_missed;                       /* out, may be NULL: a step that searches for an answer found
                                              none in any response of any request, and put its fallback */
};
int filter_apply(const struct filter *, const struct filter_call *, struct arena *,
                 struct assay_err *);
/* Whether a step of it searches for an answer: regex, multi_choice_regex, regex_pos. */
bool filter_searches(const struct filter *);
/* format_span of one response (filter_span.c). */
int filter_span(struct pystr, struct arena *, const struct value **out, struct assay_err *);
/* Function names, NULL-terminated, for help. */
const char *const *filter_functions(void);
#endif
