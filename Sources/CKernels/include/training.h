// Kernels that training needs besides those of inference: products of f32 matrices with any strides, and gradients.
//
// All of them take any count, 0 included, and need no alignment. Inputs and outputs do not overlap unless a kernel says so. Each sum
// has one order, so every implementation returns the same bits.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packed.h"

enum { CK_PAIRS_DEPTH = 128 };

typedef struct ck_training_kernels {
    // c[i * c_row + j] = (accumulate ? c[i * c_row + j] : 0) + sum over k in order of a[i * a_row + k * a_step] * b[k * b_row + j],
    // for i in 0..<rows, j in 0..<columns, k in 0..<depth; fused multiply-adds, one after the other from what c holds. So an element
    // has the same bits with any rows and columns beside it, and with the depth cut into calls that accumulate.
    void (*matmul)(
        const float *a, size_t a_row, size_t a_step, const float *b, size_t b_row, float *c, size_t c_row, size_t rows, size_t columns,
        size_t depth, bool accumulate);
    // As matmul, with a and b rounded to bf16 and sums in f32: words[k * word_row + j] holds rows 2 k (low) and 2 k + 1 (high) of b's column
    // j as bf16, and whole vectors of 16 words are read; the columns of a lie side by side. depth <= CK_PAIRS_DEPTH. Each pair adds fma(low, low, fma(high, high, c)).
    void (*matmul_pairs)(
        const float *a, size_t a_row, const uint32_t *words, size_t word_row, float *c, size_t c_row, size_t rows, size_t columns,
        size_t depth, bool accumulate);
    // A row of `pairs_product`: word k holds x[2 k] in its low half and x[2 k + 1] in its high half, both rounded to bf16; zeros from
    // `columns` on. `count` words are written, a multiple of 8.
    void (*round_pairs)(const float *x, size_t columns, size_t count, uint32_t *words);
    // Outputs begin..<end of packed weights, rounded to bf16: words[k * word_row + o - begin] holds inputs 2 k (low) and 2 k + 1 (high) of
    // output o, for 16 k a block. begin is a multiple of 16; words of whole panels are written.
    void (*unpack_pairs)(const ck_packed *weights, size_t begin, size_t end, uint32_t *words, size_t word_row);
    // The same as the rows of a factor of matmul_pairs: words[p * word_row + k] holds input k of outputs begin + 2 p (low) and
    // begin + 2 p + 1 (high), for 32 k a block. begin is a multiple of 16; whole panels are written, with zeros past the last output.
    void (*unpack_output_pairs)(const ck_packed *weights, size_t begin, size_t end, uint32_t *words, size_t word_row);
    // c[i * c_row + j] = the sum over k in order, from 0, of pair k of a's row i (words a_row apart, of round_pairs) times words[k * word_row
    // + j], in f32 as matmul_pairs adds.
    void (*pairs_product)(
        const uint32_t *a, size_t a_row, const uint32_t *words, size_t word_row, float *c, size_t c_row, size_t rows, size_t columns,
        size_t pairs);
    // y[i] = x[i] rounded to bf16, magnitudes below 2^-55 to zero; and back.
    void (*round_bfloats)(const float *x, size_t count, uint16_t *y);
    void (*widen_bfloats)(const uint16_t *x, size_t count, float *y);
    // For y = rms_norm(x) with r = 1 / sqrt(mean(x²) + epsilon) and h[i] = weight[i] dy[i]:
    // dx[i] += r h[i] - x[i] r³ mean(h x)
    void (*rms_norm_gradient)(const float *x, const float *weight, const float *dy, float epsilon, size_t count, float *dx);
    // For y = silu(gate) * up: up_gradient[i] = dy[i] silu(gate[i]); gate_gradient[i] = dy[i] up[i] s (1 + gate[i] (1 - s)) with
    // s = 1 / (1 + exp(-gate[i])). The gradients may be stored where gate and up are.
    void (*silu_multiply_gradient)(
        const float *gate, const float *up, const float *dy, size_t count, float *gate_gradient, float *up_gradient);
    // The same for y = gelu_tanh(gate) * up.
    void (*gelu_tanh_multiply_gradient)(
        const float *gate, const float *up, const float *dy, size_t count, float *gate_gradient, float *up_gradient);
    // x[i] = exp(scale x[i] - logsumexp), where logsumexp = log(sum of exp(scale x[i])) is returned.
    float (*softmax_logsumexp)(float *x, float scale, size_t count);
    // x[i] = exp(scale x[i] - logsumexp)
    void (*exp_minus)(float *x, float scale, float logsumexp, size_t count);
    // x[i] = exp(x[i] - most); returns their sum.
    float (*exp_shifted)(float *x, float most, size_t count);
    // ds[i] = scale p[i] (dp[i] - delta); ds may be dp.
    void (*softmax_gradient)(const float *p, const float *dp, float delta, float scale, size_t count, float *ds);
    // y[i] += a[i] * b[i]
    void (*add_product)(const float *a, const float *b, float *y, size_t count);
} ck_training_kernels;
