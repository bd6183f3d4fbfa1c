// The two products of a low-rank adapter. Activations and sums are f32, weights f32 or bf16; any rank.
//
// No alignment beyond the element's; nothing overlaps. The order of operations of a row does not depend on `rows`.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef enum ck_low_rank_element { CK_LOW_RANK_F32 = 0, CK_LOW_RANK_BF16 = 1 } ck_low_rank_element;

typedef struct ck_low_rank_kernels {
    // `factors`: f(r) or f(o), a factor for each output of the matrix; null: all are 1.
    // h[i * h_stride + r] = scale f(r) * sum over k of a[r * inputs + k] x[i * x_stride + k]; lane l sums k = l mod 16, then a fixed tree.
    void (*shrink)(
        const float *x, size_t x_stride, size_t rows, const void *a, ck_low_rank_element element, const float *factors, size_t rank,
        size_t inputs, float scale, float *h, size_t h_stride);
    // y[i * y_stride + o] = fma(h[i * h_stride + r], f(o) b[r * total_outputs + o], …) for r = 0, 1, …, from y's value on; o in begin..<end.
    void (*expand)(
        const float *h, size_t h_stride, size_t rows, const void *b, ck_low_rank_element element, const float *factors, size_t rank,
        size_t begin, size_t end, size_t total_outputs, float *y, size_t y_stride);
} ck_low_rank_kernels;
