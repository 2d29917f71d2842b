/* fs.c - files.  Everything is opened close-on-exec; interrupted calls are repeated. */
#include "harness/base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/rng.h"

int fs_read(const char *path, size_t max, struct arena *a, const char **text, size_t *n,
            struct assay_err *e)
{
    int rc = 0;
    struct buf b;
    buf_init(&b, max);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, ASSAY_EIO, "cannot open '%s'", path);
    for (;;) {
        char chunk[16384];
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            rc = err_errno(e, ASSAY_EIO, "cannot read '%s'", path);
            goto out;
        }
        if (got == 0)
            break;
        if (buf_add(&b, chunk, (size_t)got) < 0) {
            rc = err_set(e, ASSAY_ELIMIT, "'%s' is larger than the limit of %zu bytes", path,
                         b.limit);
            goto out;
        }
    }
    *text = arena_strndup(a, b.v, b.n);
    *n = b.n;
out:
    close(fd);
    buf_release(&b);
    return rc;
}

int fs_map(const char *path, struct fs_map *m, struct assay_err *e)
{
    int rc = 0;
    struct stat st;
    *m = (struct fs_map){0};
    /* O_NONBLOCK: a fifo must be refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_errno(e, ASSAY_EIO, "cannot open '%s'", path);
    if (fstat(fd, &st) < 0) {
        rc = err_errno(e, ASSAY_EIO, "cannot stat '%s'", path);
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        rc = err_set(e, ASSAY_EIO, "'%s' is %s, expected a regular file", path,
                     S_ISDIR(st.st_mode) ? "a directory" : "a special file");
        goto out;
    }
    if (st.st_size == 0) {
        m->v = (const unsigned char *)"";
        goto out;
    }
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        rc = err_errno(e, ASSAY_EIO, "cannot map '%s'", path);
        goto out;
    }
    m->v = p;
    m->n = (size_t)st.st_size;
out:
    close(fd);
    return rc;
}

void fs_unmap(struct fs_map *m)
{
    if (m && m->n) {
        union {
            const unsigned char *in;
            void *out;
        } p = {m->v}; /* munmap takes the mapping back without const */
        munmap(p.out, m->n);
    }
    if (m)
        *m = (struct fs_map){0};
}

static int fs_write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -1;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

/* A device or a pipe has no old content to protect, and nothing can be renamed over it. */
static int fs_write_special(const char *path, const void *p, size_t n, struct assay_err *e)
{
    int rc = 0;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, ASSAY_EIO, "cannot open '%s'", path);
    if (fs_write_all(fd, p, n) < 0)
        rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
    if (close(fd) < 0 && rc == 0)
        rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
    return rc;
}

/* Makes the rename itself durable; a file system that cannot is not an error. */
static void fs_sync_dir(struct arena *a, const char *path)
{
    int fd = open(fs_dirname(a, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

int fs_write_atomic(const char *path, const void *p, size_t n, struct assay_err *e)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return fs_write_special(path, p, n, e);
    int rc = 0;
    struct arena a = {0};
    char id[37];
    rng_uuid7(id);
    const char *tmp = arena_printf(&a, "%s.tmp-%s", path, id + 24);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        rc = err_errno(e, ASSAY_EIO, "cannot create '%s'", path);
        goto out;
    }
    bool bad = fs_write_all(fd, p, n) < 0 || fsync(fd) < 0;
    if (bad)
        rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
    if (close(fd) < 0 && !bad)
        rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
    if (rc == 0 && rename(tmp, path) < 0)
        rc = err_errno(e, ASSAY_EIO, "cannot replace '%s'", path);
    if (rc < 0)
        unlink(tmp);
    else
        fs_sync_dir(&a, path);
out:
    arena_release(&a);
    return rc;
}

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool fs_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int fs_mkdirs(const char *path, struct assay_err *e)
{
    int rc = 0;
    struct arena a = {0};
    char *p = arena_strdup(&a, path);
    for (char *c = p + 1; *p; c++) {
        if (*c != '/' && *c != 0)
            continue;
        char end = *c;
        *c = 0;
        if (mkdir(p, 0777) < 0 && !(errno == EEXIST && fs_is_dir(p))) {
            rc = err_errno(e, ASSAY_EIO, "cannot make directory '%s'", p);
            break;
        }
        *c = end;
        if (!end)
            break;
    }
    arena_release(&a);
    return rc;
}

/* -- walking ----------------------------------------------------------------------------------- */

struct walk_dir { /* the chain of directories being read: cycles end here */
    const struct walk_dir *up;
    dev_t dev;
    ino_t ino;
};
struct walk {
    const char *pattern, *real_root;
    const char *const *skip;
    struct arena *arena;
    const char **paths;
    size_t n, cap;
    struct assay_err *e;
};

static void walk_push(struct walk *w, const char *path)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 64;
        const char **paths = ARENA_ARRAY(w->arena, const char *, cap);
        if (w->n)
            memcpy(paths, w->paths, w->n * sizeof *paths);
        w->paths = paths;
        w->cap = cap;
    }
    w->paths[w->n++] = path;
}

