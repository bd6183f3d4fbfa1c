// The most that one thread computes: the products that the other kernels are made of, over data in the first-level cache.
//
// `lmoe bench` compares steps with them. Each runs `rounds` (at most a million) of its loop and returns its number of multiply-adds.
#pragma once
#include <stddef.h>

typedef struct ck_peak_kernels {
    // acc[r] += sum of four int8 products a lane, in as many rows as the packed products keep in registers
    size_t (*int8)(size_t rounds);
    // acc[i] = fma(acc[i], 1/2, 1), in enough chains to hide the latency
    size_t (*f32)(size_t rounds);
} ck_peak_kernels;
