/* chats.h - which chat template each variant's prompts are made with.
 *
 * Found before anything runs: each distinct model is opened for its facts in a child process (its
 * file is not to be trusted), and says its templates and the texts of its begin and end tokens.  Facts
 * are kept as a dict: {"templates": {"default": text, NAME: text}, "bos_token": text, "eos_token": text}. */
#ifndef CHATS_H
#define CHATS_H
#include "harness/run/plan.h"

struct chat;

/* Fills chat and chat_source of every variant whose model can be asked; no-op without a template.
 * Errors: ASSAY_EUSAGE a model has no such template; ASSAY_EFORMAT "where:line:col: ...". */
int chats_resolve(struct plan *, struct assay_err *);
/* The facts as `info` says them. */
const struct value *chats_facts(const struct assay_info *, struct arena *);
/* The template that the suite asks for, of a model with these facts.  *source: "default", the name, or
 * the file.  `model` names it in messages. */
struct chats_choice {
    struct chat *chat;
    const char *source;
};
int chats_choose(const struct suite *, const struct value *facts, const char *model, struct arena *,
                 struct chats_choice *, struct assay_err *);
/* The same for the suite's first variant, which is asked as chats_resolve does; a suite without variants
 * must name a file.  Only the template's settings of the suite are looked at, which need be made:
 * suite_make_chat.  choice->chat NULL: the suite applies none. */
int chats_for(const struct suite *, struct arena *, struct chats_choice *, struct assay_err *);
#endif
