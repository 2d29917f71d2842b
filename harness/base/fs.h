/* fs.h - files: read whole, map, write atomically, walk sorted. */
#ifndef FS_H
#define FS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct assay_err;

/* Whole file into the arena, NUL behind.  Errors: ASSAY_EIO, ASSAY_ELIMIT beyond `max` bytes. */
int fs_read(const char *path, size_t max, struct arena *, const char **text, size_t *n,
            struct assay_err *);
struct fs_map {
    const unsigned char *v;
    size_t n;
};
/* Read-only, private; regular files only. */
int fs_map(const char *path, struct fs_map *, struct assay_err *);
void fs_unmap(struct fs_map *);
/* Writes a temporary file beside `path`, fsyncs and renames: the old or the new, never half. */
int fs_write_atomic(const char *path, const void *p, size_t n, struct assay_err *);
bool fs_exists(const char *path);
bool fs_is_dir(const char *path);
int fs_mkdirs(const char *path, struct assay_err *);
/* Regular files below `root` whose name fnmatches `pattern`, sorted by path (POSIX byte order);
 * directories named in `skip` (NULL-terminated, may be NULL) are not entered; symbolic links that
 * lead outside `root` are not followed.  Paths start with `root`. */
int fs_walk(const char *root, const char *pattern, const char *const *skip, struct arena *,
            const char *const **paths, size_t *n, struct assay_err *);
char *fs_join(struct arena *, const char *dir, const char *name);    /* name absolute: name */
char *fs_dirname(struct arena *, const char *path);
const char *fs_basename(const char *path);
char *fs_self_dir(struct arena *);     /* directory of the running program */
#endif
