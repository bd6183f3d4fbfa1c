// A tile of queries times keys, and the exponentials of that.
#include "attention_tile.inc.h"

// Scores of `blocks` blocks from `block` on; `queries` and `blocks` are constants where this is inlined.
CK_INLINE void score_blocks(
    const query_tile *tile, int queries, const key_values *kv, ck_kv_element element, size_t block, int blocks, float scale
) {
    f32x16 acc[QUERY_TILE][2 * BLOCK_TILE];
    const char *keys[2 * BLOCK_TILE], *next[2 * BLOCK_TILE];
    size_t line = 64 / (LANES * unit_bytes(element));  // units of a cache line
    for (int b = 0; b < blocks; b++) keys[b] = block_at(kv, block + b);
    if (tile->fetches)
        for (int b = 0; b < blocks; b++) {
            next[b] = block_ahead(kv, element, block + b);
            if (element != CK_KV_INT8) continue;
            fetch_line(next[b] + kv->key_scales);
            fetch_line(next[b] + kv->value_scales);
        }
    for (int t = 0; t < queries; t++)
        for (int b = 0; b < blocks; b++) acc[t][b] = splat(0);
    for (size_t u = 0; u < kv->key_units; u++) {
        f32x16 k[2 * BLOCK_TILE];
        if (tile->fetches && u % line == 0)
            for (int b = 0; b < blocks; b++) fetch_line(next[b] + (kv->key_offset + u * LANES) * unit_bytes(element));
        for (int b = 0; b < blocks; b++) k[b] = load_units(keys[b], element, kv->key_offset + u * LANES);
        for (int t = 0; t < queries; t++) {
            f32x16 q = splat(tile->queries[t][u]);
            for (int b = 0; b < blocks; b++) acc[t][b] = multiply_add(element, q, k[b], acc[t][b]);
        }
    }
    for (int b = 0; b < blocks; b++) {
        f32x16 factor = splat(scale);
        if (element == CK_KV_INT8) factor *= load((const float *)(keys[b] + kv->key_scales));
        for (int t = 0; t < queries; t++) store(tile->scores[t] + (block + b) * LANES, acc[t][b] * factor);
    }
}

CK_INLINE void scores_of(
    const query_tile *tile, int queries, const key_values *kv, ck_kv_element element, size_t first, size_t last, float scale
) {
    size_t block = first;
    // Fewer queries leave registers for more blocks.
    if (2 * queries <= QUERY_TILE)
        for (; block + 2 * BLOCK_TILE <= last; block += 2 * BLOCK_TILE) score_blocks(tile, queries, kv, element, block, 2 * BLOCK_TILE, scale);
    for (; block + BLOCK_TILE <= last; block += BLOCK_TILE) score_blocks(tile, queries, kv, element, block, BLOCK_TILE, scale);
    for (; block < last; block++) score_blocks(tile, queries, kv, element, block, 1, scale);
}

// x = cap * tanh(x / cap), as cap - 2 cap / (1 + exp(2 x / cap)).
CK_INLINE f32x16 soft_cap16(f32x16 x, float cap) {
    return splat(cap) - splat(2 * cap) / (splat(1.0f) + exp16(x * splat(2 / cap)));
}

static void soft_cap(float *x, float cap, size_t count) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) store(x + i, soft_cap16(load(x + i), cap));
    if (i < count) store_part(x + i, soft_cap16(load_part(x + i, count - i), cap), count - i);
}

// Scores become e = exp(score - max): for int8 values times their scale, for bf16 values rounded, in pairs. e is zero for positions that
// the row does not see, whatever their scores. Returns 1 / sum of exp(score - max), rounded like e for bf16. A sink that is no -INFINITY joins
// maximum and sum.
CK_INLINE float exponentials(
    float *scores, const key_values *kv, ck_kv_element element, size_t begin, size_t end, float sink
) {
    size_t first = begin / LANES * LANES, last = (end + LANES - 1) / LANES * LANES;
    for (size_t p = first; p < begin; p++) scores[p] = -INFINITY;
    for (size_t p = end; p < last; p++) scores[p] = -INFINITY;
    f32x16 top = splat(sink), sum = splat(0);
    for (size_t p = first; p < last; p += LANES) top = larger(load(scores + p), top);
    top = splat(max_lanes(top));
    for (size_t p = first; p < last; p += LANES) {
        if (element == CK_KV_BF16) {
            u16x16 rounded = bfloat_of(exp_short(load(scores + p) - top));
            sum += bfloats(rounded);
            memcpy((uint16_t *)scores + p, &rounded, sizeof rounded);
            continue;
        }
        f32x16 e = exp16(load(scores + p) - top);
        sum += e;
        if (element == CK_KV_INT8) e *= load((const float *)(block_at(kv, p / LANES) + kv->value_scales));
        store(scores + p, e);
    }
    float all = sum_lanes(sum);
    if (sink > -INFINITY) all += exp16(splat(sink) - top)[0];
    return 1.0f / all;
}
