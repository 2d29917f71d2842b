/* index.h - names of tasks, groups and tags below some folders.  Inside of tasks/; see task.h. */
#ifndef INDEX_H
#define INDEX_H
#include "tasks/task.h"
#include "tasks/task_files.h"

struct index_entry {
    struct task_entry pub;
    const char **members;              /* tag: its tasks, sorted once the root is read */
    size_t n_members, cap_members;
};
struct index_root {
    const char *path, *real;           /* as given; resolved */
    bool is_flat;                      /* its own files only, no folders below */
};
struct task_index {
    struct task_files files;
    struct arena arena;
    const char *cache;                 /* folder that remembers trees, or NULL */
    struct index_entry *entries;       /* the last root that has a name wins */
    size_t n, cap;
    struct task_names names;           /* name -> index into entries */
    struct task_entry *sorted;         /* NULL: not made yet; ask task_index_entries */
    bool has_links;                    /* a symbolic link was met: paths do not tell where files are */
    struct index_root *roots;
    size_t n_roots;
    size_t n_broken;                   /* files that could not be read */
    const char *broken;                /* why the first could not */
};

enum index_shape { INDEX_TASK, INDEX_GROUP, INDEX_NEITHER };
/* What a loaded file is: class or task, group, or neither (an include target). */
enum index_shape index_shape(const struct value *config);

const struct index_entry *index_find(const struct task_index *, const char *name);   /* or NULL */
/* Reads one more folder; its names win over those known.  A folder inside a known root adds
 * nothing.  flat: only its own files, for a folder nobody asked to search. */
int index_add(struct task_index *, const char *root, bool flat, struct assay_err *);
/* Entries whose file lies below `dir`, in the order of their names. */
const struct task_entry **index_below(struct task_index *, const char *dir, struct arena *,
                                      size_t *n);
#endif
