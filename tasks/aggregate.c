/* aggregate.c - scores of a task to its numbers, and numbers of tasks to a group's. */
#include <math.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "tasks/task_impl.h"

bool task_result_is_numpy(const struct task *t, const char *metric, const char *aggregation)
{
    return t->output == TASK_GENERATE && !t->impl->multiple_target && !t->impl->results &&
           strcmp(metric, "exact_match") == 0 && strcmp(aggregation, "mean") == 0;
}

int task_aggregate(const struct task *t, size_t measure, const struct task_score *scores, size_t n,
                   struct task_aggregate *out, struct assay_err *e)
{
    const struct task_impl *m = t->impl;
    const struct metric_use *use = &m->metrics[measure % m->n_metrics];
    int rc = metric_aggregate(use, scores, n, m->bootstrap_iters, out, e);
    if (rc < 0)
        return err_prefix(e, rc, "task '%s', metric '%s'", t->name, use->name);
    out->is_numpy |= task_result_is_numpy(t, use->name, use->aggregation);
    return 0;
}

/* -- groups ------------------------------------------------------------------------------------ */

static void metric_filters(const struct value *v, struct arena *a, struct task_group_metric *m)
{
    if (!v || v->type == VALUE_NULL)
        return;
    const struct value *const *items = v->type == VALUE_LIST ? v->items : &v;
    m->n_filters = v->type == VALUE_LIST ? v->n : 1;
    const char **names = ARENA_ARRAY(a, const char *, m->n_filters ? m->n_filters : 1);
    for (size_t i = 0; i < m->n_filters; i++)
        names[i] = items[i]->type == VALUE_STR ? items[i]->s : "";
    m->filters = names;
}

int task_group_metrics(const struct task_node *group, struct arena *a,
                       const struct task_group_metric **out, size_t *n, struct assay_err *e)
{
    const struct value *list = value_get(group->config, "aggregate_metric_list");
    *n = 0;
    *out = NULL;
    if (!group->is_group)
        return err_set(e, ASSAY_EUSAGE, "'%s' is a task, not a group", group->name);
    if (!list || list->type == VALUE_NULL)
        return 0;
    const struct value *const *items = list->type == VALUE_LIST ? list->items : &list;
    size_t k = list->type == VALUE_LIST ? list->n : 1;
    struct task_group_metric *rows = ARENA_ARRAY(a, struct task_group_metric, k ? k : 1);
    for (size_t i = 0; i < k; i++) {
        /* task_select has checked the types and named the places of mistakes */
        const struct value *metric = value_get(items[i], "metric");
        const struct value *weight = value_get(items[i], "weight_by_size");
        if (!metric || metric->type != VALUE_STR)
            return err_set(e, ASSAY_EFORMAT,
                           "%s: an entry of 'aggregate_metric_list' needs 'metric'", group->path);
        rows[i].metric = metric->s;
        rows[i].weight_by_size = true;
        if (weight && weight->type == VALUE_BOOL)
            rows[i].weight_by_size = weight->b;
        else if (weight && weight->type == VALUE_STR) /* a text is true unless it is empty */
            rows[i].weight_by_size = weight->n > 0;
        metric_filters(value_get(items[i], "filter_list"), a, &rows[i]);
    }
    *out = rows;
    *n = k;
    return 0;
}

static double group_stderr(const struct task_aggregate *leaves, size_t n, double *x,
                           enum metric_sum how, bool weight_by_size)
{
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        double se = leaves[i].stderr_, size = (double)leaves[i].n;
        if (isnan(se))
            return NAN;
        x[i] = weight_by_size ? (size - 1) * pow(se, 2) * size : pow(se, 2);
        total += size;
    }
    double sum = metric_sum(x, n, how);
    if (!weight_by_size)
        return sqrt(sum) / (double)n;
    return sqrt(sum / (total - (double)n) / total);
}

struct task_aggregate task_group_aggregate(const struct task_aggregate *leaves, size_t n,
                                           const struct task_group_way *way)
{
    enum metric_sum how = way->naive_sum ? METRIC_SUM_NAIVE : METRIC_SUM_COMPENSATED;
    struct task_aggregate out = {.value = NAN, .stderr_ = NAN, .is_numpy = n > 0};
    struct arena a = {0};
    double *x = ARENA_ARRAY(&a, double, n ? n : 1);
    double weights = 0;
    for (size_t i = 0; i < n; i++) {
        double w = way->weight_by_size ? (double)leaves[i].n : 1;
        x[i] = leaves[i].value * w;
        weights += w;
        out.n += leaves[i].n;
        out.is_numpy = out.is_numpy && leaves[i].is_numpy;
    }
    if (n && weights > 0) {
        out.value = metric_sum(x, n, out.is_numpy ? METRIC_SUM_NAIVE : how) / weights;
        out.stderr_ = group_stderr(leaves, n, x, how, way->weight_by_size);
    }
    arena_release(&a);
    return out;
}
