// See include/counters.h.
#include "include/counters.h"

#if defined(__linux__)
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COUNTERS = 3 };

static const uint64_t events[COUNTERS] = {PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_HW_INSTRUCTIONS, PERF_COUNT_HW_CACHE_MISSES};

static int open_event(uint64_t event, int group) {
    struct perf_event_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.size = sizeof attributes;
    attributes.type = PERF_TYPE_HARDWARE;
    attributes.config = event;
    attributes.exclude_kernel = 1;
    attributes.exclude_hv = 1;
    attributes.read_format = PERF_FORMAT_GROUP;
    return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, group, PERF_FLAG_FD_CLOEXEC);
}

bool cc_open(cc_counters *counters) {
    for (int i = 0; i < COUNTERS; i++) {
        counters->descriptors[i] = open_event(events[i], i == 0 ? -1 : counters->descriptors[0]);
        if (counters->descriptors[i] >= 0) continue;
        while (i-- > 0) close(counters->descriptors[i]);
        return false;
    }
    return true;
}

void cc_close(const cc_counters *counters) {
    for (int i = COUNTERS; i-- > 0;) close(counters->descriptors[i]);
}

cc_counts cc_read(const cc_counters *counters) {
    struct { uint64_t count, values[COUNTERS]; } group;
    if (read(counters->descriptors[0], &group, sizeof group) != sizeof group) return (cc_counts){0, 0, 0};
    return (cc_counts){group.values[0], group.values[1], group.values[2]};
}
#else
bool cc_open(cc_counters *counters) { return false; }
void cc_close(const cc_counters *counters) {}
cc_counts cc_read(const cc_counters *counters) { return (cc_counts){0, 0, 0}; }
#endif
