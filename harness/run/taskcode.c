/* taskcode.c - starting, asking and ending the Python process of task code. */
#include "harness/run/taskcode.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/log.h"
#include "harness/run/sandbox.h"
#include "harness/run/scratch.h"
#include "harness/run/taskcode_python.h"
#include "harness/run/taskcode_wire.h"
#include "taskcode_data_py.h"
#include "taskcode_lmeval_py.h"
#include "taskcode_py.h"

enum { MAGIC = 0x31544341, HEAD = 16, PIPE_FD = 3, SAID = 512 };
enum { MAX_ANSWER = 64 << 20, MAX_QUESTION = 512 << 20 };

struct taskcode {
    struct taskcode_options options;
    struct task_host host;
    char *script;       /* the three files in one */
    const char *python; /* found; NULL: not looked for yet */
    struct arena arena;
    pid_t pid;    /* 0: none */
    pid_t owner;  /* the process of ours that started it */
    int fd, said_fd;
    uint32_t number;     /* of the question in hand */
    int64_t deadline_ns; /* of the question in hand */
    char said[SAID + 1]; /* the end of what it printed */
    size_t n_said;
    bool was_warned; /* of what the sandbox lacks */
    char *scratch;   /* the folder it may write to, while it lives; NULL: none */
    bool is_on_disk; /* ... and nothing but us limits how large it grows */
    int64_t watched_ns;
};

/* -- the process ------------------------------------------------------------------------------- */

struct start { /* made before the fork: nothing is allocated behind it */
    const char *python;
    const char *const *argv, *const *env;
    struct sandbox sandbox;
    int pipe, said, status;
    pid_t parent;
};

_Noreturn static void become_python(const struct start *x)
{
    struct sigaction off = {.sa_handler = SIG_DFL};
    sigset_t none;
    int error;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != x->parent)
        _exit(127);
    setsid();
    for (int i = 1; i < 32; i++)
        sigaction(i, &off, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int status = fcntl(x->status, F_DUPFD_CLOEXEC, 10), in = open("/dev/null", O_RDONLY);
    int pipe = fcntl(x->pipe, F_DUPFD, 10), said = fcntl(x->said, F_DUPFD, 10);
    if (status < 0 || in < 0 || pipe < 0 || said < 0 || dup2(in, 0) < 0 || dup2(said, 1) < 0 ||
        dup2(said, 2) < 0 || dup2(pipe, PIPE_FD) < 0 || dup2(status, 4) < 0 ||
        fcntl(4, F_SETFD, FD_CLOEXEC) < 0 || close_range(5, ~0U, 0) < 0 || chdir("/") < 0)
        _exit(127);
    int missing = sandbox_enter(&x->sandbox);
    if (write(4, &missing, sizeof missing) != (ssize_t)sizeof missing)
        _exit(127);
    execve(x->python, (char *const *)(uintptr_t)x->argv, (char *const *)(uintptr_t)x->env);
    error = errno;
    if (write(4, &error, sizeof error) < 0)
        _exit(127);
    _exit(126);
}

static void say_missing(struct taskcode *t, int missing)
{
    t->is_on_disk = missing & SANDBOX_ON_DISK;
    missing &= SANDBOX_NO_NETNS | SANDBOX_NO_FILES | SANDBOX_NO_CALLS;
    if (!missing || t->was_warned)
        return;
    t->was_warned = true;
    log_warn("task code runs with less of a fence here:%s%s%s",
             missing & SANDBOX_NO_NETNS ? " no network of its own is permitted (sockets are refused);"
                                        : "",
             missing & SANDBOX_NO_FILES ? " this kernel can't keep it from writing files (Landlock);"
                                        : "",
             missing & SANDBOX_NO_CALLS ? " this system can't keep it from the network and from other "
                                          "processes (seccomp)"
                                        : "");
}

