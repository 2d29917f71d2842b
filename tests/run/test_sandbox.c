/* test_sandbox.c - the one folder that task code may write to: its limits, with a tmpfs and without. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/value.h"
#include "harness/run/sandbox.h"
#include "harness/run/scratch.h"
#include "harness/run/taskcode.h"

static char elsewhere[256];

/* From here on this process mounts nothing, as on a system that does not let it. */
static void forbid_mounts(void)
{
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_mount, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof f / sizeof *f, f};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Bytes that fit into a new file; -1: it can't be made. */
static long write_file(const char *folder, const char *name, long n)
{
    static char block[1 << 16];
    char path[512];
    long done = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_CREAT | O_WRONLY | O_EXCL, 0600);
    if (fd < 0)
        return -1;
    while (done < n) {
        ssize_t k = write(fd, block, sizeof block);
        if (k <= 0)
            break;
        done += k;
    }
    close(fd);
    return done;
}

enum { WROTE = 1, BOUND_FILE = 2, BOUND_ALL = 4, BOUND_FILES = 8, KEPT_OUT = 16, NO_LINK = 32 };

/* What a sandboxed process finds out about its folder. */
static int look(const char *scratch)
{
    char path[512], other[512];
    int found = 0;
    long all = 0;
    signal(SIGXFSZ, SIG_IGN);
    if (write_file(scratch, "a", 1 << 16) == 1 << 16)
        found |= WROTE;
    snprintf(path, sizeof path, "%s/b", elsewhere);
    snprintf(other, sizeof other, "%s/file", elsewhere);
    int fd = open(other, O_WRONLY | O_TRUNC);
    if (write_file(elsewhere, "b", 1) < 0 && write_file("/tmp", "assay-test-sandbox", 1) < 0 && fd < 0 &&
        mkdir(path, 0700) < 0 && unlink(other) < 0 && chmod(scratch, 0700) == 0)
        found |= KEPT_OUT;
    snprintf(path, sizeof path, "%s/link", scratch);
    if (symlink(other, path) < 0 && link(other, path) < 0 && rename(other, path) < 0)
        found |= NO_LINK;
    long one = write_file(scratch, "big", 100L << 20);
    if (one > 1 << 20 && one < 64L << 20)
        found |= BOUND_FILE;
    snprintf(path, sizeof path, "%s/big", scratch);
    unlink(path);
    for (int i = 0; i < 100; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%d", i);
        long k = write_file(scratch, name, 1 << 20);
        all += k > 0 ? k : 0;
    }
    if (all < 66L << 20)
        found |= BOUND_ALL;
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "%s/n%d", scratch, i);
        unlink(path);
    }
    int n = 0;
    for (char name[32]; n < 6000; n++) {
        snprintf(name, sizeof name, "e%d", n);
        if (write_file(scratch, name, 0) < 0)
            break;
    }
    if (n < 6000)
        found |= BOUND_FILES;
    return found;
}

struct seen {
    int missing, found;
};

static struct seen in_sandbox(bool has_mounts)
{
    int fd[2];
    struct seen s = {-1, 0};
    char *scratch = scratch_make();
    assert_non_null(scratch);
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (!has_mounts)
            forbid_mounts();
        struct sandbox box = {1LL << 32, scratch};
        s.missing = sandbox_enter(&box);
        s.found = look(scratch);
        _exit(write(fd[1], &s, sizeof s) == (ssize_t)sizeof s ? 0 : 1);
    }
    close(fd[1]);
    if (read(fd[0], &s, sizeof s) != (ssize_t)sizeof s)
        s.missing = -1;
    close(fd[0]);
    waitpid(pid, NULL, 0);
    if (s.missing >= 0 && s.missing & SANDBOX_ON_DISK)
        assert_true(scratch_is_full(scratch)); /* of files: the last of what look() did */
    scratch_remove(scratch);
    assert_int_not_equal(access(scratch, F_OK), 0);
    free(scratch);
    assert_true(s.missing >= 0);
    return s;
}

