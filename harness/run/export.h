/* export.h - a stored run as lm-evaluation-harness would have written it.
 *
 * OUT/<variant>/results_<time>.json and samples_<task>_<time>.jsonl with upstream's keys, order, number
 * formatting and hashes.  Scores come from the store; documents, prompts and arguments are rendered again from
 * today's task files and data, which must hash to what the run recorded.
 * Not upstream's: what only its own process knows (tokenizer, torch, git) is null or left out, as upstream
 * does for models without a tokenizer; functions inside lists are named, not printed with an address. */
#ifndef EXPORT_H
#define EXPORT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assay_err;

struct export_options {
    const char *db, *run, *out;        /* run: uid or prefix; NULL: the newest */
    const char *const *data_dirs, *const *task_dirs;   /* NULL: those the run recorded */
    const char *version;               /* of this program */
    bool allow_task_code;              /* as grade.h has it */
    const char *task_code_python, *task_code_memory;
    int64_t task_code_timeout_s;
    void (*on_file)(void *user, const char *path, size_t n_lines);
    void *user;
};
struct export_summary {
    char uid[37];
    size_t n_variants, n_files, n_left_out;    /* left out: tasks that a variant has not done */
    uint64_t n_samples;
};
int export_run(const struct export_options *, struct export_summary *, struct assay_err *);
#endif
