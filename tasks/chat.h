/* chat.h - conversations to prompts, as lm-evaluation-harness has transformers make them.
 *
 * A chat template sees `messages`, `add_generation_prompt`, `bos_token` and `eos_token`; `tools` and
 * `documents` are None.  What it prints is tokenized with the texts of special tokens as those tokens.
 * Not here: where a template comes from, and which messages there are (context.c). */
#ifndef CHAT_H
#define CHAT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tasks/pytext.h"

struct arena;
struct assay_err;
struct value;

struct chat_source {
    const char *text;                  /* Jinja */
    size_t n;
    const char *where;                 /* in front of every error: "chat.jinja", "m.gguf: chat template" */
    const char *bos, *eos;             /* texts of the special tokens; NULL: undefined */
    int64_t now;                       /* what strftime_now() says it is */
};
struct chat;
/* Lives in the arena.  Errors: ASSAY_EFORMAT "where:line:col: ...". */
int chat_open(const struct chat_source *, struct arena *, struct chat **, struct assay_err *);
void chat_release(struct chat *);              /* NULL is fine */
const char *chat_template_text(const struct chat *);
const char *chat_template_uid(const struct chat *);    /* sha256 of the template's text, as hex */
const char *chat_uid(const struct chat *);             /* of all that can change a prompt */

struct chat_ask {
    const struct value *messages;      /* list of {role, content} */
    bool continues;                    /* the last message is the beginning of the answer */
};
struct chat_prompt {
    struct pystr text;
    bool without_system;               /* the template refused the system message: left out */
};
/* A template that fails is tried again without the system message, as upstream does.  Errors:
 * ASSAY_EFORMAT of the template, or that it does not print the message to be continued. */
int chat_render(const struct chat *, const struct chat_ask *, struct arena *, struct chat_prompt *,
                struct assay_err *);
#endif
