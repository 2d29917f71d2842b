/* chat.c - a chat template over messages. */
#include "tasks/chat.h"

#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/value.h"
#include "tasks/template.h"

struct chat {
    struct template *template;
    const char *text, *where, *bos, *eos;
    bool names_content;
    char template_uid[HASH_HEX], uid[HASH_HEX];
};

static void make_uids(struct chat *c, const struct chat_source *s)
{
    struct hash h = {0};
    uint8_t digest[HASH_BYTES];
    const char *const tokens[] = {s->bos, s->eos};
    hash_bytes(s->text, s->n, digest);
    hash_hex(digest, c->template_uid);
    hash_init(&h);
    hash_add(&h, digest, sizeof digest);
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        hash_add(&h, tokens[i] ? "+" : "-", 1);
        hash_add_str(&h, tokens[i] ? tokens[i] : "", tokens[i] ? strlen(tokens[i]) : 0);
    }
    hash_add(&h, &s->now, sizeof s->now);
    hash_end(&h, digest);
    hash_release(&h);
    hash_hex(digest, c->uid);
}

int chat_open(const struct chat_source *s, struct arena *a, struct chat **out, struct assay_err *e)
{
    struct template_source src = {.text = s->text,
                                  .n = s->n,
                                  .where = s->where,
                                  .flags = TEMPLATE_CHAT_PROFILE,
                                  .now = s->now};
    struct chat *c = ARENA_NEW(a, struct chat);
    TRY(template_compile(&src, a, &c->template, e));
    c->text = arena_strndup(a, s->text, s->n);
    c->where = arena_strdup(a, s->where);
    c->bos = s->bos ? arena_strdup(a, s->bos) : NULL;
    c->eos = s->eos ? arena_strdup(a, s->eos) : NULL;
    c->names_content = pytext_find_bytes(pystr(s->text, s->n), PYSTR("content"), 0) != (size_t)-1;
    make_uids(c, s);
    *out = c;
    return 0;
}

void chat_release(struct chat *c)
{
    if (c)
        template_release(c->template);
}

const char *chat_template_text(const struct chat *c)
{
    return c->text;
}

const char *chat_template_uid(const struct chat *c)
{
    return c->template_uid;
}

const char *chat_uid(const struct chat *c)
{
    return c->uid;
}

/* -- rendering --------------------------------------------------------------------------------- */

static int render(const struct chat *c, const struct chat_ask *ask, struct arena *a,
                  struct pystr *out, struct assay_err *e)
{
    struct value_entry x[6] = {
        {value_str(a, "messages"), ask->messages},
        {value_str(a, "tools"), &value_null},
        {value_str(a, "documents"), &value_null},
        {value_str(a, "add_generation_prompt"), value_bool(!ask->continues)},
    };
    const struct value *text;
    size_t n = 4;
    if (c->bos)
        x[n++] = (struct value_entry){value_str(a, "bos_token"), value_str(a, c->bos)};
    if (c->eos)
        x[n++] = (struct value_entry){value_str(a, "eos_token"), value_str(a, c->eos)};
    TRY(template_render(c->template, value_dict(a, x, n), a, &text, e));
    *out = pystr(text->s, text->n);
    return 0;
}

static const struct value *without_system(const struct value *messages, struct arena *a)
{
    const struct value **v = ARENA_ARRAY(a, const struct value *, messages->n + 1);
    size_t n = 0;
    for (uint32_t i = 0; i < messages->n; i++)
        if (!value_is_str(value_get(messages->items[i], "role"), "system"))
            v[n++] = messages->items[i];
    return value_list(a, v, n);
}

/* The list with `text` for the content of its last message. */
static const struct value *with_last(const struct value *messages, struct pystr text,
                                     struct arena *a)
{
    const struct value **v = ARENA_ARRAY(a, const struct value *, messages->n);
    memcpy(v, messages->items, messages->n * sizeof *v);
    v[messages->n - 1] =
        value_with(a, v[messages->n - 1], "content", value_strn(a, text.s, text.n));
    return value_list(a, v, messages->n);
}

/* The last message is marked where it ends, and the text is cut at the mark. */
#define MARK "CONTINUE_FINAL_MESSAGE_TAG"
static int render_open(const struct chat *c, const struct chat_ask *ask, struct arena *a,
                       struct pystr *out, struct assay_err *e)
{
    const struct value *last = value_get(ask->messages->items[ask->messages->n - 1], "content");
    struct pystr begin = pystr(last->s, last->n);
    char *marked = arena_alloc(a, begin.n + sizeof MARK + 1);
    memcpy(marked, begin.s, begin.n);
    memcpy(marked + begin.n, MARK " ", sizeof MARK + 1);
    struct chat_ask asked = *ask;
    asked.messages = with_last(ask->messages, pystr(marked, begin.n + sizeof MARK), a);
    TRY(render(c, &asked, a, out, e));
    struct pystr bare = pytext_strip(begin, PYTEXT_BOTH);
    size_t at = pytext_rfind_bytes(*out, PYSTR(MARK));
    if (!c->names_content || at == (size_t)-1 || pytext_find_bytes(*out, bare, 0) == (size_t)-1)
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "%s: the template does not print the beginning of the answer (gen_prefix) "
                       "as it is: it can't be continued",
                       c->where);
    bool is_whole = pytext_starts(pystr(out->s + at, out->n - at), PYSTR(MARK " "));
    out->n = at;
    if (!is_whole) /* the template strips messages */
        *out = pytext_strip(*out, PYTEXT_RIGHT);
    out->s = arena_strndup(a, out->s, out->n);
    return 0;
}

int chat_render(const struct chat *c, const struct chat_ask *ask, struct arena *a,
                struct chat_prompt *out, struct assay_err *e)
{
    int (*fn)(const struct chat *, const struct chat_ask *, struct arena *, struct pystr *,
              struct assay_err *) = ask->continues ? render_open : render;
    struct chat_ask fewer = *ask;
    struct assay_err said = {0};
    *out = (struct chat_prompt){.without_system = false};
    int rc = fn(c, ask, a, &out->text, &said);
    fewer.messages = rc == ASSAY_EFORMAT ? without_system(ask->messages, a) : ask->messages;
    if (rc == ASSAY_EFORMAT && fewer.messages->n < ask->messages->n) {
        out->without_system = true;
        return fn(c, &fewer, a, &out->text, e);
    }
    return rc < 0 ? err_set(e, rc, "%s", said.msg) : 0;
}
