/* port_table.h - the rows of built-in functions, a table per family of tasks, and pieces of programs.
 *
 * To add a row: give the end of the module's path, the function, a piece of the module's text that its
 * meaning hangs on, and a program (port.h); add made-up rows to tests/interop/port_goldens.py, which
 * asks upstream's function and writes tests/tasks/ports.jsonl.  First match wins; {0} ends a table. */
#ifndef PORT_TABLE_H
#define PORT_TABLE_H
#include <stddef.h>
#include "tasks/port.h"

/* Rows: module, function, evidence, program. */
#define ROWS(...) {PORT_ROWS, __VA_ARGS__, NULL}
#define VALUE(...) {PORT_VALUE, __VA_ARGS__, NULL}
#define RESULTS(...) {PORT_RESULTS, __VA_ARGS__, NULL}
#define AGGREGATE(...) {PORT_AGGREGATE, __VA_ARGS__, NULL}
#define FILTER(...) {PORT_FILTER, __VA_ARGS__, NULL}
#define DATA(...) {PORT_DATA, __VA_ARGS__, NULL}
#define CLASS(...) {PORT_CLASS, __VA_ARGS__, NULL}

#define CLEAN /* hellaswag's way with brackets */                                                     \
    "{% macro _clean(t) %}{{ t.strip().replace(' [title]', '. ')|regex_replace('\\\\[.*?\\\\]', '')"   \
    "|replace('  ', ' ') }}{% endmacro %}"
#define EACH(list, expr) /* [expr for x in list] */                                                    \
    "{% set _n = namespace(v=[]) %}{% for x in " list " %}{% set _n.v = _n.v + [" expr "] %}{% endfor %}"
#define LETTERED(labels, list) /* "A. first\nB. second" */                                             \
    "{% for x in " list " %}{{ " labels "[loop.index0] }} {{ x }}{% if not loop.last %}\n{% endif %}"   \
    "{% endfor %}"
#define ABC26 "'ABCDEFGHIJKLMNOPQRSTUVWXYZ'"

extern const struct port port_mmlu[], port_africa[], port_arabic[], port_choice[], port_score[], port_classes[];
extern const struct port_texts port_mmlu_prox[];
#endif
