// Kernels that merge tensors of several models.
//
// All of them take any count, 0 included, and need no alignment. Sums of f64 run over 16 lanes: the element at place `first + i` of a
// row of numbers is added to lane (first + i) mod 16, so that a sum does not depend on the calls that it is made of. No product is
// fused with a sum but in add_product.
#pragma once
#include <stddef.h>
#include <stdint.h>

// How the changes of several sources become one.
typedef enum ck_merge_vote {
    // all of them count
    CK_VOTE_NONE = 0,
    // those count that have the sign of the sum of weight * change
    CK_VOTE_WEIGHTED = 1,
    // … of the sum of the changes
    CK_VOTE_TOTAL = 2,
    // … of the sum of their signs
    CK_VOTE_FREQUENCY = 3,
} ck_merge_vote;

typedef enum ck_merge_divisor {
    // the rule's number
    CK_DIVIDE_CONSTANT = 0,
    // the sum of the weights that count, 1 where it is 0
    CK_DIVIDE_WEIGHTS = 1,
    // the number of changes that count, at least 1
    CK_DIVIDE_COUNT = 2,
    // the sum of the weights that count, at least the rule's number
    CK_DIVIDE_WEIGHTS_FROM = 3,
} ck_merge_divisor;

typedef struct ck_merge_rule {
    ck_merge_vote vote;
    ck_merge_divisor divisor;
    float number;
    // multiplies what the division gives
    float factor;
} ck_merge_rule;

// The magnitudes to keep, as bits of f32: those above `low` and below `high`, and of those that are equal to a bound the ones whose place
// among the equal ones is in low_from..<low_to, or below high_to. -1 as `low` keeps zeros.
typedef struct ck_merge_range {
    int32_t low, high;
    size_t low_from, low_to, high_to;
    // equal ones seen so far; the kernel counts on
    size_t low_seen, high_seen;
} ck_merge_range;

enum { CK_MERGE_BUCKETS = 1 << 15, CK_MERGE_PARTS = 1 << 16 };

typedef struct ck_merge_kernels {
    // y[i] -= x[i]
    void (*subtract)(const float *x, float *y, size_t count);
    // y[i] = fma(x[i], factor, y[i])
    void (*add_product)(const float *x, float factor, float *y, size_t count);
    // out[i] = base[i] + factor * sum over s of change[s][i] * weight[s] (those that count) / divisor. Sums run in order of s, 16 at a
    // time. A sum of 0 has the positive sign; changes of 0 never count in a vote. base may be null; out may be any of the inputs.
    void (*vote)(
        const float *const *changes, const float *weights, size_t sources, const ck_merge_rule *rule, const float *base, size_t count, float *out);
    // out[i] = base[i] + (float)(sum over s of factors[s] * sources[s][i] in f64); base may be null; out may be any of the inputs.
    void (*combine)(const float *const *sources, const double *factors, size_t source_count, const float *base, size_t count, float *out);
    // sums[lane] += x[i] * y[i]
    void (*dots)(const float *x, const float *y, size_t first, size_t count, double *sums);
    // sums[lane] += |x[i]|
    void (*magnitudes)(const float *x, size_t first, size_t count, double *sums);
    // counts[bits of |x[i]| >> 16] += 1, for CK_MERGE_BUCKETS counts
    void (*count_buckets)(const float *x, size_t count, uint32_t *counts);
    // counts[low 16 bits of x[i]] += 1 where bits of |x[i]| >> 16 is `bucket` and x[i] is not 0, for CK_MERGE_PARTS counts
    void (*count_parts)(const float *x, size_t count, uint32_t bucket, uint32_t *counts);
    // x[i] *= 0 where the range does not keep it
    void (*keep_range)(float *x, size_t count, ck_merge_range *range);
    // x[i] *= 0 with the probability 1 - density, by the random number of the place first + i
    void (*keep_random)(float *x, size_t first, size_t count, double density, uint64_t key);
    // out[i] = the variance of sources[s][i] over s, in f64 (Welford); out may be any of the sources
    void (*variance)(const float *const *sources, size_t source_count, size_t count, float *out);
    // the number of x[i] that are infinite or NaN
    size_t (*non_finite)(const float *x, size_t count);
} ck_merge_kernels;

// The number in [0, 1) of a place: SplitMix64's output number place + 1 from the state `key` (Steele et al. 2014), its upper 53 bits.
static inline double ck_merge_random(uint64_t key, uint64_t place) {
    uint64_t word = key + (place + 1) * 0x9e3779b97f4a7c15u;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
    word ^= word >> 31;
    return (double)(word >> 11) * 0x1p-53;
}
