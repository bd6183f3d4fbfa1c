// The CPUs of this process.
#pragma once
#include <stddef.h>

// Writes the numbers of the CPUs that the calling thread may use, ascending, and returns how many there are; at most `capacity` are
// written. 0: the system does not say, or has CPUs of a number above 1023.
size_t ck_allowed_cpus(int *cpus, size_t capacity);
