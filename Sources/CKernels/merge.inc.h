// See include/merge.h. Plain loops, which the compiler turns into vectors of the target; only dots names its lanes.
#include "include/merge.h"
#include "lanes.h"

enum {
    // Elements whose sums stay in the first-level cache while the sources pass.
    MERGE_CHUNK = 1024,
    // Sources that are summed before their sum is added to that of the ones before.
    MERGE_GROUP = 16,
};

CK_INLINE size_t chunk_size(size_t start, size_t count, size_t chunk) { return count - start < chunk ? count - start : chunk; }

static void merge_subtract(const float *x, float *y, size_t count) {
    for (size_t i = 0; i < count; i++) y[i] -= x[i];
}

static void merge_add_product(const float *x, float factor, float *y, size_t count) {
    f32x16 f = splat(factor);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) store(y + i, fma16(load(x + i), f, load(y + i)));
    if (i < count) store_part(y + i, fma16(load_part(x + i, count - i), f, load_part(y + i, count - i)), count - i);
}

// Adds the sum of a group to that of the groups before.
CK_INLINE void next_group(float *group, float *total, size_t n) {
    for (size_t i = 0; i < n; i++) {
        total[i] += group[i];
        group[i] = 0;
    }
}

CK_INLINE void vote_signs(
    const float *const *changes, const float *weights, size_t sources, ck_merge_vote vote, size_t start, size_t n, float *sum) {
    float total[MERGE_CHUNK];
    memset(sum, 0, n * sizeof *sum);
    memset(total, 0, n * sizeof *total);
    for (size_t s = 0; s < sources; s++) {
        const float *x = changes[s] + start;
        const float w = weights[s];
        if (vote == CK_VOTE_WEIGHTED) {
            for (size_t i = 0; i < n; i++) sum[i] += x[i] * w;
        } else if (vote == CK_VOTE_TOTAL) {
            for (size_t i = 0; i < n; i++) sum[i] += x[i];
        } else {
            for (size_t i = 0; i < n; i++) sum[i] += (float)((x[i] > 0) - (x[i] < 0));
        }
        if (s % MERGE_GROUP == MERGE_GROUP - 1) next_group(sum, total, n);
    }
    if (sources >= MERGE_GROUP) {
        for (size_t i = 0; i < n; i++) sum[i] += total[i];
    }
}

// mixed = the sum of what counts, divisor = the sum of its weights, or its number.
CK_INLINE void vote_sums(
    const float *const *changes, const float *weights, size_t sources, const ck_merge_rule *rule, const float *sign, size_t start, size_t n,
    float *mixed, float *divisor) {
    float total[MERGE_CHUNK], divisor_total[MERGE_CHUNK];
    memset(mixed, 0, n * sizeof *mixed);
    memset(total, 0, n * sizeof *total);
    memset(divisor, 0, n * sizeof *divisor);
    memset(divisor_total, 0, n * sizeof *divisor_total);
    const bool divides = rule->divisor != CK_DIVIDE_CONSTANT;
    for (size_t s = 0; s < sources; s++) {
        const float *x = changes[s] + start;
        const float w = weights[s], part = rule->divisor == CK_DIVIDE_COUNT ? 1 : w;
        if (rule->vote == CK_VOTE_NONE) {
            for (size_t i = 0; i < n; i++) mixed[i] += x[i] * w;
            if (divides) for (size_t i = 0; i < n; i++) divisor[i] += part;
        } else {
            // The sign of the weighted change votes in a weighted vote, that of the change in the others.
            const float turn = rule->vote == CK_VOTE_WEIGHTED ? w : 1;
            for (size_t i = 0; i < n; i++) {
                const float v = x[i] * turn;
                const bool counts = sign[i] >= 0 ? v > 0 : v < 0;
                mixed[i] += counts ? x[i] * w : 0;
                divisor[i] += counts ? part : 0;
            }
        }
        if (s % MERGE_GROUP == MERGE_GROUP - 1) {
            next_group(mixed, total, n);
            next_group(divisor, divisor_total, n);
        }
    }
    if (sources >= MERGE_GROUP) {
        for (size_t i = 0; i < n; i++) mixed[i] += total[i];
        for (size_t i = 0; i < n; i++) divisor[i] += divisor_total[i];
    }
}

