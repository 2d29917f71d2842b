/* suite_chat.c - apply-chat-template and what goes with it: a template of the model, or one of a file.
 *
 * A file's content becomes part of the suite and its record: the run means the same when the file is
 * gone.  Not here: templates that a model brings (chats.h). */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "harness/run/paths.h"
#include "harness/run/suite_impl.h"

enum { MAX_TEMPLATE = 16 << 20, MAX_CONFIG = 64 << 20 };

static bool is_word(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* A special token of tokenizer_config.json: text, or {"content": text}. */
static const char *special(const struct value *config, const char *key)
{
    const struct value *v = value_get(config, key);
    if (v && v->type == VALUE_DICT)
        v = value_get(v, "content");
    return v && v->type == VALUE_STR ? v->s : NULL;
}

/* chat_template of tokenizer_config.json: text, or a list of {name, template} of which "default" is
 * taken. */
static int read_config(struct suite *s, const char *path, const char *text, struct assay_err *e)
{
    const struct value *v;
    TRY(json_parse(text, strlen(text), path, 1, s->arena, &v, e));
    const struct value *t = v->type == VALUE_DICT ? value_get(v, "chat_template") : NULL;
    for (uint32_t i = 0; t && t->type == VALUE_LIST && i < t->n; i++)
        if (t->items[i]->type == VALUE_DICT &&
            value_is_str(value_get(t->items[i], "name"), "default"))
            t = value_get(t->items[i], "template");
    if (!t || t->type != VALUE_STR || strlen(t->s) != t->n)
        return err_set(
            e, ASSAY_EFORMAT,
            "%s: no chat template: expected the key 'chat_template' with a text, or with a "
            "list that has one named 'default'",
            path);
    s->chat_text = t->s;
    s->chat_bos = special(v, "bos_token");
    s->chat_eos = special(v, "eos_token");
    return 0;
}

static int read_file(struct suite *s, struct assay_err *e)
{
    const char *path = paths_beside(s->arena, s->path, s->apply_chat), *text,
               *dot = strrchr(path, '.');
    size_t n, bad;
    bool is_config = dot && strcmp(dot, ".json") == 0;
    if (!fs_exists(path))
        return err_set(
            e, ASSAY_EUSAGE,
            "apply-chat-template: no file '%s'; expected true, the name of one of the model's "
            "templates, or a file",
            path);
    TRY(fs_read(path, is_config ? MAX_CONFIG : MAX_TEMPLATE, s->arena, &text, &n, e));
    if (memchr(text, 0, n) || !text_valid(text, n, &bad))
        return err_set(e, ASSAY_EFORMAT, "%s: a chat template is UTF-8 text", path);
    if (is_config)
        TRY(read_config(s, path, text, e));
    else
        s->chat_text = text;
    if (!strstr(s->chat_text, "{{") && !strstr(s->chat_text, "{%"))
        return err_set(e, ASSAY_EFORMAT,
                       "%s: no chat template: nothing in it is printed ('{{') or done ('{%%')",
                       path);
    s->chat_file = path;
    return 0;
}

/* "2024-07-26", or "today". */
static int read_date(struct suite *s, struct assay_err *e)
{
    struct tm tm = {0};
    time_t now = time(NULL);
    char text[16];
    if (strcmp(s->chat_date, "today") == 0) {
        localtime_r(&now, &tm);
        strftime(text, sizeof text, "%Y-%m-%d", &tm);
        s->chat_date = arena_strdup(s->arena, text);
    }
    memset(&tm, 0, sizeof tm);
    const char *end = strptime(s->chat_date, "%Y-%m-%d", &tm);
    if (!end || *end)
        return err_set(e, ASSAY_EUSAGE, "chat-date: expected YYYY-MM-DD or today, found '%s'",
                       s->chat_date);
    s->chat_now = timegm(&tm);
    return 0;
}

int suite_make_chat(struct suite *s, const struct value *record, struct assay_err *e)
{
    static const char *const on[] = {"true", "yes", "on", "1", NULL};
    static const char *const off[] = {"false", "no", "off", "0", "", NULL};
    const char *what = s->apply_chat;
    s->applies_chat = what && !is_word(what, off);
    if (!s->applies_chat) {
        s->apply_chat = NULL;
        return 0;
    }
    TRY(read_date(s, e));
    const struct value *file = record ? value_get(record, "chat-file") : NULL;
    if (file) {
        const struct value *text = value_get(file, "text");
        if (!text || text->type != VALUE_STR)
            return err_set(e, ASSAY_EFORMAT, "the run's record of its chat template is damaged");
        s->chat_text = text->s;
        s->chat_bos = special(file, "bos_token");
        s->chat_eos = special(file, "eos_token");
        s->chat_file = what;
        return 0;
    }
    if (is_word(what, on))
        return 0;
    if (strpbrk(what, "/."))
        return read_file(s, e);
    s->chat_name = what;
    return 0;
}

const struct value *suite_chat_record(const struct suite *s)
{
    struct arena *a = s->arena;
    struct value_entry x[3];
    size_t n = 0;
    if (!s->chat_text)
        return NULL;
    x[n++] = (struct value_entry){value_str(a, "text"), value_str(a, s->chat_text)};
    if (s->chat_bos)
        x[n++] = (struct value_entry){value_str(a, "bos_token"), value_str(a, s->chat_bos)};
    if (s->chat_eos)
        x[n++] = (struct value_entry){value_str(a, "eos_token"), value_str(a, s->chat_eos)};
    return value_dict(a, x, n);
}
