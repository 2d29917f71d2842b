/* commands.h - every command's struct; one file cmd_NAME.c each. */
#ifndef COMMANDS_H
#define COMMANDS_H
#include "harness/cli/command.h"

extern const struct command cmd_run, cmd_compare, cmd_report, cmd_results, cmd_grade, cmd_list,
    cmd_show, cmd_gate, cmd_history, cmd_ack, cmd_baseline, cmd_validate, cmd_bench, cmd_probe, cmd_db, cmd_data,
    cmd_export, cmd_version, cmd_help;
#endif
