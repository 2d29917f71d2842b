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
/* The same without waiting for the disk: for what can be made again and is checked when read. */
int fs_write_cache(const char *path, const void *p, size_t n, struct assay_err *);
bool fs_exists(const char *path);
bool fs_is_dir(const char *path);
bool fs_is_file(const char *path);     /* regular, links followed: reading it neither waits nor goes on for ever */
/* Whether `path`, wherever links lead, is `dir` or below it; false when either is not there. */
bool fs_inside(const char *path, const char *dir);
int fs_mkdirs(const char *path, struct assay_err *);
/* Regular files below `root` whose name fnmatches `pattern`, sorted by path (POSIX byte order);
 * directories named in `skip` (NULL-terminated, may be NULL) are not entered; symbolic links that
 * lead outside `root` are not followed.  Paths start with `root`. */
int fs_walk(const char *root, const char *pattern, const char *const *skip, struct arena *,
            const char *const **paths, size_t *n, struct assay_err *);
/* What tells one state of a file or folder from another. */
struct fs_stamp {
    int64_t mtime_ns, ctime_ns;
    uint64_t size, ino;
};
/* The same, and what a second walk could be spared by: every folder that was read, with its stamp
 * from before it was read, and whether a symbolic link was met (then an unchanged folder does not mean unchanged files). */
struct fs_dir {
    const char *path;
    struct fs_stamp stamp;
};
struct fs_tree {
    const char *const *paths;
    const struct fs_dir *dirs;
    size_t n, n_dirs;
    bool has_links;
};
int fs_walk_tree(const char *root, const char *pattern, const char *const *skip, struct arena *,
                 struct fs_tree *, struct assay_err *);

bool fs_stamp_at(int dir_fd, const char *path, struct fs_stamp *);   /* false: not there */
bool fs_stamp_same(const struct fs_stamp *, const struct fs_stamp *);
/* False when the file changed so shortly before `now_ns` (wall clock) that a second change could
 * leave the same stamp. */
bool fs_stamp_settled(const struct fs_stamp *, int64_t now_ns);
/* A small regular file whole, into *text, which is grown by realloc and may be used again; its stamp
 * at that moment.  *text has a NUL behind.  False: not there, not regular, above `max` bytes. */
struct fs_text {
    char *v;
    size_t n, cap;
};
bool fs_read_at(int dir_fd, const char *path, size_t max, struct fs_text *text, struct fs_stamp *);
char *fs_join(struct arena *, const char *dir, const char *name);    /* name absolute: name */
char *fs_dirname(struct arena *, const char *path);
const char *fs_basename(const char *path);
char *fs_self_dir(struct arena *);     /* directory of the running program */
#endif
