/* cmd_show.c - assay show: one run, one variant, or one item with every variant's answer. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/report_flags.h"
#include "harness/cli/task_code.h"
#include "harness/cli/task_views.h"
#include "harness/run/suite.h"
#include "reports/notice.h"

struct show_flags {
    const char *variant, *task;
    int64_t item;
    const char *task_dir, *data;
    int64_t fewshot;
    const char *chat, *model, *backend, *instruction, *prefix;
    int32_t turns;
};
static struct report_flags flags;
static struct show_flags show;
static struct task_code_flags code_flags;

static const struct assay_field show_fields[] = {
    {"variant", ASSAY_STR, offsetof(struct show_flags, variant), NULL, NULL,
     "show this variant: what was really loaded, memory, jobs"},
    {"task", ASSAY_STR, offsetof(struct show_flags, task), NULL, NULL, "show this task"},
    {"item", ASSAY_INT, offsetof(struct show_flags, item), "-1", "-1..2147483647",
     "with --task: this document, with every variant's answer"},
    {"task-dir", ASSAY_STR, offsetof(struct show_flags, task_dir), NULL, NULL,
     "show task: another folder of task files, beside the library"},
    {"data", ASSAY_STR, offsetof(struct show_flags, data), NULL, NULL,
     "show task: folder that holds data sets, searched first"},
    {"fewshot", ASSAY_INT, offsetof(struct show_flags, fewshot), "-1", "-1..1000",
     "show task: examples in the prompt; -1: as the task says"},
    {"apply-chat-template", ASSAY_STR, offsetof(struct show_flags, chat), NULL, "?true",
     "show task: prompts as conversations; as of assay run"},
    {"model", ASSAY_STR, offsetof(struct show_flags, model), NULL, NULL,
     "show task: model whose chat template that is"},
    {"backend", ASSAY_STR, offsetof(struct show_flags, backend), "native", NULL,
     "show task: what opens that model"},
    {"fewshot-as-multiturn", ASSAY_BOOL, offsetof(struct show_flags, turns), "true", NULL,
     "show task: each example a turn of its own; off: all in one message"},
    {"system-instruction", ASSAY_STR, offsetof(struct show_flags, instruction), NULL, NULL,
     "show task: text in front of the description"},
    {"gen-prefix", ASSAY_STR, offsetof(struct show_flags, prefix), NULL, NULL,
     "show task: beginning of the answer, in place of the task's own"},
    {0},
};

/* "name   text", the text harmless; nothing for NULL. */
/* A name from a file, safe for a terminal, in a column. */
static void put_name(const char *name, int width)
{
    struct buf b;
    buf_init(&b, 0);
    text_safe(&b, name, strlen(name));
    printf("%-*s ", width, b.v);
    buf_release(&b);
}

static void row(const char *name, const char *text)
{
    if (!text)
        return;
    struct buf b;
    buf_init(&b, 0);
    text_safe(&b, text, strlen(text));
    put_name(name, 16);
    puts(b.v);
    buf_release(&b);
}

static void row_int(const char *name, int64_t v, const char *unit)
{
    if (v != VIEW_NONE)
        printf("%-16s %" PRId64 "%s%s\n", name, v, *unit ? " " : "", unit);
}

static void show_run(const struct view_set *set)
{
    for (size_t i = 0; i < set->n_runs; i++) {
        const struct view_run *r = &set->runs[i];
        row("run", r->uid);
        row("status", r->status);
        row("command", r->command);
        row("assay", r->version);
        row("machine", r->machine);
        row("machine class", r->machine_class);
        row("hardware", r->machine_key);
        row("environment", r->environment);
        row_int("seed", r->seed, "");
        if (r->ended_ns > r->started_ns)
            printf("%-16s %.1f s\n", "took", (double)(r->ended_ns - r->started_ns) / 1e9);
        row("suite", r->suite);
    }
    puts("");
    for (size_t i = 0; i < set->n_variants; i++)
        row(set->variants[i].label,
            set->variants[i].reason ? set->variants[i].reason : set->variants[i].precision);
}

