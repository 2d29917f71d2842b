/* test_energy.c - the meter against trees of real files whose counters the test moves. */
#include "tests/testing.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "harness/base/clock.h"
#include "harness/machine/energy.h"

#define RANGE "65532610987" /* of a Zen package, in microjoules: 65.5 kJ */
static char dir[256];

static int set_up(void **state)
{
    (void)state;
    temp_dir(dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temp_remove(dir);
    return 0;
}

/* Renamed into place, so that nobody reads half a number. */
static void put(const char *zone, const char *file, const char *text)
{
    char path[512], part[540];
    snprintf(path, sizeof path, "%s/%s", dir, zone);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s", dir, zone, file);
    snprintf(part, sizeof part, "%s.part", path);
    temp_write(part, text, strlen(text));
    assert_int_equal(rename(part, path), 0);
}

static void put_uj(const char *zone, int64_t uj)
{
    char text[32];
    snprintf(text, sizeof text, "%lld\n", (long long)uj);
    put(zone, "energy_uj", text);
}

static void zone(const char *zone_name, const char *name, int64_t uj)
{
    put(zone_name, "name", name);
    put(zone_name, "max_energy_range_uj", RANGE "\n");
    put_uj(zone_name, uj);
}

static void sleep_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static struct energy_meter opened(void)
{
    struct energy_meter m;
    energy_open(&m, dir);
    return m;
}

/* Two sockets with everything real machines show beside the packages. */
static void test_what_is_summed(void **state)
{
    (void)state;
    zone("intel-rapl:0", "package-0\n", 1000000);
    zone("intel-rapl:1", "package-1\n", 2000000);
    zone("intel-rapl:2", "psys\n", 7);
    zone("intel-rapl:0:0", "core\n", 7);
    zone("intel-rapl:0:1", "uncore\n", 7);
    zone("intel-rapl:0:2", "dram\n", 500);
    zone("intel-rapl:1:0", "dram\n", 600);
    zone("intel-rapl-mmio:0", "package-0\n", 7);
    zone("dtpm:0", "package-0\n", 7);
    struct energy_meter m = opened();
    assert_true(m.has[ENERGY_PACKAGE] && m.has[ENERGY_DRAM]);
    assert_int_equal(m.n_zones, 4);
    energy_begin(&m);
    sleep_ms(20);
    put_uj("intel-rapl:0", 1000000 + 300000);
    put_uj("intel-rapl:1", 2000000 + 200000);
    put_uj("intel-rapl:2", 9000000);
    put_uj("intel-rapl:0:0", 9000000);
    put_uj("intel-rapl:0:1", 9000000);
    put_uj("intel-rapl-mmio:0", 9000000);
    put_uj("intel-rapl:0:2", 500 + 3000);
    put_uj("intel-rapl:1:0", 600 + 4000);
    energy_end(&m);
    struct energy_total p = energy_result(&m.total[ENERGY_PACKAGE]),
                        d = energy_result(&m.total[ENERGY_DRAM]);
    assert_int_equal(p.uj, 500000);
    assert_int_equal(d.uj, 7000);
    assert_int_equal(p.n_reads, 2);
    assert_int_equal(p.n_blocks, 1);
    assert_true(p.ns >= 20000000 && p.ns == d.ns);
    assert_string_equal(p.reason, "");
}

/* Blocks add up, what lies between them does not count, and a reset forgets. */
static void test_blocks(void **state)
{
    (void)state;
    zone("intel-rapl:0", "package-0", 100);
    struct energy_meter m = opened();
    assert_false(m.has[ENERGY_DRAM]);
    assert_string_equal(m.reason[ENERGY_DRAM], "");
    put_uj("intel-rapl:0", 50000);
    for (int i = 0; i < 2; i++) {
        energy_begin(&m);
        energy_begin(&m); /* is on already */
        sleep_ms(5);
        put_uj("intel-rapl:0", 51000 + 10000 * i);
        energy_end(&m);
        energy_end(&m);
        put_uj("intel-rapl:0", 60000);
    }
    struct energy_total t = energy_result(&m.total[ENERGY_PACKAGE]);
    assert_int_equal(t.uj, 1000 + 1000);
    assert_int_equal(t.n_blocks, 2);
    assert_int_equal(t.n_reads, 4);
    energy_reset(&m);
    energy_begin(&m);
    put_uj("intel-rapl:0", 60003);
    energy_end(&m);
    assert_int_equal(energy_result(&m.total[ENERGY_PACKAGE]).uj, 3);
}

static void test_wraps(void **state)
{
    (void)state;
    zone("intel-rapl:0", "package-0", 65532610987 - 400);
    struct energy_meter m = opened();
    energy_begin(&m);
    sleep_ms(5);
    put_uj("intel-rapl:0", 1100);
    energy_end(&m);
    assert_int_equal(energy_result(&m.total[ENERGY_PACKAGE]).uj, 1500);
}

/* A counter that starts again every two seconds of its fastest pace: readings in between see it. */
static void test_ticks(void **state)
{
    (void)state;
    zone("intel-rapl:0", "package-0", 1999900000);
    put("intel-rapl:0", "max_energy_range_uj", "2000000000");
    struct energy_meter m = opened();
    energy_tick(&m, clock_ns() + 1000000000000); /* nothing is on */
    assert_int_equal(m.total[ENERGY_PACKAGE].n_reads, 0);
    energy_begin(&m);
    energy_tick(&m, clock_ns()); /* not due */
    assert_int_equal(m.total[ENERGY_PACKAGE].n_reads, 1);
    sleep_ms(1100);
    put_uj("intel-rapl:0", 500000);
    energy_tick(&m, clock_ns());
    assert_int_equal(m.total[ENERGY_PACKAGE].n_reads, 2);
    sleep_ms(1100);
    put_uj("intel-rapl:0", 900000);
    energy_end(&m);
    assert_int_equal(energy_result(&m.total[ENERGY_PACKAGE]).uj, 100000 + 900000);
}

/* The same without them: it can't be known, so it isn't said. */
static void test_unseen_start(void **state)
{
    (void)state;
    zone("intel-rapl:0", "package-0", 1000);
    zone("intel-rapl:0:0", "dram", 1000);
    put("intel-rapl:0", "max_energy_range_uj", "1000000000");
    struct energy_meter m = opened();
    energy_begin(&m);
    sleep_ms(1100);
    put_uj("intel-rapl:0", 2000);
    put_uj("intel-rapl:0:0", 2000);
    energy_end(&m);
    struct energy_total t = energy_result(&m.total[ENERGY_PACKAGE]);
    assert_int_equal(t.uj, -1);
    assert_contains(t.reason, "no reading for 1 s: intel-rapl:0 may have started again unseen");
    assert_int_equal(energy_result(&m.total[ENERGY_DRAM]).uj, 1000);
}

static void expect_reason(const char *root, enum energy_source s, const char *part)
{
    struct energy_meter m;
    energy_open(&m, root);
    assert_false(m.has[s]);
    assert_contains(m.reason[s], part);
    energy_begin(&m);
    energy_end(&m);
    assert_true(s != ENERGY_PACKAGE || m.total[s].uj == -1);
}

static void test_none(void **state)
{
    char path[300];
    (void)state;
    snprintf(path, sizeof path, "%s/nowhere", dir);
    expect_reason(path, ENERGY_PACKAGE, "shows no RAPL counters");
    expect_reason(dir, ENERGY_PACKAGE, "shows no RAPL counters");
    zone("intel-rapl:0", "psys", 5); /* overlaps everything: not in the place of a package */
    zone("intel-rapl:0:0", "core", 5);
    expect_reason(dir, ENERGY_PACKAGE, "shows no RAPL counters");
}

static void test_hostile_files(void **state)
{
    static const struct {
        const char *file, *text, *reason;
    } bad[] = {
        {"energy_uj", "", "energy_uj of intel-rapl:1 holds no number"},
        {"energy_uj", "-5", "holds no number"},
        {"energy_uj", "12abc", "holds no number"},
        {"energy_uj", "1e6", "holds no number"},
        {"energy_uj", " 7", "holds no number"},
        {"energy_uj", "99999999999999999999", "holds no number"},
        {"energy_uj", "65532610988", "above max_energy_range_uj"},
        {"max_energy_range_uj", "0", "max_energy_range_uj of intel-rapl:1 is 0"},
        {"max_energy_range_uj", "65536", "too small to be followed"},
        {"max_energy_range_uj", "lots", "max_energy_range_uj of intel-rapl:1 holds no number"},
    };
    (void)state;
    for (size_t i = 0; i < N_OF(bad); i++) {
        zone("intel-rapl:0", "package-0", 100); /* one good zone is not the machine */
        zone("intel-rapl:1", "package-1", 100);
        put("intel-rapl:1", bad[i].file, bad[i].text);
        expect_reason(dir, ENERGY_PACKAGE, bad[i].reason);
    }
    zone("intel-rapl:1", "package-1", 100);
    zone("intel-rapl:0:0", "dram", 100);
    put("intel-rapl:0:0", "energy_uj", "x"); /* memory alone is unknown then */
    expect_reason(dir, ENERGY_DRAM, "holds no number");
    assert_true(opened().has[ENERGY_PACKAGE]);
}

/* What goes wrong while a block is measured. */
static void test_hostile_counters(void **state)
{
    static const struct {
        const char *text, *reason;
    } bad[] = {
        {"garbage", "holds no number"},
        {"65532610988", "above max_energy_range_uj"},
        {"5000000000", "jumped by"}, /* 5 kJ in 60 ms */
        {"90", "jumped by"},         /* back: a reset, not a start after 65 kJ */
        {NULL, "cannot read energy_uj of intel-rapl:0: No such file"},
    };
    (void)state;
    for (size_t i = 0; i < N_OF(bad); i++) {
        zone("intel-rapl:0", "package-0", 100);
        struct energy_meter m = opened();
        energy_begin(&m);
        sleep_ms(60);
        if (bad[i].text) {
            put("intel-rapl:0", "energy_uj", bad[i].text);
        } else {
            char path[512];
            snprintf(path, sizeof path, "%s/intel-rapl:0/energy_uj", dir);
            unlink(path);
        }
        energy_end(&m);
        put_uj("intel-rapl:0", 100);
        energy_begin(&m); /* a good block does not mend a bad one */
        put_uj("intel-rapl:0", 300);
        energy_end(&m);
        struct energy_total t = energy_result(&m.total[ENERGY_PACKAGE]);
        assert_int_equal(t.uj, -1);
        assert_contains(t.reason, bad[i].reason);
        energy_reset(&m);
        energy_begin(&m);
        put_uj("intel-rapl:0", 500);
        energy_end(&m);
        assert_int_equal(energy_result(&m.total[ENERGY_PACKAGE]).uj, 200);
    }
}

/* Pieces of different jobs in turns: what one of them lost is lost for its sum. */
static void test_sums(void **state)
{
    struct energy_total sum = {0}, none = {.uj = -1, .reason = "because"};
    (void)state;
    zone("intel-rapl:0", "package-0", 100);
    struct energy_meter m = opened();
    for (int i = 1; i <= 2; i++) {
        energy_reset(&m);
        energy_begin(&m);
        put_uj("intel-rapl:0", 100 + 70 * i);
        energy_end(&m);
        energy_add(&sum, &m.total[ENERGY_PACKAGE]);
    }
    assert_int_equal(energy_result(&sum).uj, 140);
    assert_int_equal(sum.n_blocks, 2);
    energy_add(&sum, &none);
    energy_add(&sum, &m.total[ENERGY_PACKAGE]);
    assert_int_equal(energy_result(&sum).uj, -1);
    assert_string_equal(sum.reason, "because");
}

/* Nothing counted is no zero: neither in a moment, nor by one of two packages that stands still. */
static void test_still(void **state)
{
    (void)state;
    zone("intel-rapl:0", "package-0", 100);
    zone("intel-rapl:1", "package-1", 100);
    struct energy_meter m = opened();
    energy_begin(&m);
    sleep_ms(2);
    energy_end(&m);
    struct energy_total t = energy_result(&m.total[ENERGY_PACKAGE]);
    assert_int_equal(t.uj, -1);
    assert_contains(t.reason, "the counter did not move in ");
    energy_reset(&m);
    energy_begin(&m);
    sleep_ms(1010);
    put_uj("intel-rapl:1", 7000000);
    energy_end(&m);
    t = energy_result(&m.total[ENERGY_PACKAGE]);
    assert_int_equal(t.uj, -1);
    assert_contains(t.reason, "intel-rapl:0 did not move for 1");
}

/* Root reads everything: the question is asked by somebody else. */
static void test_permission(void **state)
{
    char path[512];
    int status;
    (void)state;
    zone("intel-rapl:0", "package-0", 100);
    snprintf(path, sizeof path, "%s/intel-rapl:0/energy_uj", dir);
    chmod(path, 0400);
    chmod(dir, 0755);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct energy_meter m;
        if (getuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
            _exit(2);
        if (getuid() != 65534)
            chmod(path, 0);
        energy_open(&m, dir);
        _exit(m.has[ENERGY_PACKAGE] ||
              strcmp(m.reason[ENERGY_PACKAGE], "needs root or read permission on energy_uj") != 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A counter that runs by itself, as a processor's does: 40 W for a quarter of a second. */
static void *turn(void *user)
{
    _Atomic int *stop = user;
    for (int64_t start = clock_ns(), uj = 65532000000; !*stop; sleep_ms(1)) {
        int64_t now = uj + (clock_ns() - start) * 40 / 1000;
        put_uj("intel-rapl:0", now % 65532610987);
    }
    return NULL;
}

static void test_running(void **state)
{
    _Atomic int stop = 0;
    pthread_t thread;
    (void)state;
    zone("intel-rapl:0", "package-0", 65532000000);
    assert_int_equal(pthread_create(&thread, NULL, turn, &stop), 0);
    struct energy_meter m = opened();
    energy_begin(&m);
    sleep_ms(250);
    energy_end(&m);
    stop = 1;
    pthread_join(thread, NULL);
    struct energy_total t = energy_result(&m.total[ENERGY_PACKAGE]);
    assert_string_equal(t.reason, "");
    double watts = (double)t.uj * 1e3 / (double)t.ns;
    if (testing_measures())
        assert_true(watts > 20 && watts < 80);
}

static void test_variable(void **state)
{
    struct energy_meter m;
    (void)state;
    zone("intel-rapl:0", "package-0", 100);
    setenv(ENERGY_ROOT_VARIABLE, dir, 1);
    energy_open(&m, NULL);
    assert_true(energy_any(&m));
    char long_name[600];
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = 0;
    setenv(ENERGY_ROOT_VARIABLE, long_name, 1);
    expect_reason(NULL, ENERGY_PACKAGE, "too long");
    unsetenv(ENERGY_ROOT_VARIABLE);
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_what_is_summed), WITH_DIR(test_blocks),           WITH_DIR(test_wraps),
        WITH_DIR(test_ticks),          WITH_DIR(test_unseen_start),     WITH_DIR(test_none),
        WITH_DIR(test_hostile_files),  WITH_DIR(test_hostile_counters), WITH_DIR(test_still),
        WITH_DIR(test_permission),     WITH_DIR(test_running),          WITH_DIR(test_variable),
        WITH_DIR(test_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
