// Counts the allocations of the whole process, for `lmoe bench`.
//
// The executable that links this defines malloc, calloc, realloc, aligned_alloc, memalign and posix_memalign itself, so that calls
// out of every shared library (the Swift runtime's too) come here; they go on to glibc's own. While nobody counts the cost is one
// read of a flag a call. Without glibc, or under a sanitizer, which brings an allocator of its own, nothing is counted.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Whether this build can count.
bool ca_can_count(void);
// Any thread. Counting starts at zero.
void ca_start(void);
// Ends it and returns the allocations of all threads since `ca_start`; a realloc is one.
uint64_t ca_stop(void);
