/* sandbox.c - limits, no new privileges, no network, no writing but into the scratch folder, no other
 * processes. */
#include "harness/run/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/run/scratch.h"

enum { FILE_BYTES = 16 << 20 };        /* the most of one file in the scratch folder */

/* -- limits ------------------------------------------------------------------------------------ */

/* Lowers a limit; never raises one that is lower already. */
static void limit(int what, rlim_t most)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)what, &now) < 0)
        return;
    if (now.rlim_max == RLIM_INFINITY || now.rlim_max > most)
        now.rlim_max = most;
    now.rlim_cur = now.rlim_max;
    setrlimit((__rlimit_resource_t)what, &now);
}

/* -- files: Landlock --------------------------------------------------------------------------- */

/* Numbers of the kernel's ABI, stable, and newer than some headers. */
enum { LANDLOCK_CREATE = 444, LANDLOCK_ADD = 445, LANDLOCK_RESTRICT = 446, RULE_PATH = 1 };
#define FS_WRITE_FILE (1ULL << 1)
#define FS_CHANGES (0xFFFULL << 4 & 0x1FF0)    /* remove_dir .. make_sym: bits 4 to 12 */
#define FS_SCRATCH (1ULL << 4 | 1ULL << 5 | 1ULL << 7 | 1ULL << 8) /* folders and plain files: make, remove */
#define FS_REFER (1ULL << 13)                  /* since ABI 2 */
#define FS_TRUNCATE (1ULL << 14)               /* since ABI 3 */

struct path_rule {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

static void allow(int set, const char *path, uint64_t what)
{
    struct path_rule rule = {.allowed = what, .fd = open(path, O_PATH | O_CLOEXEC)};
    if (rule.fd < 0)
        return;
    syscall(LANDLOCK_ADD, set, RULE_PATH, &rule, 0U);
    close(rule.fd);
}

static int no_writing(const char *scratch)
{
    long abi = syscall(LANDLOCK_CREATE, NULL, (size_t)0, 1U);
    if (abi < 1)
        return SANDBOX_NO_FILES;
    uint64_t handled = FS_WRITE_FILE | FS_CHANGES;
    handled |= abi >= 2 ? FS_REFER : 0;
    handled |= abi >= 3 ? FS_TRUNCATE : 0;
    int set = (int)syscall(LANDLOCK_CREATE, &handled, sizeof handled, 0U);
    if (set < 0)
        return SANDBOX_NO_FILES;
    allow(set, "/dev/null", FS_WRITE_FILE);
    if (scratch)
        allow(set, scratch, handled & (FS_WRITE_FILE | FS_SCRATCH | FS_REFER | FS_TRUNCATE));
    long rc = syscall(LANDLOCK_RESTRICT, set, 0U);
    close(set);
    return rc < 0 ? SANDBOX_NO_FILES : 0;
}

/* -- system calls: seccomp --------------------------------------------------------------------- */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef ARCH
#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define IF_EQUAL(k, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(k), yes, no)
#define RETURN(x) BPF_STMT(BPF_RET | BPF_K, x)
#define DENY(error) RETURN(SECCOMP_RET_ERRNO | (error))
#define DENY_CALL(nr) IF_EQUAL(nr, 0, 1), DENY(EPERM)

static int no_calls(void)
{
    uint32_t self = (uint32_t)getpid();
    struct sock_filter f[] = {
        LOAD(arch),
        IF_EQUAL(ARCH, 1, 0),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
#ifdef __x86_64__
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), /* the x32 numbers */
        DENY(ENOSYS),
        DENY_CALL(__NR_fork),
        DENY_CALL(__NR_vfork),
#endif
        /* the network */
        DENY_CALL(__NR_socket),
        DENY_CALL(__NR_connect),
        DENY_CALL(__NR_bind),
        DENY_CALL(__NR_io_uring_setup),
        /* other processes and the machine */
        DENY_CALL(__NR_ptrace),
        DENY_CALL(__NR_process_vm_readv),
        DENY_CALL(__NR_process_vm_writev),
        DENY_CALL(__NR_pidfd_open),
        DENY_CALL(__NR_pidfd_send_signal),
        DENY_CALL(__NR_tkill),
        DENY_CALL(__NR_unshare),
        DENY_CALL(__NR_setns),
        DENY_CALL(__NR_mount),
        DENY_CALL(__NR_umount2),
        DENY_CALL(__NR_pivot_root),
        DENY_CALL(__NR_chroot),
        DENY_CALL(428 /* open_tree */),
        DENY_CALL(429 /* move_mount */),
        DENY_CALL(430 /* fsopen */),
        DENY_CALL(432 /* fsmount */),
        DENY_CALL(442 /* mount_setattr */),
        DENY_CALL(__NR_bpf),
        DENY_CALL(__NR_keyctl),
        DENY_CALL(__NR_setpriority),
        /* threads are fine, processes are not: clone3 hides its flags, so the C library must use clone */
        IF_EQUAL(435 /* clone3 */, 0, 1),
        DENY(ENOSYS),
        IF_EQUAL(__NR_clone, 0, 4),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1),
        RETURN(SECCOMP_RET_ALLOW),
        DENY(EPERM),
        IF_EQUAL(__NR_prlimit64, 0, 5),
        LOAD(args[0]),
        IF_EQUAL(0, 2, 0),
        IF_EQUAL(self, 1, 0),
        DENY(EPERM),
        RETURN(SECCOMP_RET_ALLOW),
        /* signals to itself only */
        IF_EQUAL(__NR_kill, 1, 0),
        IF_EQUAL(__NR_tgkill, 0, 3),
        LOAD(args[0]),
        IF_EQUAL(self, 1, 0),
        DENY(EPERM),
        RETURN(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof f / sizeof *f, f};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? SANDBOX_NO_CALLS : 0;
}
#else
static int no_calls(void)
{
    return SANDBOX_NO_CALLS;
}
#endif

