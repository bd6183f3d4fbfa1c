#pragma once
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

/* Swift calls no function with a variable number of arguments: one setter for each type of value. */
static inline CURLcode ccurl_set_text(CURL *handle, CURLoption option, const char *value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode ccurl_set_number(CURL *handle, CURLoption option, long value) {
    return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return (curl_easy_setopt)(handle, option, value);
}

/* Receives pieces of the body, or lines of the header. */
typedef size_t (*ccurl_receiver)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode ccurl_set_receiver(CURL *handle, CURLoption option, ccurl_receiver receiver) {
    return (curl_easy_setopt)(handle, option, receiver);
}

/* Called often, also while nothing arrives; anything but 0 ends the transfer. */
typedef int (*ccurl_watch)(void *context, curl_off_t total, curl_off_t now, curl_off_t uploadTotal, curl_off_t uploaded);

static inline CURLcode ccurl_set_watch(CURL *handle, ccurl_watch watch) {
    return (curl_easy_setopt)(handle, CURLOPT_XFERINFOFUNCTION, watch);
}

static inline int ccurl_start(void) { return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; }
