/* command.h - a command is one const struct in one file; main.c lists them.
 *
 * Options are rows of field tables.  A table with a base is written straight into that struct; the
 * rows of a table without one are collected as (key, text) pairs in the order they were given, for
 * settings that a file may hold too (a suite). */
#ifndef COMMAND_H
#define COMMAND_H
#include <stdbool.h>
#include <stddef.h>
#include "backends/backend.h"
#include "harness/base/arena.h"

struct buf;

enum { COMMAND_TABLES = 3 };
struct command {
    const char *name, *summary;          /* one line, lower case, no full stop */
    const char *arguments;               /* "[SUITE.yaml]", or "" */
    size_t min_args, max_args;
    const struct assay_field *tables[COMMAND_TABLES];
    const char *text;                    /* paragraphs for --help and the manual; may be NULL */
    const char *examples;                /* lines "command # what it does", without "assay " */
    const char *words;                   /* first argument's choices "a|b|c", for completion; or NULL */
    int (*main)(const struct command *, int argc, char **argv);   /* returns an exit code */
};
extern const struct command *const commands[];     /* in the order of the help; ends with NULL */
const struct command *command_find(const char *name);

struct option_pair {
    const char *key, *text;
};
struct options {                         /* what a command line said */
    struct arena arena;
    const char *const *args;             /* positionals */
    size_t n_args;
    struct option_pair *pairs;           /* of tables without base */
    size_t n_pairs;
    bool wants_help;
};
/* argv[0] is the command's name.  bases[i] is the struct of command->tables[i], or NULL; defaults are
 * set first.  Errors: ASSAY_EUSAGE with a suggestion. */
int options_parse(const struct command *, int argc, char **argv, void *const *bases,
                  struct options *, struct assay_err *);
void options_release(struct options *);

/* -- saying things: the only floor that prints --------------------------------------------------- */
int say_error(const struct assay_err *);           /* "assay: <msg>" on stderr; returns the exit code */
void say_buf(const struct buf *);                  /* to stdout, whole */
bool say_colors(void);                             /* stdout is a terminal and NO_COLOR is unset */
int say_columns(int fd);                           /* width of the terminal, 80 when it is none */

void help_command(const struct command *, struct buf *);
void help_overview(struct buf *);
void help_manual(struct buf *);                    /* roff */
int help_completion(const char *shell, struct buf *, struct assay_err *);

/* A command's whole frame: parses, shows --help, calls body, says the error. */
typedef int command_body(struct options *, struct assay_err *);
int command_frame(const struct command *, int argc, char **argv, void *const *bases, command_body *);
#endif