/* -- namespaces -------------------------------------------------------------------------------- */

static void say(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, text, strlen(text)) < 0)
        errno = 0; /* then files can't be made in the new namespace, and the scratch folder is none */
    close(fd);
}

/* The user outside is nobody inside: who owns files stays as it is, and exec drops what the namespace gave. */
static void map_user(unsigned uid, unsigned gid)
{
    char text[64];
    say("/proc/self/setgroups", "deny");
    snprintf(text, sizeof text, "65534 %u 1", uid);
    say("/proc/self/uid_map", text);
    snprintf(text, sizeof text, "65534 %u 1", gid);
    say("/proc/self/gid_map", text);
}

/* The richest set of namespaces that may be had, files' last. */
static int own_namespaces(bool *has_files)
{
    static const int sets[] = {CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS, CLONE_NEWNET | CLONE_NEWNS,
                               CLONE_NEWUSER | CLONE_NEWNET, CLONE_NEWNET};
    unsigned uid = geteuid(), gid = getegid();
    *has_files = false;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (unshare(sets[i]) == 0) {
            *has_files = sets[i] & CLONE_NEWNS;
            if (sets[i] & CLONE_NEWUSER)
                map_user(uid, gid);
            return 0;
        }
    return SANDBOX_NO_NETNS;
}

static bool mount_scratch(const char *path)
{
    char options[64];
    snprintf(options, sizeof options, "size=%d,nr_inodes=%d,mode=0700", SCRATCH_BYTES, SCRATCH_FILES);
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("assay", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) == 0;
}

static bool can_write(const char *path)
{
    return access(path, W_OK | X_OK) == 0;
}

int sandbox_enter(const struct sandbox *s)
{
    bool has_files;
    const char *scratch = s->scratch;
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, 256);
    limit(RLIMIT_AS, (rlim_t)s->memory_bytes);
    int missing = own_namespaces(&has_files);
    if (scratch && !(has_files && mount_scratch(scratch)))
        missing |= SANDBOX_ON_DISK;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        missing |= SANDBOX_NO_FILES | SANDBOX_NO_CALLS;
    if (scratch && !can_write(scratch))
        scratch = NULL;
    if (!(missing & SANDBOX_NO_FILES))
        missing |= no_writing(scratch);
    /* Where nothing else keeps it from files, none of them may grow. */
    if (!scratch || missing & SANDBOX_NO_FILES)
        missing = (missing & ~SANDBOX_ON_DISK) | SANDBOX_NO_SCRATCH;
    limit(RLIMIT_FSIZE, missing & SANDBOX_NO_SCRATCH ? 0 : FILE_BYTES);
    return missing & SANDBOX_NO_CALLS ? missing : missing | no_calls();
}
