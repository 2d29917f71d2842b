/* bench_index.c - how long the index of a tree of task files takes.
 *
 *   bench_index [DIR [RUNS]]      DIR: a tree as lm_eval/tasks; without it one like that is made:
 *                                 13,879 files in 830 folders, most of which include another
 *
 * Prints medians over RUNS (default 11), wall and processor milliseconds: without a cache; warm,
 * the cache being there.  Machines that are busy with other things show
 * in the difference between the two. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "tasks/task.h"

enum { FILES = 13879, FOLDERS = 830, RUNS_MOST = 101 };

static int make_tree(const char *root)
{
    static const char base[] =
        "dataset_path: org/set\noutput_type: multiple_choice\ntest_split: test\nfewshot_split: dev\n"
        "doc_to_text: \"{{question.strip()}}\\nA. {{choices[0]}}\\nB. {{choices[1]}}\\nAnswer:\"\n"
        "doc_to_choice: [\"A\", \"B\"]\ndoc_to_target: answer\nmetric_list:\n  - metric: acc\n"
        "    aggregation: mean\n    higher_is_better: true\nmetadata:\n  version: 1.0\n";
    struct arena a = {0};
    struct assay_err e;
    int rc = 0;
    for (int i = 0; i < FILES && rc == 0; i++) {
        const char *dir = arena_printf(&a, "%s/family_%03d", root, i % FOLDERS);
        if (i < FOLDERS) {
            rc = fs_mkdirs(dir, &e);
            if (rc == 0)
                rc = fs_write_cache(fs_join(&a, dir, "_base_yaml"), base, strlen(base), &e);
        }
        const char *text = arena_printf(&a,
                                        "# made for a measurement\ndataset_name: part_%d\ninclude: "
                                        "_base_yaml\ntask: task_%d\ntag:\n  - tag_%d\n"
                                        "description: \"The following are questions about %d.\\n\\n\"\n",
                                        i, i, i % 697, i);
        if (rc == 0)
            rc = fs_write_cache(arena_printf(&a, "%s/task_%d.yaml", dir, i), text, strlen(text), &e);
        arena_reset(&a);
    }
    arena_release(&a);
    if (rc < 0)
        fprintf(stderr, "bench_index: %s\n", e.msg);
    return rc;
}

static int open_once(const char *root, const char *cache, double *wall, double *cpu)
{
    struct task_index *x;
    struct assay_err e;
    int64_t w = clock_ns(), c = clock_cpu_ns();
    if (task_index_open(&root, 1, cache, &x, &e) < 0) {
        fprintf(stderr, "bench_index: %s\n", e.msg);
        return -1;
    }
    *wall = (double)(clock_ns() - w) / 1e6;
    *cpu = (double)(clock_cpu_ns() - c) / 1e6;
    task_index_close(x);
    return 0;
}

static int order(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int measure(const char *what, const char *root, const char *cache, int runs)
{
    double wall[RUNS_MOST], cpu[RUNS_MOST];
    for (int i = 0; i < runs; i++)
        if (open_once(root, cache, &wall[i], &cpu[i]) < 0)
            return -1;
    qsort(wall, (size_t)runs, sizeof *wall, order);
    qsort(cpu, (size_t)runs, sizeof *cpu, order);
    printf("%-22s %8.1f ms wall (least %.1f) %8.1f ms cpu\n", what, wall[runs / 2], wall[0], cpu[runs / 2]);
    return 0;
}

int main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : NULL;
    int runs = argc > 2 ? atoi(argv[2]) : 11, rc = 0;
    char dir[] = "/tmp/assay-index-XXXXXX", made[64], cache[64], command[64];
    if (runs < 1 || runs > RUNS_MOST || !mkdtemp(dir))
        return 2;
    snprintf(made, sizeof made, "%s/tree", dir);
    snprintf(cache, sizeof cache, "%s/cache", dir);
    if (!root) {
        root = made;
        rc = make_tree(made);
        usleep(100000); /* what changed just now is not trusted */
    }
    double w, c;
    if (rc == 0)
        rc = measure("without a cache", root, NULL, runs);
    if (rc == 0)
        rc = open_once(root, cache, &w, &c);
    if (rc == 0)
        printf("%-22s %8.1f ms wall %21.1f ms cpu\n", "writing the cache", w, c);
    if (rc == 0)
        rc = measure("warm", root, cache, runs);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0)
        fprintf(stderr, "bench_index: %s stays behind\n", dir);
    return rc < 0 ? 1 : 0;
}