static bool walk_inside(const struct walk *w, const char *path)
{
    char real[PATH_MAX];
    if (!realpath(path, real))
        return false;
    size_t n = strlen(w->real_root);
    return strncmp(real, w->real_root, n) == 0 &&
           (real[n] == '/' || real[n] == 0 || strcmp(w->real_root, "/") == 0);
}

static bool walk_skipped(const struct walk *w, const char *name)
{
    for (const char *const *s = w->skip; s && *s; s++)
        if (strcmp(*s, name) == 0)
            return true;
    return false;
}

static int walk_into(struct walk *w, const char *dir, const struct stat *st,
                     const struct walk_dir *up);

static int walk_entry(struct walk *w, const char *dir, const char *name,
                      const struct walk_dir *here)
{
    struct stat st;
    char *path = fs_join(w->arena, dir, name);
    if (lstat(path, &st) < 0)
        return 0; /* gone between reading and looking */
    if (S_ISLNK(st.st_mode) && (!walk_inside(w, path) || stat(path, &st) < 0))
        return 0;
    if (S_ISDIR(st.st_mode))
        return walk_skipped(w, name) ? 0 : walk_into(w, path, &st, here);
    if (S_ISREG(st.st_mode) && fnmatch(w->pattern, name, 0) == 0)
        walk_push(w, path);
    return 0;
}

static int walk_into(struct walk *w, const char *dir, const struct stat *st,
                     const struct walk_dir *up)
{
    for (const struct walk_dir *d = up; d; d = d->up)
        if (d->dev == st->st_dev && d->ino == st->st_ino)
            return 0;
    struct walk_dir here = {up, st->st_dev, st->st_ino};
    DIR *d = opendir(dir);
    if (!d)
        return err_errno(w->e, ASSAY_EIO, "cannot read directory '%s'", dir);
    int rc = 0;
    for (struct dirent *de; rc == 0 && (de = readdir(d));)
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
            rc = walk_entry(w, dir, de->d_name, &here);
    closedir(d);
    return rc;
}

static int walk_order(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

int fs_walk(const char *root, const char *pattern, const char *const *skip, struct arena *a,
            const char *const **paths, size_t *n, struct assay_err *e)
{
    char real[PATH_MAX];
    struct stat st;
    struct walk w = {.pattern = pattern, .real_root = real, .skip = skip, .arena = a, .e = e};
    if (!realpath(root, real) || stat(root, &st) < 0)
        return err_errno(e, ASSAY_EIO, "cannot read directory '%s'", root);
    TRY(walk_into(&w, root, &st, NULL));
    if (w.n)
        qsort(w.paths, w.n, sizeof *w.paths, walk_order);
    *paths = w.paths;
    *n = w.n;
    return 0;
}

/* -- names ------------------------------------------------------------------------------------- */

char *fs_join(struct arena *a, const char *dir, const char *name)
{
    size_t n = dir ? strlen(dir) : 0;
    if (name[0] == '/' || n == 0)
        return arena_strdup(a, name);
    return arena_printf(a, "%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

char *fs_dirname(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return arena_strdup(a, ".");
    return arena_strndup(a, path, slash == path ? 1 : (size_t)(slash - path));
}

const char *fs_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *fs_self_dir(struct arena *a)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return arena_strdup(a, ".");
    path[n] = 0;
    return fs_dirname(a, path);
}
