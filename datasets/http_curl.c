/* http_curl.c - see http_curl.h. */
#include "datasets/http_curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "harness/base/err.h"

static struct curl_calls calls;
static const char *failure; /* NULL: loaded */
static char reason[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ISO C has no cast from an object pointer to a function's. */
static bool take(void *lib, const char *name, void *into, size_t n)
{
    void *p = dlsym(lib, name);
    if (p)
        memcpy(into, &p, n);
    else
        failure = name;
    return p != NULL;
}

static void load(void)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl.4.dylib", "libcurl-gnutls.so.4",
                                        "libcurl.so"};
    void *lib = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !lib; i++)
        lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        strncpy(reason, dlerror(), sizeof reason - 1);
        failure = reason;
        return;
    }
#define TAKE(member, name) take(lib, name, &calls.member, sizeof calls.member)
    if (TAKE(global_init, "curl_global_init") && TAKE(init, "curl_easy_init") &&
        TAKE(setopt, "curl_easy_setopt") && TAKE(perform, "curl_easy_perform") &&
        TAKE(getinfo, "curl_easy_getinfo") && TAKE(cleanup, "curl_easy_cleanup") &&
        TAKE(strerror, "curl_easy_strerror") && TAKE(append, "curl_slist_append") &&
        TAKE(free_all, "curl_slist_free_all") && calls.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        failure = "curl_global_init";
#undef TAKE
}

int curl_calls(const struct curl_calls **out, struct assay_err *e)
{
    pthread_once(&once, load);
    if (failure)
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "nothing can be fetched without libcurl (Debian: libcurl4): %s", failure);
    *out = &calls;
    return 0;
}
