/* help.c - --help, the manual page and shell completion, all from the command and field tables. */
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/cli/command.h"
#include "harness/cli/exit_code.h"
#include "harness/cli/version.h"

enum { HELP_COLUMNS = 80, HELP_INDENT = 26 };

/* Words of `s` from column `col` on, continuation lines indented; no line ends in a blank. */
static void wrap(struct buf *b, const char *s, size_t col, size_t indent)
{
    for (bool first = true; *s; first = false) {
        size_t w = strcspn(s, " ");
        if (!first && col + 1 + w > HELP_COLUMNS - 1) {
            buf_printf(b, "\n%*s", (int)indent, "");
            col = indent;
        } else if (!first) {
            buf_addc(b, ' ');
            col++;
        }
        buf_add(b, s, w);
        col += w;
        s += w + strspn(s + w, " ");
    }
    buf_addc(b, '\n');
}

static const char *value_name(const struct assay_field *f)
{
    switch (f->kind) {
    case ASSAY_INT:
        return " N";
    case ASSAY_NUM:
        return " X";
    case ASSAY_BOOL:
        return "";
    case ASSAY_PATH:
        return " FILE";
    default:
        return " TEXT";
    }
}

static void option_text(struct buf *b, const struct assay_field *f)
{
    buf_adds(b, f->help);
    if (f->kind == ASSAY_ENUM)
        buf_printf(b, "; one of %s", f->values);
    if (f->def && *f->def && f->kind != ASSAY_BOOL)
        buf_printf(b, " (default: %s)", f->def);
    else if (f->def && f->kind == ASSAY_BOOL && strcmp(f->def, "true") == 0)
        buf_adds(b, " (default: on)");
}

static void help_option(struct buf *b, const struct assay_field *f)
{
    struct buf head, text;
    buf_init(&head, 0);
    buf_init(&text, 0);
    buf_printf(&head, "  --%s%s", f->name, value_name(f));
    option_text(&text, f);
    buf_add(b, head.v, head.n);
    if (head.n + 2 > HELP_INDENT)
        buf_printf(b, "\n%*s", HELP_INDENT, "");
    else
        buf_printf(b, "%*s", (int)(HELP_INDENT - head.n), "");
    wrap(b, text.v, HELP_INDENT, HELP_INDENT);
    buf_release(&head);
    buf_release(&text);
}

static void help_examples(struct buf *b, const char *lines)
{
    while (*lines) {
        size_t n = strcspn(lines, "\n"), cut = n;
        const char *hash = memchr(lines, '#', n);
        if (hash)
            cut = (size_t)(hash - lines);
        while (cut && lines[cut - 1] == ' ')
            cut--;
        if (hash)
            buf_printf(b, "  %.*s\n", (int)(n - (size_t)(hash - lines)), hash);
        buf_printf(b, "  assay %.*s\n", (int)cut, lines);
        lines += n + (lines[n] == '\n');
    }
}

void help_command(const struct command *c, struct buf *b)
{
    buf_printf(b, "usage: assay %s%s%s%s\n\n", c->name, *c->arguments ? " " : "", c->arguments,
               c->tables[0] ? " [options]" : "");
    wrap(b, c->summary, 0, 0);
    if (c->text)
        buf_printf(b, "\n%s", c->text);
    if (c->tables[0])
        buf_adds(b, "\noptions:\n");
    for (size_t t = 0; t < COMMAND_TABLES && c->tables[t]; t++)
        for (const struct assay_field *f = c->tables[t]; f->name; f++)
            help_option(b, f);
    if (c->examples) {
        buf_adds(b, "\nexamples:\n");
        help_examples(b, c->examples);
    }
}

void help_overview(struct buf *b)
{
    buf_adds(b, "usage: assay COMMAND [arguments] [options]\n\n"
                "Benchmarks and evaluates quantized language models: which precision to ship,\n"
                "what it costs, and whether last night made it worse.\n\ncommands:\n");
    for (const struct command *const *c = commands; *c; c++) {
        buf_printf(b, "  %-10s", (*c)->name);
        wrap(b, (*c)->summary, 12, 12);
    }
    buf_adds(b, "\n'assay COMMAND --help' explains a command, 'assay help exit-codes' exit codes\n"
                "\nstart with:\n"
                "  assay run --model m.gguf --tasks blimp --data DIR --precision fp32,int8,int4\n"
                "  assay compare\n");
}

/* -- the manual page ------------------------------------------------------------------------------ */

static void roff_text(struct buf *b, const char *s)
{
    for (bool start = true; *s; s++) {
        if (start && (*s == '.' || *s == '\''))
            buf_adds(b, "\\&");
        if (*s == '\\')
            buf_adds(b, "\\e");
        else if (*s == '-')
            buf_adds(b, "\\-");
        else
            buf_addc(b, *s);
        start = *s == '\n';
    }
}

static void roff_option(struct buf *b, const struct assay_field *f)
{
    struct buf text;
    buf_init(&text, 0);
    option_text(&text, f);
    buf_adds(b, ".TP\n\\fB\\-\\-");
    roff_text(b, f->name);
    buf_printf(b, "\\fR%s\n", value_name(f));
    roff_text(b, text.v);
    buf_addc(b, '\n');
    buf_release(&text);
}

