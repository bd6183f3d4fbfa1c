// What the processor counts of one thread, in user mode: cycles, instructions and misses of the last-level cache (perf_event_open of Linux).
//
// Virtual machines often have no such counters, and systems may forbid them (kernel.perf_event_paranoid above 2).
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct cc_counters { int descriptors[3]; } cc_counters;

typedef struct cc_counts { uint64_t cycles, instructions, cache_misses; } cc_counts;

// Counts the calling thread from now on. False: there are none, and nothing is to be closed.
bool cc_open(cc_counters *counters);
// Any thread. Ends the counting.
void cc_close(const cc_counters *counters);
// Since `cc_open`; all three at one moment. Zeros where they cannot be read. Any thread.
cc_counts cc_read(const cc_counters *counters);
