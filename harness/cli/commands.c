/* commands.c - the list of commands, in the order of the help. */
#include "harness/cli/commands.h"

#include <string.h>

const struct command *const commands[] = {
    &cmd_run,   &cmd_compare, &cmd_report,  &cmd_results,  &cmd_export, &cmd_grade,    &cmd_list,
    &cmd_show,  &cmd_gate,    &cmd_history, &cmd_ack,      &cmd_baseline, &cmd_validate,
    &cmd_bench, &cmd_probe,   &cmd_db,      &cmd_data,    &cmd_version, 
    &cmd_help,  NULL,
};

const struct command *command_find(const char *name)
{
    for (const struct command *const *c = commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}
