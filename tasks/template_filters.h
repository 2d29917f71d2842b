/* template_filters.h - shared by template_filters.c, template_sequences.c and template_tests.c. */
#ifndef TEMPLATE_FILTERS_H
#define TEMPLATE_FILTERS_H
#include "tasks/template_impl.h"

struct filter_call_args {
    const struct value *subject;
    const struct value *const *arg;        /* bound by the row's params; NULL: absent */
    const struct call *raw;
};
typedef const struct value *filter_fn(struct render *, const struct filter_call_args *);
struct filter_row {
    const char *name, *params;
    uint32_t required;
    filter_fn *fn;
};

const struct value *filter_markup(struct render *, const struct value *);   /* escaped for HTML */
bool filter_int(struct render *, const struct value *v, int64_t absent, int64_t *out);
int filter_bool(struct render *, const struct value *v);      /* absent: 0; -1: failed */
const char *template_filter_name(size_t i);                   /* NULL past the end */
const char *template_test_name(size_t i);

/* template_sequences.c */
filter_fn filter_attr, filter_batch, filter_dictsort, filter_first, filter_groupby, filter_items_of,
    filter_join, filter_last, filter_list, filter_map, filter_max, filter_min, filter_reject,
    filter_rejectattr, filter_reverse, filter_select, filter_selectattr, filter_slice, filter_sort,
    filter_sum, filter_unique;
filter_fn filter_tojson;                                      /* template_json.c */
#endif
