/* select.c - what a selector asks for: names, globs over names, files, folders.
 *
 * Invariant: no task is below two of the roots a plan was asked for. */
#include <fnmatch.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "tasks/group.h"

static bool is_glob(const char *s)
{
    return strpbrk(s, "*?[") != NULL;
}

static bool has_suffix(const char *s, const char *suffix)
{
    size_t n = strlen(s), k = strlen(suffix);
    return n >= k && strcmp(s + n - k, suffix) == 0;
}

/* Marks everything below a node, not the node itself.  Plans are acyclic. */
static void mark_below(const struct plan_build *b, size_t at, uint8_t *marks)
{
    const struct task_node *node = &b->nodes[at];
    for (size_t i = 0; i < node->n_children; i++)
        if (!marks[node->children[i]]) {
            marks[node->children[i]] = 1;
            mark_below(b, node->children[i], marks);
        }
}

/* A task that no group has planned yet; one that is planned keeps the group's overrides. */
static int select_leaf(struct plan_build *b, const char *name, struct plan_list *found)
{
    uint32_t at = task_names_get(&b->names, name);
    if (at == TASK_NAMES_NONE)
        return plan_entry(b, index_find(b->index, name), NULL, found);
    plan_list_add(found, b->arena, at);
    return 0;
}

/* Of what one word names, what a group among it holds is not a root of its own. */
static void keep_uncovered(struct plan_build *b, const struct plan_list *found,
                           struct plan_list *roots)
{
    uint8_t *marks = ARENA_ARRAY(b->arena, uint8_t, b->n ? b->n : 1);
    for (size_t i = 0; i < found->n; i++)
        if (b->nodes[found->v[i]].is_group)
            mark_below(b, found->v[i], marks);
    for (size_t i = 0; i < found->n; i++)
        if (!marks[found->v[i]])
            plan_list_add(roots, b->arena, found->v[i]);
}

/* Many names at once (a folder, a glob): groups first. */
static int select_many(struct plan_build *b, const struct task_entry *const *entries, size_t n,
                       struct plan_list *roots)
{
    struct plan_list found = {0};
    for (size_t i = 0; i < n; i++)
        if (entries[i]->kind == TASK_ENTRY_GROUP)
            TRY(plan_entry(b, index_find(b->index, entries[i]->name), NULL, &found));
    for (size_t i = 0; i < n; i++) {
        const struct index_entry *one = index_find(b->index, entries[i]->name);
        if (one->pub.kind == TASK_ENTRY_TASK)
            TRY(select_leaf(b, one->pub.name, &found));
        for (size_t k = 0; one->pub.kind == TASK_ENTRY_TAG && k < one->n_members; k++)
            TRY(select_leaf(b, one->members[k], &found));
    }
    keep_uncovered(b, &found, roots);
    return 0;
}

static int select_name_glob(struct plan_build *b, const char *pattern, struct plan_list *roots)
{
    size_t n = 0, n_all;
    const struct task_entry *all = task_index_entries(b->index, &n_all);
    const struct task_entry **hits =
        ARENA_ARRAY(b->arena, const struct task_entry *, n_all ? n_all : 1);
    for (size_t i = 0; i < n_all; i++)
        if (fnmatch(pattern, all[i].name, FNM_NOESCAPE) == 0)
            hits[n++] = &all[i];
    if (n == 0)
        return err_set(b->e, ASSAY_EUSAGE, "no task matches '%s'", pattern);
    return select_many(b, hits, n, roots);
}

static int select_path_glob(struct plan_build *b, const char *pattern, struct plan_list *roots)
{
    glob_t found;
    int rc = glob(pattern, 0, NULL, &found);
    if (rc != 0)
        return err_set(b->e, rc == GLOB_NOMATCH ? ASSAY_EUSAGE : ASSAY_EIO,
                       "no task file matches '%s'", pattern);
    struct plan_list hits = {0};
    rc = 0;
    for (size_t i = 0; i < found.gl_pathc && rc == 0; i++)
        rc = plan_file(b, found.gl_pathv[i], PLAN_GROUPS, &hits);
    for (size_t i = 0; i < found.gl_pathc && rc == 0; i++)
        rc = plan_file(b, found.gl_pathv[i], PLAN_TASKS, &hits);
    globfree(&found);
    if (rc == 0)
        keep_uncovered(b, &hits, roots);
    return rc;
}

