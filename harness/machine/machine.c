/* machine.c - identity of the hardware and its environment.
 *
 * Topology by hwloc, restricted to the processors this process may use; the rest from /proc and
 * /sys.  A virtual machine hides much: what is not there is null. */
#include "harness/machine/machine.h"
#include <ctype.h>
#include <dirent.h>
#include <gnu/libc-version.h>
#include <hwloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/base/value.h"

enum { MAX_ENTRIES = 32 };
struct dict {
    struct arena *arena;
    struct value_entry v[MAX_ENTRIES];
    size_t n;
};

static void put(struct dict *d, const char *key, const struct value *v)
{
    if (d->n < MAX_ENTRIES)
        d->v[d->n++] = (struct value_entry){value_str(d->arena, key), v ? v : &value_null};
}

static void put_text(struct dict *d, const char *key, const char *text)
{
    put(d, key, text && *text ? value_str(d->arena, text) : NULL);
}

static void put_int(struct dict *d, const char *key, int64_t x) /* negative: null */
{
    put(d, key, x >= 0 ? value_int(d->arena, x) : NULL);
}

/* -- /proc and /sys ---------------------------------------------------------------------------- */

/* First line of a file, without white space around; NULL when there is none. */
static char *read_line(struct arena *a, const char *path)
{
    char line[512];
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL;
    char *got = fgets(line, sizeof line, f);
    fclose(f);
    if (!got)
        return NULL;
    size_t n = strlen(line);
    while (n && isspace((unsigned char)line[n - 1]))
        line[--n] = 0;
    return arena_strdup(a, line);
}

/* "key : value" of /proc/cpuinfo's first processor. */
static char *cpuinfo(struct arena *a, const char *key)
{
    char line[4096];
    char *found = NULL;
    FILE *f = fopen("/proc/cpuinfo", "r");
    size_t n = strlen(key);
    while (f && !found && fgets(line, sizeof line, f) && line[0] != '\n') {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, key, n) != 0 ||
            (line[n] != '\t' && line[n] != ' ' && line[n] != ':'))
            continue;
        char *p = colon + 1;
        while (isspace((unsigned char)*p))
            p++;
        p[strcspn(p, "\n")] = 0;
        found = arena_strdup(a, p);
    }
    if (f)
        fclose(f);
    return found;
}

static int64_t memory_bytes(void)
{
    char line[256];
    long long kib = -1;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemTotal: %lld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib < 0 ? -1 : (int64_t)kib * 1024;
}

static bool is_virtual(struct arena *a)
{
#if defined(__x86_64__)
    char line[4096];
    bool found = false;
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && !found && fgets(line, sizeof line, f))
        found = strncmp(line, "flags", 5) == 0 && strstr(line, " hypervisor");
    if (f)
        fclose(f);
    (void)a;
    return found;
#else
    const char *type = read_line(a, "/sys/hypervisor/type");
    return type && *type;
#endif
}

/* Names of NVIDIA devices as the driver lists them; the list is empty without a driver. */
static const struct value *gpus(struct arena *a)
{
    const struct value *items[64];
    size_t n = 0;
    DIR *d = opendir("/proc/driver/nvidia/gpus");
    for (struct dirent *x; d && (x = readdir(d)) && n < 64;) {
        char line[512];
        FILE *f =
            x->d_name[0] == '.'
                ? NULL
                : fopen(arena_printf(a, "/proc/driver/nvidia/gpus/%s/information", x->d_name), "r");
        while (f && fgets(line, sizeof line, f)) {
            if (strncmp(line, "Model:", 6) != 0)
                continue;
            char *p = line + 6;
            while (isspace((unsigned char)*p))
                p++;
            p[strcspn(p, "\n")] = 0;
            items[n++] = value_str(a, p);
            break;
        }
        if (f)
            fclose(f);
    }
    if (d)
        closedir(d);
    return value_list(a, items, n);
}

/* -- topology ---------------------------------------------------------------------------------- */

static const struct value *caches(struct arena *a, hwloc_topology_t t)
{
    static const struct {
        hwloc_obj_type_t type;
        const char *name;
    } kinds[] = {{HWLOC_OBJ_L1CACHE, "l1d"},
                 {HWLOC_OBJ_L1ICACHE, "l1i"},
                 {HWLOC_OBJ_L2CACHE, "l2"},
                 {HWLOC_OBJ_L3CACHE, "l3"},
                 {HWLOC_OBJ_L4CACHE, "l4"}};
    struct dict d = {.arena = a};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        hwloc_obj_t o = hwloc_get_obj_by_type(t, kinds[i].type, 0);
        if (o && o->attr)
            put_int(&d, kinds[i].name, (int64_t)o->attr->cache.size);
    }
    return value_dict(a, d.v, d.n);
}

static int count(hwloc_topology_t t, hwloc_obj_type_t type)
{
    int n = hwloc_get_nbobjs_by_type(t, type);
    return n > 0 ? n : -1;
}

