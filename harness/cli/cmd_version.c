/* cmd_version.c - assay version: of the program, its store and the libraries it runs on. */
#include <stdio.h>

#include <openssl/crypto.h>
#include <sqlite3.h>

#include "harness/cli/commands.h"
#include "harness/cli/version.h"
#include "harness/store/store.h"

static int body(struct options *o, struct assay_err *e)
{
    (void)o, (void)e;
    printf("assay %s\n", ASSAY_VERSION);
    printf("store schema %d, sqlite %s, %s\n", STORE_SCHEMA, sqlite3_libversion(),
           OpenSSL_version(OPENSSL_VERSION));
    printf("compiler %s\n", __VERSION__);
    return 0;
}

static int run_version(const struct command *c, int argc, char **argv)
{
    return command_frame(c, argc, argv, NULL, body);
}

const struct command cmd_version = {
    .name = "version",
    .summary = "print the version of assay, its store and its libraries",
    .arguments = "",
    .main = run_version,
};