static int select_folder(struct plan_build *b, const char *dir, struct plan_list *roots)
{
    TRY(index_add(b->index, dir, false, b->e));
    size_t n;
    const struct task_entry **in = index_below(b->index, dir, b->arena, &n);
    if (n == 0)
        return err_set(b->e, ASSAY_EUSAGE,
                       "no task file (*.yaml with 'task' or 'group') in '%s'%s%s", dir,
                       b->index->n_broken ? "; could not be read: " : "",
                       b->index->n_broken ? b->index->broken : "");
    return select_many(b, in, n, roots);
}

static int select_one(struct plan_build *b, const char *word, struct plan_list *roots)
{
    const struct index_entry *known = index_find(b->index, word);
    if (known)
        return plan_entry(b, known, NULL, roots);
    if (is_glob(word))
        return has_suffix(word, ".yaml") ? select_path_glob(b, word, roots)
                                         : select_name_glob(b, word, roots);
    if (fs_is_dir(word))
        return select_folder(b, word, roots);
    if (has_suffix(word, ".yaml") || has_suffix(word, ".yml"))
        return plan_file(b, word, PLAN_ONE, roots);
    return plan_unknown(b, "", word, ASSAY_EUSAGE);
}

/* owner[node] = root + 1; a leaf with two owners is an error. */
static int check_overlap(const struct plan_build *b, size_t root, size_t at, size_t *owner)
{
    const struct task_node *node = &b->nodes[at];
    if (owner[at] == root + 1)
        return 0;
    if (owner[at] && !node->is_group)
        return err_set(b->e, ASSAY_EUSAGE,
                       "task '%s' is asked for twice, as part of '%s' and of "
                       "'%s'; ask for one of them",
                       node->name, b->nodes[owner[at] - 1].name, b->nodes[root].name);
    owner[at] = root + 1;
    for (size_t i = 0; i < node->n_children; i++)
        TRY(check_overlap(b, root, node->children[i], owner));
    return 0;
}

int task_select(struct task_index *x, const char *selector, struct arena *a, struct task_plan *plan,
                struct assay_err *e)
{
    struct plan_build b = {.index = x, .arena = a, .names = {.arena = a}, .e = e};
    struct plan_list roots = {0};
    *plan = (struct task_plan){0};
    for (const char *p = selector; *p;) {
        p += strspn(p, " \t\n,");
        size_t n = strcspn(p, ",");
        size_t keep = n;
        while (keep && strchr(" \t\n", p[keep - 1]))
            keep--;
        if (keep)
            TRY(select_one(&b, arena_strndup(a, p, keep), &roots));
        p += n;
    }
    if (roots.n == 0)
        return err_set(e, ASSAY_EUSAGE, "no task in '%s'", selector);
    size_t *owner = ARENA_ARRAY(a, size_t, b.n);
    for (size_t i = 0; i < roots.n; i++)
        TRY(check_overlap(&b, roots.v[i], roots.v[i], owner));
    *plan = (struct task_plan){.nodes = b.nodes, .n = b.n, .roots = roots.v, .n_roots = roots.n};
    return 0;
}

static size_t leaves_below(const struct task_plan *plan, size_t at, uint8_t *marks, size_t *out,
                           size_t n)
{
    const struct task_node *node = &plan->nodes[at];
    if (marks[at])
        return n;
    marks[at] = 1;
    if (!node->is_group)
        out[n++] = at;
    for (size_t i = 0; i < node->n_children; i++)
        n = leaves_below(plan, node->children[i], marks, out, n);
    return n;
}

const size_t *task_plan_leaves(const struct task_plan *plan, size_t at, struct arena *a, size_t *n)
{
    uint8_t *marks = ARENA_ARRAY(a, uint8_t, plan->n);
    size_t *out = ARENA_ARRAY(a, size_t, plan->n);
    *n = leaves_below(plan, at, marks, out, 0);
    return out;
}