static void roff_command(struct buf *b, const struct command *c)
{
    buf_adds(b, ".SS \"assay ");
    roff_text(b, c->name);
    buf_printf(b, "%s", *c->arguments ? " " : "");
    roff_text(b, c->arguments);
    buf_adds(b, "\"\n");
    roff_text(b, c->summary);
    buf_addc(b, '\n');
    if (c->text) {
        buf_adds(b, ".PP\n.nf\n");
        roff_text(b, c->text);
        buf_adds(b, ".fi\n");
    }
    for (size_t t = 0; t < COMMAND_TABLES && c->tables[t]; t++)
        for (const struct assay_field *f = c->tables[t]; f->name; f++)
            roff_option(b, f);
    if (c->examples) {
        struct buf ex;
        buf_init(&ex, 0);
        help_examples(&ex, c->examples);
        buf_adds(b, ".PP\n.nf\n");
        roff_text(b, ex.v);
        buf_adds(b, ".fi\n");
        buf_release(&ex);
    }
}

void help_manual(struct buf *b)
{
    buf_printf(b, ".TH ASSAY 1 \"\" \"assay %s\" \"User Commands\"\n", ASSAY_VERSION);
    buf_adds(b, ".SH NAME\nassay \\- benchmark and evaluate quantized language models\n"
                ".SH SYNOPSIS\n.B assay\nCOMMAND [arguments] [options]\n"
                ".SH DESCRIPTION\n"
                "Runs benchmark suites against several precision variants of a model, keeps accuracy,\n"
                "latency, memory and energy of every run in one SQLite file, and writes comparison reports.\n"
                ".SH COMMANDS\n");
    for (const struct command *const *c = commands; *c; c++)
        roff_command(b, *c);
    buf_adds(b, ".SH \"EXIT STATUS\"\n");
    for (const struct exit_meaning *m = exit_meanings; m->name; m++) {
        buf_printf(b, ".TP\n\\fB%d\\fR %s\n", m->code, m->name);
        roff_text(b, m->meaning);
        buf_addc(b, '\n');
    }
    buf_adds(b, ".SH ENVIRONMENT\n"
                ".TP\n\\fBASSAY_DATA\\fR\nfolders with datasets, separated by colons\n"
                ".TP\n\\fBASSAY_TASKS\\fR\nfolders with task files, separated by colons\n"
                ".TP\n\\fBASSAY_BACKEND_PATH\\fR\nfolders with backend plugins, separated by colons\n"
                ".TP\n\\fBASSAY_CPU\\fR\nhighest instruction set the native engine may use: ref, avx2, avx512, ...\n"
                ".TP\n\\fBASSAY_POWERCAP\\fR\nfolder with the counters of energy, in place of /sys/class/powercap\n"
                ".TP\n\\fBNO_COLOR\\fR\nset: no colours\n");
}

/* -- completion ----------------------------------------------------------------------------------- */

static void command_words(struct buf *b, const struct command *c)
{
    for (const char *w = c->words; w && *w; w++)
        buf_addc(b, *w == '|' ? ' ' : *w);
    if (c->words)
        buf_addc(b, ' ');
    for (size_t t = 0; t < COMMAND_TABLES && c->tables[t]; t++)
        for (const struct assay_field *f = c->tables[t]; f->name; f++)
            buf_printf(b, "--%s ", f->name);
    buf_adds(b, "--help");
}

static void command_names(struct buf *b)
{
    for (const struct command *const *c = commands; *c; c++)
        buf_printf(b, "%s%s", c == commands ? "" : " ", (*c)->name);
}

static void completion_cases(struct buf *b, const char *assign, const char *end)
{
    for (const struct command *const *c = commands; *c; c++) {
        buf_printf(b, "    %s) %s", (*c)->name, assign);
        command_words(b, *c);
        buf_printf(b, "%s ;;\n", end);
    }
}

int help_completion(const char *shell, struct buf *b, struct assay_err *e)
{
    if (strcmp(shell, "bash") == 0) {
        buf_adds(b, "# bash completion for assay\n_assay()\n{\n"
                    "    local cur=${COMP_WORDS[COMP_CWORD]} words=\n"
                    "    if ((COMP_CWORD == 1)); then\n        words='");
        command_names(b);
        buf_adds(b, "'\n    else\n    case ${COMP_WORDS[1]} in\n");
        completion_cases(b, "words='", "'");
        buf_adds(b, "    esac\n    fi\n"
                    "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                    "    [[ $cur == -* ]] || COMPREPLY+=($(compgen -f -- \"$cur\"))\n}\n"
                    "complete -o filenames -F _assay assay\n");
        return 0;
    }
    if (strcmp(shell, "zsh") == 0) {
        buf_adds(b, "#compdef assay\n_assay()\n{\n    local -a choices\n"
                    "    if ((CURRENT == 2)); then\n        choices=(");
        command_names(b);
        buf_adds(b, ")\n    else\n    case $words[2] in\n");
        completion_cases(b, "choices=(", ")");
        buf_adds(b, "    esac\n    fi\n    compadd -- $choices\n"
                    "    [[ $PREFIX == -* ]] || _files\n}\n"
                    "# Autoloaded from a folder of $fpath this file is _assay itself; else it was sourced.\n"
                    "if [[ $funcstack[1] == _assay ]]; then _assay \"$@\"; else compdef _assay assay; fi\n");
        return 0;
    }
    return err_set(e, ASSAY_EUSAGE, "unknown shell '%s': expected bash or zsh", shell);
}
