/* timeit.c - runs a command several times and prints medians: wall and CPU seconds, peak memory.
 *
 *   timeit RUNS LABEL COMMAND [ARG ...]       the command's output goes to /dev/null
 *
 * Prints "LABEL<TAB>wall<TAB>cpu<TAB>peak MiB".  Peak is the largest process of the tree that was
 * waited for. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"

enum { MAX_RUNS = 101 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n)
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static int run_once(char **argv, double *wall, double *cpu, double *mib)
{
    int status;
    struct rusage u;
    int64_t start = clock_ns();
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execvp(argv[0], argv);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &u) != pid)
        return -1;
    *wall = (double)(clock_ns() - start) / 1e9;
    *cpu = seconds(u.ru_utime) + seconds(u.ru_stime);
    *mib = (double)u.ru_maxrss / 1024;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char **argv)
{
    int runs = argc > 3 ? atoi(argv[1]) : 0;
    double wall[MAX_RUNS], cpu[MAX_RUNS], mib[MAX_RUNS];
    if (runs < 1 || runs > MAX_RUNS) {
        fprintf(stderr, "usage: timeit RUNS LABEL COMMAND [ARG ...]\n");
        return 2;
    }
    for (int i = 0; i < runs; i++) {
        int code = run_once(argv + 3, &wall[i], &cpu[i], &mib[i]);
        if (code != 0) {
            fprintf(stderr, "timeit: '%s' ended with %d\n", argv[3], code);
            return 1;
        }
    }
    printf("%s\t%.4f\t%.4f\t%.1f\n", argv[2], median(wall, runs), median(cpu, runs),
           median(mib, runs));
    return 0;
}
