/* chats.c - asking models for their chat templates, and choosing one. */
#include "harness/run/chats.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/json.h"
#include "harness/base/log.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "tasks/chat.h"

enum { MAX_FACTS = 64 << 20 };

/* -- facts ------------------------------------------------------------------------------------- */

/* A text of the plugin's as value; bytes that are no UTF-8 make it none. */
static const struct value *text_of(const char *s, struct arena *a)
{
    size_t bad;
    return s && text_valid(s, strlen(s), &bad) ? value_str(a, s) : NULL;
}

const struct value *chats_facts(const struct assay_info *info, struct arena *a)
{
    const struct value *named = value_dict(a, NULL, 0), *facts = value_dict(a, NULL, 0), *v;
    if ((v = text_of(info->chat_template, a)))
        named = value_with(a, named, "default", v);
    for (uint32_t i = 0; i < info->n_chat_templates; i++) {
        const struct assay_chat_template *t = &info->chat_templates[i];
        if (text_of(t->name, a) && (v = text_of(t->text, a)))
            named = value_with(a, named, t->name, v);
    }
    if (named->n)
        facts = value_with(a, facts, "templates", named);
    if ((v = text_of(info->bos_text, a)))
        facts = value_with(a, facts, "bos_token", v);
    if ((v = text_of(info->eos_text, a)))
        facts = value_with(a, facts, "eos_token", v);
    return facts;
}

/* -- choosing ---------------------------------------------------------------------------------- */

static const char *fact(const struct value *facts, const char *key)
{
    const struct value *v = facts ? value_get(facts, key) : NULL;
    return v && v->type == VALUE_STR ? v->s : NULL;
}

static int no_template(const struct suite *s, const struct value *named, const char *model,
                       struct arena *a, struct assay_err *e)
{
    const char *list = "";
    for (uint32_t i = 0; named && i < named->n; i++)
        list = arena_printf(a, "%s%s%s", list, i ? ", " : "", named->entries[i].key->s);
    if (!*list)
        return err_set(
            e, ASSAY_EUSAGE,
            "apply-chat-template: model '%s' brings no chat template; name a file: a Jinja "
            "template or the model's tokenizer_config.json",
            model);
    return err_set(e, ASSAY_EUSAGE,
                   "apply-chat-template: model '%s' has no chat template '%s', it has: %.300s",
                   model, s->chat_name ? s->chat_name : "default", list);
}

int chats_choose(const struct suite *s, const struct value *facts, const char *model,
                 struct arena *a, struct chats_choice *out, struct assay_err *e)
{
    const struct value *named = facts ? value_get(facts, "templates") : NULL;
    const char *name = s->chat_name ? s->chat_name : "default";
    const struct value *text = named ? value_get(named, name) : NULL;
    struct chat_source src = {
        .text = s->chat_text,
        .where = s->chat_file,
        .bos = s->chat_bos ? s->chat_bos : fact(facts, "bos_token"),
        .eos = s->chat_eos ? s->chat_eos : fact(facts, "eos_token"),
        .now = s->chat_now,
    };
    if (!s->chat_text) {
        if (!text || text->type != VALUE_STR)
            return no_template(s, named, model, a, e);
        src.text = text->s;
        src.where = arena_printf(a, "%s (chat template '%s')", model, name);
    }
    src.n = strlen(src.text);
    out->source = s->chat_text ? s->chat_file : name;
    return chat_open(&src, a, &out->chat, e);
}

/* -- asking a model ---------------------------------------------------------------------------- */

static void quiet(int level, const char *msg)
{
    (void)level;
    (void)msg;
}

static _Noreturn void peek_child(const struct plan_variant *v, int fd)
{
    struct engine g;
    struct arena a = {0};
    struct buf b;
    struct assay_err e = {0};
    size_t done = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    log_to(quiet, LOG_ERROR);
    buf_init(&b, MAX_FACTS);
    if (engine_open_facts(v->plugin, v->options, &g, &e) < 0)
        _exit(1);
    json_write(&b, chats_facts(&g.info, &a), JSON_COMPACT);
    while (!b.failed && done < b.n) {
        ssize_t n = write(fd, b.v + done, b.n - done);
        if (n < 0 && errno != EINTR)
            _exit(1);
        done += n > 0 ? (size_t)n : 0;
    }
    _exit(b.failed ? 1 : 0);
}