static int topology(struct dict *key, struct dict *env, struct assay_err *e)
{
    hwloc_topology_t t;
    setenv("HWLOC_HIDE_ERRORS", "2", 0);       /* only the command line prints */
    if (hwloc_topology_init(&t) < 0)
        return err_set(e, ASSAY_EIO, "hwloc cannot describe this machine");
    hwloc_topology_set_type_filter(t, HWLOC_OBJ_L1ICACHE, HWLOC_TYPE_FILTER_KEEP_ALL);
    hwloc_topology_set_flags(t, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    if (hwloc_topology_load(t) < 0) {
        hwloc_topology_destroy(t);
        return err_set(e, ASSAY_EIO, "hwloc cannot read the topology of this machine");
    }
    put_int(key, "sockets", count(t, HWLOC_OBJ_PACKAGE));
    put_int(key, "cores", count(t, HWLOC_OBJ_CORE));
    put_int(key, "threads", count(t, HWLOC_OBJ_PU));
    put_int(key, "numa_nodes", count(t, HWLOC_OBJ_NUMANODE));
    put(key, "caches", caches(key->arena, t));
    hwloc_bitmap_t allowed = hwloc_bitmap_alloc();
    if (allowed && hwloc_get_cpubind(t, allowed, HWLOC_CPUBIND_PROCESS) == 0) {
        char text[1024];
        hwloc_bitmap_and(allowed, allowed, hwloc_topology_get_allowed_cpuset(t));
        hwloc_bitmap_list_snprintf(text, sizeof text, allowed);
        put_text(env, "allowed_cpus", text);
        put_int(env, "n_allowed_cpus", hwloc_bitmap_weight(allowed));
    }
    hwloc_bitmap_free(allowed);
    hwloc_topology_destroy(t);
    return 0;
}

/* -- both records ------------------------------------------------------------------------------ */

static void put_processor(struct dict *d)
{
    struct arena *a = d->arena;
#if defined(__x86_64__)
    put_text(d, "arch", "x86_64");
    put_text(d, "vendor", cpuinfo(a, "vendor_id"));
    put_text(d, "family", cpuinfo(a, "cpu family"));
    put_text(d, "model", cpuinfo(a, "model"));
    put_text(d, "stepping", cpuinfo(a, "stepping"));
#else
    struct utsname u;
    put_text(d, "arch", uname(&u) == 0 ? u.machine : NULL);
    put_text(d, "vendor", cpuinfo(a, "CPU implementer"));
    put_text(d, "family", cpuinfo(a, "CPU architecture"));
    put_text(d, "model", cpuinfo(a, "CPU part"));
    put_text(d, "stepping", cpuinfo(a, "CPU revision"));
#endif
    put_text(d, "cpu", cpuinfo(a, "model name"));
    put(d, "isa", machine_isa(a));
}

static const char *compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}

static void put_environment(struct dict *d)
{
    struct arena *a = d->arena;
    struct utsname u;
    bool known = uname(&u) == 0;
    put_text(d, "kernel", known ? arena_printf(a, "%s %s", u.sysname, u.release) : NULL);
    put_text(d, "microcode", cpuinfo(a, "microcode"));
    put_text(d, "governor", read_line(a, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
    put_text(d, "frequency_driver",
             read_line(a, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver"));
    put_text(d, "max_khz", read_line(a, "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"));
    put_text(d, "boost", read_line(a, "/sys/devices/system/cpu/cpufreq/boost"));
    put_text(d, "smt", read_line(a, "/sys/devices/system/cpu/smt/control"));
    put_text(d, "huge_pages", read_line(a, "/sys/kernel/mm/transparent_hugepage/enabled"));
    put_text(d, "clock",
             read_line(a, "/sys/devices/system/clocksource/clocksource0/current_clocksource"));
    put_text(d, "libc", arena_printf(a, "glibc %s", gnu_get_libc_version()));
    put_text(d, "compiler", compiler());
    put_text(d, "cpu_mask", getenv("ASSAY_CPU"));
}

static void uid_of(const struct value *v, char out[65])
{
    uint8_t digest[HASH_BYTES];
    hash_value(v, digest);
    hash_hex(digest, out);
}

int machine_describe(struct arena *a, struct machine *m, struct assay_err *e)
{
    struct dict key = {.arena = a}, env = {.arena = a};
    struct utsname u;
    put_processor(&key);
    TRY(topology(&key, &env, e));
    int64_t bytes = memory_bytes();
    put_int(&key, "memory_gib", bytes < 0 ? -1 : (int64_t)llround((double)bytes / (1 << 30)));
    put(&key, "hypervisor", value_bool(is_virtual(a)));
    put(&key, "gpus", gpus(a));
    put_environment(&env);
    m->name = uname(&u) == 0 ? arena_strdup(a, u.nodename) : "unknown";
    m->class_key = value_dict(a, key.v, key.n);
    m->environment = value_dict(a, env.v, env.n);
    uid_of(m->class_key, m->class_uid);
    const struct value *both[] = {m->class_key, m->environment, value_str(a, m->name)};
    uid_of(value_list(a, both, 3), m->uid);
    return 0;
}
