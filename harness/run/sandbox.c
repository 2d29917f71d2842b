/* sandbox.c - limits, no new privileges, no network, no writing, no other processes. */
#include "harness/run/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

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
#define FS_REFER (1ULL << 13)                  /* since ABI 2 */
#define FS_TRUNCATE (1ULL << 14)               /* since ABI 3 */

struct path_rule {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

static int no_writing(void)
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
    struct path_rule rule = {.allowed = FS_WRITE_FILE, .fd = open("/dev/null", O_PATH | O_CLOEXEC)};
    if (rule.fd >= 0) {
        syscall(LANDLOCK_ADD, set, RULE_PATH, &rule, 0U);
        close(rule.fd);
    }
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

int sandbox_enter(int64_t memory_bytes)
{
    int missing = 0;
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, 256);
    limit(RLIMIT_AS, (rlim_t)memory_bytes);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 && unshare(CLONE_NEWNET) < 0)
        missing |= SANDBOX_NO_NETNS;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return missing | SANDBOX_NO_FILES | SANDBOX_NO_CALLS;
    missing |= no_writing();
    return missing | no_calls();
}
