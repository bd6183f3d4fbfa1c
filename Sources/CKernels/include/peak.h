// What one thread computes at most: the products that the other kernels are made of, over data that the first-level cache holds.
//
// For the ceilings of `lmoe bench`. Each runs `rounds` (at most a million) of its loop and returns the multiply-adds it did.
#pragma once
#include <stddef.h>

typedef struct ck_peak_kernels {
    // acc[r] += sum of four int8 products a lane, in as many rows as the packed products keep in registers
    size_t (*int8)(size_t rounds);
    // acc[i] = fma(acc[i], 1/2, 1), in enough chains to hide the latency
    size_t (*f32)(size_t rounds);
} ck_peak_kernels;
