// Drawing from a row of logits; see include/sampling.h.
#include "include/sampling.h"
#include "lanes.h"

CK_INLINE f32x16 weight16(f32x16 x, f32x16 maximum, f32x16 scale) {
    f32x16 e = exp16((x - maximum) * scale);
    return choose(e == e, e, splat(0));
}

CK_INLINE f32x16 weight_above16(f32x16 x, f32x16 maximum, f32x16 scale, f32x16 above) {
    return choose(x > above, exp16((x - maximum) * scale), splat(0));
}

static float exp_sum(const float *x, size_t count, float maximum, float scale, float above) {
    f32x16 center = splat(maximum), factor = splat(scale), edge = splat(above), sum = splat(0);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) sum += weight_above16(load(x + i), center, factor, edge);
    if (i < count) {
        float lanes[LANES] = {0};
        store_part(lanes, weight_above16(load_part(x + i, count - i), center, factor, edge), count - i);
        sum += load(lanes);
    }
    return sum_lanes(sum);
}

static void exp_scaled(float *x, size_t count, float maximum, float scale) {
    f32x16 center = splat(maximum), factor = splat(scale);
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) store(x + i, weight16(load(x + i), center, factor));
    if (i < count) store_part(x + i, weight16(load_part(x + i, count - i), center, factor), count - i);
}

static size_t select_from(const float *x, size_t count, float least, uint32_t *indices) {
    size_t found = 0, i = 0;
    for (; i + LANES <= count; i += LANES) {
        i32x16 hits = load(x + i) >= splat(least);
#if defined(CK_AVX512)
        for (unsigned mask = _mm512_movepi32_mask((__m512i)hits); mask; mask &= mask - 1)
            indices[found++] = (uint32_t)i + (uint32_t)__builtin_ctz(mask);
#else
        if (!__builtin_reduce_or(hits)) continue;
        for (int l = 0; l < LANES; l++)
            if (hits[l]) indices[found++] = (uint32_t)i + (uint32_t)l;
#endif
    }
    for (; i < count; i++)
        if (x[i] >= least) indices[found++] = (uint32_t)i;
    return found;
}
