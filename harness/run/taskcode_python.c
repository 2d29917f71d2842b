/* taskcode_python.c - looking a Python up in PATH, and behind scripts. */
#include "harness/run/taskcode_python.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"

enum { ASK_SECONDS = 30 };

/* The process starts in another folder. */
static const char *absolute(const char *name, struct arena *a)
{
    char here[4096];
    if (name[0] == '/' || !getcwd(here, sizeof here))
        return name;
    return arena_printf(a, "%s/%s", here, name);
}

static const char *in_path(const char *name, struct arena *a)
{
    const char *path = getenv("PATH");
    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? absolute(name, a) : NULL;
    for (const char *p = path ? path : "/usr/local/bin:/usr/bin:/bin"; *p;) {
        size_t n = strcspn(p, ":");
        char *at = arena_printf(a, "%.*s/%s", (int)n, n ? p : ".", name);
        if (n && access(at, X_OK) == 0)
            return at;
        p += n + (p[n] == ':');
    }
    return NULL;
}

static bool is_script(const char *path)
{
    char head[2] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, head, sizeof head);
    if (fd >= 0)
        close(fd);
    return n == 2 && head[0] == '#' && head[1] == '!';
}

/* What a program prints, at most `cap` - 1 bytes, without the newline. */
static int listen_to(const char *const *argv, char *out, size_t cap)
{
    int fd[2], status = 0;
    size_t n = 0;
    if (pipe2(fd, O_CLOEXEC) < 0)
        return -1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        if (null < 0 || dup2(null, 0) < 0 || dup2(null, 2) < 0 || dup2(fd[1], 1) < 0)
            _exit(127);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(fd[1]);
    int64_t end = clock_ns() + (int64_t)ASK_SECONDS * 1000000000;
    while (pid > 0 && n + 1 < cap && clock_ns() < end) {
        struct pollfd p = {.fd = fd[0], .events = POLLIN};
        if (poll(&p, 1, 1000) <= 0)
            continue;
        ssize_t k = read(fd[0], out + n, cap - 1 - n);
        if (k <= 0)
            break;
        n += (size_t)k;
    }
    out[n] = 0;
    close(fd[0]);
    if (pid <= 0)
        return -1;
    if (clock_ns() >= end)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    out[strcspn(out, "\n")] = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

int taskcode_python(const char *name, struct arena *a, const char **out, struct assay_err *e)
{
    const char *path = in_path(name, a);
    char real[4096];
    if (!path)
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "task code needs Python, and there is no '%s'; see --task-code-python", name);
    const char *const argv[] = {path, "-I", "-c", "import sys; print(sys.executable)", NULL};
    *out = path;
    if (!is_script(path))
        return 0;
    if (listen_to(argv, real, sizeof real) < 0 || real[0] != '/')
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "task code needs Python, and '%s' starts none; see --task-code-python", path);
    *out = arena_strdup(a, real);
    return 0;
}