static void merge_vote(
    const float *const *changes, const float *weights, size_t sources, const ck_merge_rule *rule, const float *base, size_t count, float *out) {
    for (size_t start = 0; start < count; start += MERGE_CHUNK) {
        const size_t n = chunk_size(start, count, MERGE_CHUNK);
        float sign[MERGE_CHUNK], mixed[MERGE_CHUNK], divisor[MERGE_CHUNK];
        const float number = rule->number, factor = rule->factor;
        if (rule->vote != CK_VOTE_NONE) vote_signs(changes, weights, sources, rule->vote, start, n, sign);
        vote_sums(changes, weights, sources, rule, sign, start, n, mixed, divisor);
        switch (rule->divisor) {
        case CK_DIVIDE_CONSTANT:
            if (number != 1) for (size_t i = 0; i < n; i++) mixed[i] /= number;
            break;
        case CK_DIVIDE_WEIGHTS:
            for (size_t i = 0; i < n; i++) mixed[i] /= divisor[i] == 0 ? 1 : divisor[i];
            break;
        case CK_DIVIDE_COUNT:
            for (size_t i = 0; i < n; i++) mixed[i] /= divisor[i] < 1 ? 1 : divisor[i];
            break;
        case CK_DIVIDE_WEIGHTS_FROM:
            for (size_t i = 0; i < n; i++) mixed[i] /= divisor[i] < number ? number : divisor[i];
            break;
        }
        if (factor != 1) for (size_t i = 0; i < n; i++) mixed[i] *= factor;
        if (base) {
            for (size_t i = 0; i < n; i++) out[start + i] = base[start + i] + mixed[i];
        } else {
            memcpy(out + start, mixed, n * sizeof *mixed);
        }
    }
}

static void merge_combine(
    const float *const *sources, const double *factors, size_t source_count, const float *base, size_t count, float *out) {
    for (size_t start = 0; start < count; start += MERGE_CHUNK) {
        const size_t n = chunk_size(start, count, MERGE_CHUNK);
        double sum[MERGE_CHUNK] = {0};
        for (size_t s = 0; s < source_count; s++) {
            const float *x = sources[s] + start;
            const double factor = factors[s];
            for (size_t i = 0; i < n; i++) sum[i] += factor * x[i];
        }
        if (base) {
            for (size_t i = 0; i < n; i++) out[start + i] = base[start + i] + (float)sum[i];
        } else {
            for (size_t i = 0; i < n; i++) out[start + i] = (float)sum[i];
        }
    }
}

typedef double f64x16 __attribute__((ext_vector_type(16)));

// Calls `element(i)` up to the first place that is a multiple of 16, `lanes(i)` for each 16 elements and `element(i)` for the rest.
#define EACH_LANE(first, count, element, lanes)                                \
    do {                                                                       \
        size_t i = 0;                                                          \
        for (; i < (count) && ((first) + i) % LANES; i++) element;             \
        for (; i + LANES <= (count); i += LANES) lanes;                        \
        for (; i < (count); i++) element;                                      \
    } while (0)

static void merge_dots(const float *x, const float *y, size_t first, size_t count, double *sums) {
    f64x16 sum;
    memcpy(&sum, sums, sizeof sum);
    EACH_LANE(
        first, count, sum[(first + i) % LANES] += (double)x[i] * y[i],
        sum += __builtin_convertvector(load(x + i), f64x16) * __builtin_convertvector(load(y + i), f64x16));
    memcpy(sums, &sum, sizeof sum);
}

static void merge_magnitudes(const float *x, size_t first, size_t count, double *sums) {
    f64x16 sum;
    memcpy(&sum, sums, sizeof sum);
    EACH_LANE(
        first, count, sum[(first + i) % LANES] += fabsf(x[i]),
        sum += __builtin_convertvector(of_bits(bits_of(load(x + i)) & 0x7fffffff), f64x16));
    memcpy(sums, &sum, sizeof sum);
}

