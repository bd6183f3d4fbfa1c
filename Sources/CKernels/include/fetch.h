// Memory that is read after a product, fetched while the product runs. A product that computes leaves memory idle, and a stream that
// begins outside the caches waits for its first lines.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct ck_fetch_range {
    const uint8_t *start;
    size_t bytes;
} ck_fetch_range;

typedef struct ck_fetch {
    const ck_fetch_range *ranges;  // in the order in which they are read; none is empty
    size_t count;
    size_t lines;          // of 64 bytes, of all ranges
    const uint8_t *after;  // where the weights of the next product begin, or null
} ck_fetch;
