/* fuzz_task.c - task files: YAML, keys, templates and filters, and then asking over a row. */
#include "tests/fuzz/fuzz.h"

#include "backends/backend.h"
#include "harness/base/arena.h"
#include "harness/base/json.h"
#include "tasks/task.h"

static const char row[] = "{\"question\": \"q?\", \"choices\": [\"a\", \"b\"], \"answer\": 1, "
                          "\"sentence_good\": \"x y.\", \"sentence_bad\": \"y x.\"}";
static const char *const columns[] = {"question", "choices", "answer", "sentence_good",
                                      "sentence_bad"};

static void ask(struct task *t, struct arena *a)
{
    const struct value *doc = NULL;
    struct task_item item;
    if (json_parse(row, sizeof row - 1, "row", 1, a, &doc, NULL) < 0)
        abort();
    const struct value *pool[] = {doc, doc, doc};
    if (task_begin(t, doc, columns, 5, pool, 3, NULL) == 0)
        task_ask(t, 0, doc, a, &item, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > 1 << 16)
        return 0;
    const char *path = fuzz_file("fuzz.yaml", data, n);
    struct task_index *index = NULL;
    struct arena a = {0};
    struct task_plan plan;
    if (task_index_open(NULL, 0, NULL, &index, NULL) == 0 &&
        task_select(index, path, &a, &plan, NULL) == 0)
        for (size_t i = 0; i < plan.n; i++) {
            struct task_settings settings = {.n_fewshot = (int)(n % 3) - 1, .fewshot_seed = 1234};
            struct task *t = NULL;
            if (!plan.nodes[i].is_group &&
                task_load(index, &plan.nodes[i], &settings, &a, &t, NULL) == 0) {
                ask(t, &a);
                task_release(t);
            }
        }
    task_index_close(index);
    arena_release(&a);
    return 0;
}