CK_INLINE int32_t magnitude_bits(float x) { return __builtin_bit_cast(int32_t, x) & 0x7fffffff; }

static void merge_count_buckets(const float *x, size_t count, uint32_t *counts) {
    for (size_t i = 0; i < count; i++) counts[magnitude_bits(x[i]) >> 16]++;
}

typedef bool b16x16 __attribute__((ext_vector_type(16)));

// A bit for each lane that is not 0.
CK_INLINE uint32_t lane_bits(i32x16 mask) { return __builtin_bit_cast(uint16_t, __builtin_convertvector(mask != 0, b16x16)); }

CK_INLINE void count_part(float x, int32_t first, uint32_t *counts) {
    const int32_t bits = magnitude_bits(x);
    if ((bits & ~0xffff) == first && bits != 0) counts[bits & 0xffff]++;
}

static void merge_count_parts(const float *x, size_t count, uint32_t bucket, uint32_t *counts) {
    const int32_t first = (int32_t)(bucket << 16);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        // Few elements are in the bucket.
        const i32x16 bits = bits_of(load(x + i)) & 0x7fffffff;
        for (uint32_t found = lane_bits((bits & ~0xffff) == first); found; found &= found - 1)
            count_part(x[i + (size_t)__builtin_ctz(found)], first, counts);
    }
    for (; i < count; i++) count_part(x[i], first, counts);
}

// Of one element, which may be equal to a bound.
CK_INLINE float keep_in_range(float x, ck_merge_range *range) {
    const int32_t bits = magnitude_bits(x);
    bool keeps = bits > range->low && bits < range->high;
    if (bits == range->low) {
        keeps = range->low_seen >= range->low_from && range->low_seen < range->low_to;
        range->low_seen++;
    } else if (bits == range->high) {
        keeps = range->high_seen < range->high_to;
        range->high_seen++;
    }
    return x * (float)keeps;
}

static void merge_keep_range(float *x, size_t count, ck_merge_range *range) {
    const int32_t low = range->low, high = range->high;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        const i32x16 all = bits_of(load(x + i)), bits = all & 0x7fffffff;
        const i32x16 equal = (bits == low) | (bits == high);
        // A product with 0 leaves the sign. Equal ones stay until each has its turn.
        store(x + i, of_bits(all & (((bits > low) & (bits < high)) | equal | INT32_MIN)));
        for (uint32_t found = lane_bits(equal); found; found &= found - 1) {
            const size_t place = i + (size_t)__builtin_ctz(found);
            x[place] = keep_in_range(x[place], range);
        }
    }
    for (; i < count; i++) x[i] = keep_in_range(x[i], range);
}

static void merge_keep_random(float *x, size_t first, size_t count, double density, uint64_t key) {
    for (size_t i = 0; i < count; i++) x[i] *= (float)(ck_merge_random(key, first + i) < density);
}

static void merge_variance(const float *const *sources, size_t source_count, size_t count, float *out) {
    for (size_t start = 0; start < count; start += MERGE_CHUNK) {
        const size_t n = chunk_size(start, count, MERGE_CHUNK);
        double mean[MERGE_CHUNK] = {0}, squares[MERGE_CHUNK] = {0};
        for (size_t s = 0; s < source_count; s++) {
            const float *x = sources[s] + start;
            const double number = (double)(s + 1);
            for (size_t i = 0; i < n; i++) {
                const double delta = x[i] - mean[i];
                mean[i] += delta / number;
                squares[i] += delta * (x[i] - mean[i]);
            }
        }
        for (size_t i = 0; i < n; i++) out[start + i] = (float)(squares[i] / (double)source_count);
    }
}

static size_t merge_non_finite(const float *x, size_t count) {
    size_t found = 0;
    for (size_t start = 0; start < count; start += MERGE_CHUNK) {
        const size_t n = chunk_size(start, count, MERGE_CHUNK);
        uint32_t part = 0;
        for (size_t i = 0; i < n; i++) part += magnitude_bits(x[start + i]) >= 0x7f800000;
        found += part;
    }
    return found;
}