static void close_both(int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

static int launch(struct taskcode *t, int pipe[2], int said[2], int status[2], struct assay_err *e)
{
    char path[4096], home[4096], tmp[4200];
    const char *p = getenv("PATH"), *h = getenv("HOME");
    snprintf(path, sizeof path, "PATH=%s", p ? p : "/usr/local/bin:/usr/bin:/bin");
    snprintf(home, sizeof home, "HOME=%s", h ? h : "/");
    t->scratch = scratch_make();
    snprintf(tmp, sizeof tmp, "TMPDIR=%s", t->scratch ? t->scratch : "/nonexistent");
    const char *const env[] = {path, home, tmp, "LANG=C.UTF-8", "PYTHONHASHSEED=0", "OMP_NUM_THREADS=1",
                         "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1", "HF_HUB_OFFLINE=1",
                         "TRANSFORMERS_OFFLINE=1", "TOKENIZERS_PARALLELISM=false", NULL};
    /* As -I, except that the environment (the one above) is read: sets must have one order. */
    const char *const argv[] = {t->python, "-s", "-B", "-c", t->script, NULL};
    struct start x = {t->python, argv, env, {t->options.memory_bytes, t->scratch},
                      pipe[1], said[1], status[1], getpid()};
    fflush(NULL);
    t->pid = fork();
    if (t->pid == 0)
        become_python(&x);
    close(pipe[1]);
    close(said[1]);
    close(status[1]);
    if (t->pid < 0) {
        t->pid = 0;
        int rc = err_errno(e, ASSAY_EIO, "cannot start a process");
        close(pipe[0]);
        close(said[0]);
        close(status[0]);
        return rc;
    }
    t->owner = getpid();
    t->fd = pipe[0];
    t->said_fd = said[0];
    t->n_said = 0;
    t->said[0] = 0;
    fcntl(t->fd, F_SETFL, O_NONBLOCK);
    fcntl(t->said_fd, F_SETFL, O_NONBLOCK);
    return 0;
}

static ssize_t read_int(int fd, int *x)
{
    ssize_t n;
    do {
        n = read(fd, x, sizeof *x);
    } while (n < 0 && errno == EINTR);
    return n;
}

static int start(struct taskcode *t, struct assay_err *e)
{
    int pipe[2], said[2], status[2], missing = 0, error = 0;
    if (!t->python)
        TRY(taskcode_python(t->options.python, &t->arena, &t->python, e));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipe) < 0)
        return err_errno(e, ASSAY_EIO, "cannot make a pipe");
    if (pipe2(said, O_CLOEXEC) < 0) {
        close_both(pipe);
        return err_errno(e, ASSAY_EIO, "cannot make a pipe");
    }
    if (pipe2(status, O_CLOEXEC) < 0) {
        close_both(pipe);
        close_both(said);
        return err_errno(e, ASSAY_EIO, "cannot make a pipe");
    }
    TRY(launch(t, pipe, said, status, e));
    ssize_t n = read_int(status[0], &missing), failed = n > 0 ? read_int(status[0], &error) : 0;
    close(status[0]);
    if (n <= 0 || failed > 0) {
        taskcode_stop(t);
        errno = failed > 0 ? error : ECHILD;
        return err_errno(e, ASSAY_EUNSUPPORTED,
                         "task code needs Python, and '%s' can't be started (--task-code-python)",
                         t->options.python);
    }
    say_missing(t, missing);
    return 0;
}

