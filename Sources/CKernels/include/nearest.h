// Nearest neighbours among many vectors: Hamming distances of 1-bit sketches, and exact products of int8 vectors.
//
// All results are integers, so they are the same on every instruction set. Pointers need no alignment; nothing overlaps.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct ck_nearest_kernels {
    // out[r] = the number of bits in which `query` and row r of `rows` differ; `[words]` and `[count, words]`, at most 1023 words.
    void (*hamming)(const uint64_t *query, const uint64_t *rows, size_t count, size_t words, uint16_t *out);
    // sum of a[i] * b[i]; `n` at most 2^16, so that the sum fits.
    int32_t (*dot)(const int8_t *a, const int8_t *b, size_t n);
} ck_nearest_kernels;