static void test_tmpfs(void **state)
{
    (void)state;
    struct seen s = in_sandbox(true);
    if (s.missing & (SANDBOX_ON_DISK | SANDBOX_NO_SCRATCH)) {
        print_message("this system lets nobody mount a folder of their own\n");
        return;
    }
    assert_int_equal(s.found, WROTE | BOUND_FILE | BOUND_ALL | BOUND_FILES | KEPT_OUT | NO_LINK);
}

/* Its files can't get larger one by one; how many there are somebody has to watch. */
static void test_disk(void **state)
{
    (void)state;
    struct seen s = in_sandbox(false);
    if (s.missing & SANDBOX_NO_FILES) {
        print_message("this kernel has no Landlock\n");
        assert_true(s.missing & SANDBOX_NO_SCRATCH);
        return;
    }
    assert_true(s.missing & SANDBOX_ON_DISK);
    assert_int_equal(s.found & ~(BOUND_ALL | BOUND_FILES), WROTE | BOUND_FILE | KEPT_OUT | NO_LINK);
}

static void test_none(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct sandbox box = {1LL << 32, NULL};
        int missing = sandbox_enter(&box);
        signal(SIGXFSZ, SIG_IGN);
        _exit(missing & SANDBOX_NO_SCRATCH && write_file(elsewhere, "c", 1 << 16) <= 0 ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

/* Python that fills a folder on the disk is ended, and nothing of it stays. */
static bool ask_to_fill(const char *module)
{
    static struct arena a;
    struct assay_err e = {0};
    struct taskcode_options o = {.python = "python3", .timeout_s = 60, .memory_bytes = 1LL << 31};
    struct taskcode *t = taskcode_new(&o);
    const struct value *answer, *names[2] = {value_str(&a, module), value_str(&a, "fill")};
    struct value *func = value_list(&a, names, 2);
    func->type = VALUE_TUPLE;
    const struct value_entry q[] = {{value_str(&a, "op"), value_str(&a, "call")},
                                    {value_str(&a, "func"), func},
                                    {value_str(&a, "yaml"), value_str(&a, module)}};
    int rc = taskcode_host(t)->call(t, value_dict(&a, q, 3), &a, &answer, &e);
    bool was_ended = rc == ASSAY_ELIMIT && strstr(e.msg, "in its scratch folder");
    if (!was_ended)
        fprintf(stderr, "%d %s\n", rc, rc < 0 ? e.msg : "it was let be");
    taskcode_free(t);
    return was_ended;
}

static void test_watched(void **state)
{
    (void)state;
    char path[300];
    if (system("python3 -c '' 2> /dev/null") != 0) {
        print_message("no python3\n");
        return;
    }
    snprintf(path, sizeof path, "%s/fill.py", elsewhere);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("import os, tempfile, time\n"
          "def fill():\n"
          "    for i in range(100):\n"
          "        with open(os.path.join(tempfile.gettempdir(), 'x%d' % i), 'wb') as f:\n"
          "            f.write(bytes(1 << 20))\n"
          "    time.sleep(30)\n"
          "    return []\n", f);
    fclose(f);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("TMPDIR", elsewhere, 1);
        forbid_mounts();
        bool was_ended = ask_to_fill(path);
        char command[400];
        snprintf(command, sizeof command, "test -z \"$(ls -d '%s'/assay-code-* 2> /dev/null)\"", elsewhere);
        _exit(!was_ended ? 1 : system(command) != 0 ? 2 : 0);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int set_up(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(elsewhere, sizeof elsewhere, "%s/assay-test-XXXXXX", base ? base : "/tmp");
    return mkdtemp(elsewhere) && write_file(elsewhere, "file", 1) > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(elsewhere);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tmpfs),
        cmocka_unit_test(test_disk),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_watched),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