void taskcode_stop(struct taskcode *t)
{
    if (!t || !t->pid)
        return;
    close(t->fd);
    close(t->said_fd);
    if (t->owner == getpid()) {
        kill(-t->pid, SIGKILL); /* its session; before setsid there is only itself */
        kill(t->pid, SIGKILL);
        while (waitpid(t->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        scratch_remove(t->scratch);
    }
    free(t->scratch);
    t->scratch = NULL;
    t->pid = 0;
}

/* Looks at a scratch folder that nothing else limits, at most once in a second. */
static int watch_scratch(struct taskcode *t, struct assay_err *e)
{
    int64_t now = clock_ns();
    if (!t->is_on_disk || t->owner != getpid() || now - t->watched_ns < 1000000000)
        return 0;
    t->watched_ns = now;
    if (!scratch_is_full(t->scratch))
        return 0;
    taskcode_stop(t);
    return err_set(e, ASSAY_ELIMIT, "it keeps more than %d MiB or %d files in its scratch folder, its process was ended",
                   SCRATCH_BYTES >> 20, SCRATCH_FILES);
}

/* -- bytes ------------------------------------------------------------------------------------- */

/* Keeps the end of what it prints, so that it never waits for a reader. */
static void drain(struct taskcode *t)
{
    char text[4096];
    ssize_t n;
    while ((n = read(t->said_fd, text, sizeof text)) > 0) {
        size_t k = (size_t)n < SAID ? (size_t)n : SAID, keep = t->n_said;
        if (keep + k > SAID)
            keep = SAID - k;
        memmove(t->said, t->said + t->n_said - keep, keep);
        memcpy(t->said + keep, text + n - k, k);
        t->n_said = keep + k;
        t->said[t->n_said] = 0;
    }
}

/* The last line it printed, for a message. */
static const char *last_words(struct taskcode *t)
{
    drain(t);
    while (t->n_said && strchr("\n\r ", t->said[t->n_said - 1]))
        t->said[--t->n_said] = 0;
    char *line = strrchr(t->said, '\n');
    return line ? line + 1 : t->said;
}

static int died(struct taskcode *t, struct assay_err *e)
{
    int status = 0;
    char how[64] = "its pipe was closed";
    for (int i = 0; i < 50 && waitpid(t->pid, &status, WNOHANG) == 0; i++)
        poll(NULL, 0, 10);
    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "killed by signal %d", WTERMSIG(status));
    else if (WIFEXITED(status) && status)
        snprintf(how, sizeof how, "exit code %d", WEXITSTATUS(status));
    const char *words = last_words(t);
    err_set(e, ASSAY_EFORMAT, "the Python process ended (%s)%s%.200s", how, *words ? ": " : "", words);
    taskcode_stop(t);
    return ASSAY_EFORMAT;
}

/* Waits until the pipe can be read or written.  Errors: ASSAY_ELIMIT: too late. */
static int await(struct taskcode *t, short events, struct assay_err *e)
{
    for (;;) {
        int64_t left_ns = t->deadline_ns - clock_ns();
        if (left_ns <= 0) {
            taskcode_stop(t);
            return err_set(e, ASSAY_ELIMIT,
                           "no answer within %lld seconds (--task-code-timeout), its process was ended",
                           (long long)t->options.timeout_s);
        }
        struct pollfd p[2] = {{.fd = t->fd, .events = events}, {.fd = t->said_fd, .events = POLLIN}};
        int64_t ms = left_ns / 1000000 + 1;
        int n = poll(p, p[1].fd < 0 ? 1 : 2, ms < 1000 ? (int)ms : 1000);
        if (n > 0 && p[1].revents)
            drain(t);
        TRY(watch_scratch(t, e));
        if (n > 0 && p[0].revents)
            return 0;
        if (n > 0 && p[1].revents & (POLLHUP | POLLERR) && !(p[1].revents & POLLIN))
            poll(NULL, 0, 1); /* it closed its output: only the pipe counts */
    }
}

static int put(struct taskcode *t, const char *p, size_t n, struct assay_err *e)
{
    while (n) {
        ssize_t k = send(t->fd, p, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            TRY(await(t, POLLOUT, e));
            continue;
        }
        if (k < 0)
            return died(t, e);
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

static int get(struct taskcode *t, char *p, size_t n, struct assay_err *e)
{
    while (n) {
        ssize_t k = read(t->fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            TRY(await(t, POLLIN, e));
            continue;
        }
        if (k <= 0)
            return died(t, e);
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

static void put_u32(char *p, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        p[i] = (char)(x >> (8 * i));
}

static uint32_t get_u32(const char *p)
{
    uint32_t x = 0;
    for (int i = 0; i < 4; i++)
        x |= (uint32_t)(unsigned char)p[i] << (8 * i);
    return x;
}

static int put_message(struct taskcode *t, const struct value *v, struct assay_err *e)
{
    struct buf b;
    char head[HEAD];
    buf_init(&b, MAX_QUESTION);
    wire_write(&b, v);
    put_u32(head, MAGIC);
    put_u32(head + 4, t->number);
    put_u32(head + 8, (uint32_t)b.n);
    put_u32(head + 12, 0);
    int rc = b.failed ? err_set(e, ASSAY_ELIMIT, "a question to task code is larger than %d MiB",
                                MAX_QUESTION >> 20)
                      : 0;
    if (rc >= 0)
        rc = put(t, head, HEAD, e);
    if (rc >= 0)
        rc = put(t, b.v, b.n, e);
    buf_release(&b);
    return rc;
}

static int garbage(struct taskcode *t, const char *what, struct assay_err *e)
{
    taskcode_stop(t);
    return err_set(e, ASSAY_EFORMAT, "%s; its process was ended", what);
}

static int get_message(struct taskcode *t, struct arena *a, const struct value **out,
                       uint32_t *number, struct assay_err *e)
{
    char head[HEAD];
    TRY(get(t, head, HEAD, e));
    uint32_t n = get_u32(head + 8);
    *number = get_u32(head + 4);
    if (get_u32(head) != MAGIC || get_u32(head + 12))
        return garbage(t, "something else than an answer came from the pipe", e);
    if (n > MAX_ANSWER)
        return garbage(t, "its answer is larger than 64 MiB", e);
    char *text = malloc(n ? n : 1);
    if (!text)
        return err_set(e, ASSAY_ENOMEM, "out of memory");
    int rc = get(t, text, n, e);
    if (rc >= 0)
        rc = wire_read(text, n, a, out, e);
    free(text);
    return rc;
}

/* -- questions --------------------------------------------------------------------------------- */

/* The code asks in the middle of a question: rows of a data set. */
static int answer_ask(struct taskcode *t, const struct value *ask, struct arena *a,
                      struct assay_err *e)
{
    const struct value *pair[2] = {value_str(a, "error"), NULL}, *rows = NULL;
    struct assay_err why = {0};
    int rc = t->options.load ? t->options.load(t->options.user, ask, a, &rows, &why)
                             : err_set(&why, ASSAY_EUNSUPPORTED, "data sets are not at hand here");
    pair[0] = value_str(a, rc < 0 ? "error" : "ok");
    pair[1] = rc < 0 ? value_str(a, why.msg) : rows;
    uint32_t number = t->number;
    t->number = 0;
    rc = put_message(t, value_list(a, pair, 2), e);
    t->number = number;
    t->deadline_ns = clock_ns() + t->options.timeout_s * 1000000000;
    return rc;
}

static int judge(const struct value *answer, const struct value **out, struct assay_err *e)
{
    static const struct {
        const char *kind;
        int code;
    } kinds[] = {{"module", ASSAY_EUNSUPPORTED}, {"other", ASSAY_EFORMAT}, {"failed", ASSAY_EFORMAT}};
    bool is_pair = (answer->type == VALUE_TUPLE || answer->type == VALUE_LIST) && answer->n == 2 &&
                   answer->items[0]->type == VALUE_STR;
    if (is_pair && value_is_str(answer->items[0], "ok")) {
        *out = answer->items[1];
        return 0;
    }
    for (size_t i = 0; is_pair && i < sizeof kinds / sizeof *kinds; i++)
        if (value_is_str(answer->items[0], kinds[i].kind) && answer->items[1]->type == VALUE_STR)
            return err_set(e, kinds[i].code, "%.400s", answer->items[1]->s);
    return err_set(e, ASSAY_EFORMAT, "its answer has no sense");
}

static int call(void *user, const struct value *ask, struct arena *a, const struct value **out,
                struct assay_err *e)
{
    struct taskcode *t = user;
    if (t->pid && t->owner != getpid())
        taskcode_stop(t);
    if (!t->pid)
        TRY(start(t, e));
    t->number++;
    t->deadline_ns = clock_ns() + t->options.timeout_s * 1000000000;
    TRY(put_message(t, ask, e));
    for (;;) {
        const struct value *answer;
        uint32_t number;
        TRY(get_message(t, a, &answer, &number, e));
        bool is_ask = number == 0 && answer->type == VALUE_TUPLE && answer->n == 2 &&
                      value_is_str(answer->items[0], "ask");
        if (is_ask) {
            TRY(answer_ask(t, answer->items[1], a, e));
            continue;
        }
        if (number != t->number)
            return garbage(t, "an answer to another question came from the pipe", e);
        return judge(answer, out, e);
    }
}

/* -- sessions ---------------------------------------------------------------------------------- */

struct taskcode *taskcode_new(const struct taskcode_options *o)
{
    struct taskcode *t = calloc(1, sizeof *t);
    struct buf b;
    if (!t)
        err_no_memory(sizeof *t);
    buf_init(&b, 0);
    buf_add(&b, taskcode_py, taskcode_py_len);
    buf_add(&b, taskcode_data_py, taskcode_data_py_len);
    buf_add(&b, taskcode_lmeval_py, taskcode_lmeval_py_len);
    t->script = buf_take(&b);
    buf_release(&b);
    t->options = *o;
    t->host = (struct task_host){call, t};
    return t;
}

const struct task_host *taskcode_host(const struct taskcode *t)
{
    return t ? &t->host : NULL;
}

void taskcode_free(struct taskcode *t)
{
    if (!t)
        return;
    taskcode_stop(t);
    arena_release(&t->arena);
    free(t->script);
    free(t);
}