static void show_job(const struct view_job *j, struct arena *a)
{
    printf("  %-10s ", j->kind);
    put_name(j->name, 28);
    printf("%-8s", j->status);
    if (j->n_done != VIEW_NONE && j->n_items != VIEW_NONE)
        printf(" %" PRId64 "/%" PRId64 " items", j->n_done, j->n_items);
    puts("");
    for (size_t i = 0; i < j->n_notices; i++)
        if (j->notices[i].n > 0)
            row("", arena_printf(a, "%s: %" PRId64 " of %" PRId64 " items", notice_text(&j->notices[i], a),
                                 j->notices[i].n, j->notices[i].n_of));
    if (j->reason)
        row("", j->reason);
    if (j->warning)
        row("", j->warning);
}

static int show_variant(const struct view_set *set, struct arena *a, struct assay_err *e)
{
    for (size_t i = 0; i < set->n_variants; i++) {
        const struct view_variant *v = &set->variants[i];
        if (strcmp(v->name, show.variant) != 0 && strcmp(v->label, show.variant) != 0)
            continue;
        row("variant", v->label);
        row("status", v->status);
        row("reason", v->reason);
        row("model", v->model_path);
        row("model hash", v->model_uid);
        row("fingerprint", v->uid);
        row("architecture", v->arch);
        row("backend", v->backend);
        row("precision", v->precision);
        row("kernels", v->kernel);
        row("device", v->device);
        row("options", v->options);
        row_int("parameters", v->n_params, "");
        row_int("file", v->file_bytes, "bytes");
        row_int("weights", v->weight_bytes, "bytes");
        if (v->asked_less)
            row("memory", "unknown: less was asked of it than the suite holds");
        row_int("KV cache", v->kv_bytes, "bytes");
        row_int("KV per token", v->kv_bytes_per_token, "bytes");
        row_int("peak RSS", v->peak_rss_bytes, "bytes");
        row_int("private", v->anon_bytes, "bytes");
        row_int("file-backed", v->file_rss_bytes, "bytes");
        row_int("tokens evaluated", v->n_evaluated, "");
        row_int("tokens reused", v->n_reused, "");
        for (size_t k = 0; k < v->n_jobs; k++)
            show_job(&v->jobs[k], a);
        return 0;
    }
    return err_set(e, ASSAY_EUSAGE, "no variant '%s' in this run; see 'assay list variants'",
                   show.variant);
}

static const struct view_task *find_task(const struct view_set *set, struct assay_err *e)
{
    /* The database may hold the task with other settings, too: what this run's jobs say counts. */
    for (size_t i = 0; i < set->n_variants; i++)
        for (size_t k = 0; k < set->variants[i].n_jobs; k++)
            if (set->variants[i].jobs[k].task &&
                strcmp(set->variants[i].jobs[k].task->name, show.task) == 0)
                return set->variants[i].jobs[k].task;
    err_set(e, ASSAY_EUSAGE, "no task '%s' in this run", show.task);
    return NULL;
}

static void show_results(const struct view_set *set, const struct view_task *t)
{
    row("task", t->name);
    row("type", t->output_type);
    row("version", t->version);
    row("dataset", t->dataset);
    row("dataset hash", t->dataset_uid);
    row("config hash", t->config_uid);
    row("task hash", t->uid);
    row("chat template", t->chat_template);
    row("  from", t->chat_source);
    row("instruction", t->system_instruction);
    row_int("few-shot", t->n_fewshot, "");
    puts("");
    for (size_t i = 0; i < set->n_variants; i++)
        for (size_t k = 0; k < set->variants[i].n_results; k++) {
            const struct view_result *r = &set->variants[i].results[k];
            if (!r->job || r->job->task != t)
                continue;
            put_name(set->variants[i].label, 14);
            put_name(r->measure->metric, 16);
            put_name(r->measure->filter, 16);
            printf("%10.6g", r->value);
            if (!isnan(r->stderr_))
                printf(" +- %.4g", r->stderr_);
            printf("  (n %" PRId64 ")\n", r->n);
        }
}

static void show_answer(const struct view_response *r)
{
    if (!r->is_present)
        printf(" -");
    else if (r->text)
        row("", r->text);
    else
        printf(" %.4f", r->logprob);
}

