// Kernels over one row of logits, for drawing a token without sorting the vocabulary. Any count, no alignment. NaN counts as
// a logit that is never drawn. Sums run over 16 lanes as in elementwise.h: the same bits on every instruction set.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct ck_sampling {
    // sum of exp((x[i] - maximum) * scale) over the i with x[i] > above
    float (*exp_sum)(const float *x, size_t count, float maximum, float scale, float above);
    // x[i] = exp((x[i] - maximum) * scale), 0 for NaN
    void (*exp_scaled)(float *x, size_t count, float maximum, float scale);
    // The i, rising, with x[i] >= least go to `indices` (room for `count`); returns how many there are.
    size_t (*select)(const float *x, size_t count, float least, uint32_t *indices);
} ck_sampling;
