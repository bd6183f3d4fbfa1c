// Kernels over one vector of floats.
//
// All of them take any count, 0 included, and need no alignment. An output may be the same pointer as an input but must not overlap
// it otherwise. Sums run over 16 lanes (lane l sums the elements l, l + 16, …) and then over a fixed tree, so that every
// implementation returns the same bits.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct ck_elementwise {
    // y[i] = x[i] / sqrt(mean(x²) + epsilon) * weight[i]
    void (*rms_norm)(const float *x, const float *weight, float epsilon, size_t count, float *y);
    // y[i] = (x[i] - mean(x)) / sqrt(mean((x - mean(x))²) + epsilon) * weight[i] + bias[i]
    void (*layer_norm)(const float *x, const float *weight, const float *bias, float epsilon, size_t count, float *y);
    // y[i] += x[i]
    void (*add)(const float *x, float *y, size_t count);
    // y[i] *= x[i]
    void (*multiply)(const float *x, float *y, size_t count);
    // x[i] *= factor
    void (*scale)(float *x, float factor, size_t count);
    // y[i] = gate[i] / (1 + exp(-gate[i])) * up[i]
    void (*silu_multiply)(const float *gate, const float *up, size_t count, float *y);
    // y[i] = g / (1 + exp(-slope g)) * (u + 1) for g = min(gate[i], limit), u = min(max(up[i], -limit), limit)
    void (*clamped_multiply)(const float *gate, const float *up, float slope, float limit, size_t count, float *y);
    // y[i] = gelu_tanh(gate[i]) * up[i]
    void (*gelu_tanh_multiply)(const float *gate, const float *up, size_t count, float *y);
    // x[i] = x[i] / 2 * (1 + erf(x[i] / sqrt(2)))
    void (*gelu)(float *x, size_t count);
    // x[i] = x[i] / 2 * (1 + tanh(sqrt(2 / pi) * (x[i] + 0.044715 x[i]³)))
    void (*gelu_tanh)(float *x, size_t count);
    // For each head, with h = dimension / 2 and i < h: (x[i], x[i + h]) = (x[i] cos[i] - x[i + h] sin[i], x[i + h] cos[i] + x[i] sin[i]).
    // x is [heads, dimension]; dimension is even.
    void (*rotate_halves)(float *x, size_t heads, size_t dimension, const float *cosines, const float *sines);
    // x[i] = exp(x[i] - max(x)) / sum
    void (*softmax)(float *x, size_t count);
    // The lowest i with x[i] = max(x); NaN is never the maximum; 0 when there is none.
    size_t (*maximum_index)(const float *x, size_t count);
    // sum of x[i] y[i]
    float (*dot)(const float *x, const float *y, size_t count);
    // y[r] = sum over i < count of x[i] rows[r, i]; the bits of dot
    void (*dots)(const float *x, const float *rows, size_t row_count, size_t count, float *y);
} ck_elementwise;