static int show_item(struct view *view, const struct view_set *set, const struct view_task *t,
                     struct arena *a, struct assay_err *e)
{
    struct view_item item;
    TRY(view_item(view, t, (int32_t)show.item, a, &item, e));
    if (!item.prompt)
        return err_set(e, ASSAY_EUSAGE, "task '%s' has no item %" PRId64 " in this database", t->name,
                       show.item);
    row("prompt", item.prompt);
    for (size_t i = 0; i < item.n_choices; i++) {
        char name[32];
        snprintf(name, sizeof name, "choice %zu", i);
        row(name, item.choices[i]);
    }
    row("target", item.target);
    puts("");
    for (size_t i = 0; i < set->n_variants; i++) {
        put_name(set->variants[i].label, 15);
        for (size_t k = 0; k < item.n_requests; k++) {
            struct view_response r;
            TRY(view_response(view, &set->variants[i], item.requests + k * VIEW_KEY_BYTES, a, &r, e));
            show_answer(&r);
        }
        puts("");
    }
    return 0;
}

/* The settings of a run that change prompts. */
static int show_a_task(struct options *o, struct assay_err *e)
{
    const char *const settings[][2] = {{"apply-chat-template", show.chat},
                                       {"system-instruction", show.instruction},
                                       {"gen-prefix", show.prefix},
                                       {"fewshot-as-multiturn", show.turns ? "true" : "false"},
                                       {"model", show.model},
                                       {"backend", show.backend},
                                       {"tasks", o->args[1]},
                                       {"scenario", "none"}};
    struct suite suite;
    struct show_task ask = {.name = o->args[1],
                            .task_dir = show.task_dir,
                            .data_dir = show.data,
                            .fewshot = (int)show.fewshot,
                            .suite = &suite,
                            .code = &code_flags};
    suite_init(&suite, &o->arena);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (settings[i][1])
            TRY(suite_set(&suite, settings[i][0], settings[i][1], e));
    TRY(show.model ? suite_finish(&suite, e) : suite_make_chat(&suite, NULL, e));
    return show_task(o, &ask, e);
}

static int body(struct options *o, struct assay_err *e)
{
    struct view *view;
    const struct view_set *set;
    int rc = 0;
    if (o->n_args && (strcmp(o->args[0], "task") != 0 || o->n_args != 2))
        return err_set(e, ASSAY_EUSAGE, "expected 'show task NAME', or 'show' with options");
    if (o->n_args)
        return show_a_task(o, e);
    if (show.item >= 0 && !show.task)
        return err_set(e, ASSAY_EUSAGE, "--item needs --task");
    TRY(report_open(&flags, o, &view, &set, e));
    const struct view_task *t = show.task ? find_task(set, e) : NULL;
    if (show.task && !t)
        rc = e->code;
    else if (t && show.item >= 0)
        rc = show_item(view, set, t, &o->arena, e);
    else if (t)
        show_results(set, t);
    else if (show.variant)
        rc = show_variant(set, &o->arena, e);
    else
        show_run(set);
    view_close(view);
    return rc;
}

static int run_show(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags, &show, &code_flags};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_show = {
    .name = "show",
    .summary = "show a run, a variant, a task, or one item with every variant's answer",
    .arguments = "[task NAME]",
    .max_args = 2,
    .text = "'show task NAME' needs no database: it prints the task's configuration with\n"
            "the file and line each key comes from, the groups and tags that hold it, which\n"
            "of its functions are built in, and three prompts when its rows are at hand.\n"
            "A task that needs more of Python is shown with --allow-task-code.\n",
    .words = "task",
    .tables = {report_flag_fields, show_fields, task_code_fields},
    .examples = "show # the newest run: command, machine, settings\n"
                "show --variant int4 # what was really loaded, memory, jobs\n"
                "show task gsm8k --fewshot 2 # what a model would be asked\n"
                "show task gsm8k --apply-chat-template --model m.gguf # and how a chat model would\n"
                "show --task blimp_passive_1 --item 17 # one document, all answers\n",
    .main = run_show,
};