/* All that comes until the end of the pipe; false: too much, or nothing for too long. */
static bool read_all(int fd, int64_t timeout_s, struct buf *b)
{
    int64_t until = clock_ns() + timeout_s * 1000000000;
    char part[65536];
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 100) <= 0) {
            if (timeout_s && clock_ns() > until)
                return false;
            continue;
        }
        ssize_t n = read(fd, part, sizeof part);
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0 && buf_add(b, part, (size_t)n) < 0)
            return false;
    }
}

/* *facts NULL: it could not be asked; the variant's own child will say why. */
static int peek(const struct suite *s, const struct plan_variant *v, struct arena *a,
                const struct value **facts, struct assay_err *e)
{
    int fd[2], status = 0;
    struct buf b;
    *facts = NULL;
    if (pipe(fd) < 0)
        return err_errno(e, ASSAY_EIO, "cannot make a pipe");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        peek_child(v, fd[1]);
    }
    close(fd[1]);
    if (pid < 0) {
        close(fd[0]);
        return err_errno(e, ASSAY_EIO, "cannot start a process");
    }
    buf_init(&b, MAX_FACTS);
    bool whole = read_all(fd[0], s->timeout_s, &b);
    close(fd[0]);
    if (!whole)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    struct assay_err said = {0};
    const char *text = arena_strndup(a, b.v, b.n);
    size_t n = b.n;
    buf_release(&b);
    if (!whole || !WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
        json_parse(text, n, "facts", 1, a, facts, &said) < 0)
        *facts = NULL;
    return 0;
}

static const char *model_of(const struct plan_variant *v)
{
    const struct value *m = value_get(v->record, "model");
    return m && m->type == VALUE_STR ? m->s : "";
}

/* Options that say how a model is computed with, not which it is. */
static bool asks_the_same(const struct plan_variant *x, const struct plan_variant *y)
{
    static const char *const aside[] = {"precision", "threads"};
    if (x->plugin != y->plugin || x->record->n != y->record->n)
        return false;
    for (uint32_t i = 0; i < x->record->n; i++) {
        const struct value_entry *a = &x->record->entries[i], *b = &y->record->entries[i];
        bool is_aside = false;
        for (size_t k = 0; k < sizeof aside / sizeof *aside; k++)
            is_aside = is_aside || value_is_str(a->key, aside[k]);
        if (!value_equal(a->key, b->key) || (!is_aside && !value_equal(a->value, b->value)))
            return false;
    }
    return true;
}

int chats_resolve(struct plan *p, struct assay_err *e)
{
    if (!p->suite->applies_chat || !p->suite->tasks.n)
        return 0;
    for (size_t i = 0; i < p->n_variants; i++) {
        struct plan_variant *v = &p->variants[i];
        const struct plan_variant *same = NULL;
        for (size_t k = 0; k < i && !same; k++)
            if (asks_the_same(&p->variants[k], v))
                same = &p->variants[k];
        if (same) {
            v->chat = same->chat;
            v->chat_source = same->chat_source;
            continue;
        }
        const struct value *facts;
        struct chats_choice choice;
        TRY(peek(p->suite, v, &p->arena, &facts, e));
        if (!facts)
            continue;
        TRY(chats_choose(p->suite, facts, model_of(v), &p->arena, &choice, e));
        v->chat = choice.chat;
        v->chat_source = choice.source;
    }
    return 0;
}

int chats_for(const struct suite *s, struct arena *a, struct chats_choice *out, struct assay_err *e)
{
    const struct value *facts = NULL;
    struct plan_variant v = {.suite = s->variants};
    *out = (struct chats_choice){NULL, NULL};
    if (!s->applies_chat)
        return 0;
    if (!s->n_variants)
        return chats_choose(s, NULL, "(none)", a, out, e);
    TRY(plugin_find(v.suite->backend, a, &v.plugin, e));
    TRY(plugin_options(v.plugin, v.suite->options, s->path, a, &v.options, &v.record, e));
    TRY(peek(s, &v, a, &facts, e));
    if (!facts)
        return err_set(e, ASSAY_EFORMAT, "model '%s' could not be asked for its chat templates",
                       model_of(&v));
    return chats_choose(s, facts, model_of(&v), a, out, e);
}
