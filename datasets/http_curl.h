/* http_curl.h - the few functions of libcurl that http.c calls, from a library that is loaded at
 * run time. */
#ifndef HTTP_CURL_H
#define HTTP_CURL_H
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo

struct assay_err;

struct curl_calls {
    CURLcode (*global_init)(long);
    CURL *(*init)(void);
    CURLcode (*setopt)(CURL *, CURLoption, ...);
    CURLcode (*perform)(CURL *);
    CURLcode (*getinfo)(CURL *, CURLINFO, ...);
    void (*cleanup)(CURL *);
    const char *(*strerror)(CURLcode);
    struct curl_slist *(*append)(struct curl_slist *, const char *);
    void (*free_all)(struct curl_slist *);
};
/* Loads it once for the process.  Errors: ASSAY_EUNSUPPORTED, with the package to install. */
int curl_calls(const struct curl_calls **, struct assay_err *);
#endif
