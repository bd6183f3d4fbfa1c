// See include/attention.h. Included once an implementation, which defines QUERY_TILE (queries that share a pass over keys and
// values), BLOCK_TILE (blocks of positions) and DIMENSION_TILE (vectors of a value).
#include "half.h"
#include "include/attention.h"

// Queries of one KV head: any of its rows and heads.
typedef struct query_tile {
    const float *queries[QUERY_TILE];
    float *outputs[QUERY_TILE];
    float *scores[QUERY_TILE];  // by position, from 0
    size_t begin[QUERY_TILE];   // the positions seen
    size_t end[QUERY_TILE];
    int count;
} query_tile;

// Keys and values of one KV head.
typedef struct key_values {
    const char *blocks;
    size_t block_bytes;
    size_t key_offset, value_offset;  // elements
    const int32_t *table;             // null: block b is the b-th
    size_t dimension;
} key_values;

CK_INLINE const char *block_at(const key_values *kv, size_t block) {
    return kv->blocks + (kv->table ? (size_t)kv->table[block] : block) * kv->block_bytes;
}

CK_INLINE f32x16 load_element(const void *p, ck_kv_element element, size_t index) {
    return element == CK_KV_F32 ? load((const float *)p + index) : load_half((const uint16_t *)p + index);
}

CK_INLINE f32x16 load_element_part(const void *p, ck_kv_element element, size_t index, size_t count) {
    if (element == CK_KV_F32) return load_part((const float *)p + index, count);
    uint16_t lanes[LANES] = {0};
    memcpy(lanes, (const uint16_t *)p + index, count * 2);
    return load_half(lanes);
}

// Scores of `blocks` blocks from `block` on; `queries` and `blocks` are constants where this is inlined.
CK_INLINE void score_blocks(
    const query_tile *tile, int queries, const key_values *kv, ck_kv_element element, size_t block, int blocks, float scale
) {
    f32x16 acc[QUERY_TILE][2 * BLOCK_TILE];
    const char *keys[2 * BLOCK_TILE];
    for (int b = 0; b < blocks; b++) keys[b] = block_at(kv, block + b);
    for (int t = 0; t < queries; t++)
        for (int b = 0; b < blocks; b++) acc[t][b] = splat(0);
    for (size_t d = 0; d < kv->dimension; d++) {
        f32x16 k[2 * BLOCK_TILE];
        for (int b = 0; b < blocks; b++) k[b] = load_element(keys[b], element, kv->key_offset + d * LANES);
        for (int t = 0; t < queries; t++) {
            f32x16 q = splat(tile->queries[t][d]);
            for (int b = 0; b < blocks; b++) acc[t][b] = fma16(q, k[b], acc[t][b]);
        }
    }
    for (int t = 0; t < queries; t++)
        for (int b = 0; b < blocks; b++) store(tile->scores[t] + (block + b) * LANES, acc[t][b] * splat(scale));
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

// Scores become exp(score - max), zero outside of what the row sees; returns 1 / sum.
CK_INLINE float exponentials(float *scores, size_t begin, size_t end) {
    size_t first = begin / LANES * LANES, last = (end + LANES - 1) / LANES * LANES;
    for (size_t p = first; p < begin; p++) scores[p] = -INFINITY;
    for (size_t p = end; p < last; p++) scores[p] = -INFINITY;
    f32x16 top = splat(-INFINITY), sum = splat(0);
    for (size_t p = first; p < last; p += LANES) top = larger(load(scores + p), top);
    top = splat(max_lanes(top));
    for (size_t p = first; p < last; p += LANES) {
        f32x16 e = exp16(load(scores + p) - top);
        store(scores + p, e);
        sum += e;
    }
    return 1.0f / sum_lanes(sum);
}

// output[d] = fma(e[p], V[p][d], output[d]) for p in begin..<end, over queries from..<from + queries and `vectors` vectors of dimensions.
CK_INLINE void add_values(
    const query_tile *tile, int from, int queries, const key_values *kv, ck_kv_element element, size_t dimension, int vectors,
    size_t begin, size_t end
) {
    f32x16 acc[QUERY_TILE][DIMENSION_TILE];
    for (int t = 0; t < queries; t++)
        for (int v = 0; v < vectors; v++) acc[t][v] = load(tile->outputs[from + t] + dimension + v * LANES);
    for (size_t p = begin; p < end;) {
        const char *block = block_at(kv, p / LANES);
        size_t stop = p / LANES * LANES + LANES < end ? p / LANES * LANES + LANES : end;
        for (; p < stop; p++) {
            f32x16 values[DIMENSION_TILE];
            size_t index = kv->value_offset + p % LANES * kv->dimension + dimension;
            for (int v = 0; v < vectors; v++) values[v] = load_element(block, element, index + v * LANES);
            for (int t = 0; t < queries; t++) {
                f32x16 e = splat(tile->scores[from + t][p]);
                for (int v = 0; v < vectors; v++) acc[t][v] = fma16(e, values[v], acc[t][v]);
            }
        }
    }
    for (int t = 0; t < queries; t++)
        for (int v = 0; v < vectors; v++) store(tile->outputs[from + t] + dimension + v * LANES, acc[t][v]);
}

CK_INLINE void add_values_part(
    const query_tile *tile, int from, int queries, const key_values *kv, ck_kv_element element, size_t dimension, size_t begin, size_t end
) {
    size_t left = kv->dimension - dimension;
    for (int t = from; t < from + queries; t++) {
        f32x16 acc = load_part(tile->outputs[t] + dimension, left);
        for (size_t p = begin; p < end; p++) {
            size_t index = kv->value_offset + p % LANES * kv->dimension + dimension;
            acc = fma16(splat(tile->scores[t][p]), load_element_part(block_at(kv, p / LANES), element, index, left), acc);
        }
        store_part(tile->outputs[t] + dimension, acc, left);
    }
}

CK_INLINE void values_of(
    const query_tile *tile, int from, int queries, const key_values *kv, ck_kv_element element, size_t begin, size_t end
) {
    if (begin >= end) return;
    size_t d = 0;
    for (; d + DIMENSION_TILE * LANES <= kv->dimension; d += DIMENSION_TILE * LANES)
        add_values(tile, from, queries, kv, element, d, DIMENSION_TILE, begin, end);
    for (; d + LANES <= kv->dimension; d += LANES) add_values(tile, from, queries, kv, element, d, 1, begin, end);
    if (d < kv->dimension) add_values_part(tile, from, queries, kv, element, d, begin, end);
}

CK_INLINE void attend_count(const query_tile *tile, int queries, const key_values *kv, ck_kv_element element, float scale) {
    size_t begin = tile->begin[0], end = tile->end[0], shared_begin = begin, shared_end = end;
    for (int t = 1; t < queries; t++) {
        begin = tile->begin[t] < begin ? tile->begin[t] : begin;
        end = tile->end[t] > end ? tile->end[t] : end;
        shared_begin = tile->begin[t] > shared_begin ? tile->begin[t] : shared_begin;
        shared_end = tile->end[t] < shared_end ? tile->end[t] : shared_end;
    }
    if (shared_end < shared_begin) shared_end = shared_begin;
    scores_of(tile, queries, kv, element, begin / LANES, (end + LANES - 1) / LANES, scale);
    float inverse[QUERY_TILE];
    for (int t = 0; t < queries; t++) {
        inverse[t] = exponentials(tile->scores[t], tile->begin[t], tile->end[t]);
        memset(tile->outputs[t], 0, kv->dimension * sizeof(float));
    }
    // Positions that all see in one pass, those before and after a query at a time: the order of each query is the same.
    for (int t = 0; t < queries; t++)
        if (tile->begin[t] < shared_begin)
            values_of(tile, t, 1, kv, element, tile->begin[t], shared_begin < tile->end[t] ? shared_begin : tile->end[t]);
    values_of(tile, 0, queries, kv, element, shared_begin, shared_end);
    for (int t = 0; t < queries; t++) {
        if (tile->end[t] > shared_end) values_of(tile, t, 1, kv, element, shared_end, tile->end[t]);
        for (size_t d = 0; d < kv->dimension; d++) tile->outputs[t][d] *= inverse[t];
    }
}

CK_INLINE void attend_element(const query_tile *tile, const key_values *kv, ck_kv_element element, float scale) {
    switch (tile->count) {
#define CASE(n) case n: if (n <= QUERY_TILE) attend_count(tile, n <= QUERY_TILE ? n : 1, kv, element, scale); break;
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#undef CASE
    }
}

static void attend_half(const query_tile *tile, const key_values *kv, float scale) { attend_element(tile, kv, CK_KV_F16, scale); }
static void attend_float(const query_tile *tile, const key_values *kv, float scale) { attend_element(tile, kv, CK_KV_F32, scale); }

static void causal_attention(const ck_attention *a) {
    size_t group = a->heads / a->kv_heads, bytes = a->element == CK_KV_F32 ? 4 : 2;
    size_t capacity = (a->position + a->rows + LANES - 1) / LANES * LANES;
    for (size_t kv_head = a->head_begin / group; kv_head * group < a->head_end; kv_head++) {
        size_t first = kv_head * group > a->head_begin ? kv_head * group : a->head_begin;
        size_t last = (kv_head + 1) * group < a->head_end ? (kv_head + 1) * group : a->head_end;
        key_values kv = {
            .blocks = a->blocks, .block_bytes = a->block_stride * bytes, .key_offset = kv_head * a->head_dimension * LANES,
            .value_offset = (a->kv_heads + kv_head) * a->head_dimension * LANES, .table = a->table, .dimension = a->head_dimension,
        };
        size_t heads = last - first, pairs = a->rows * heads;
        for (size_t pair = 0; pair < pairs; pair += QUERY_TILE) {
            query_tile tile = {.count = (int)(pairs - pair < QUERY_TILE ? pairs - pair : QUERY_TILE)};
            for (int t = 0; t < tile.count; t++) {
                size_t row = (pair + t) / heads, head = first + (pair + t) % heads, end = a->position + row + 1;
                tile.queries[t] = a->queries + row * a->query_stride + head * a->head_dimension;
                tile.outputs[t] = a->output + row * a->output_stride + head * a->head_dimension;
                tile.scores[t] = a->scratch + t * capacity;
                tile.end[t] = end;
                tile.begin[t] = a->window && end > a->window ? end - a->window : 0;
            }
            if (a->element == CK_KV_F32) attend_float(&tile, &kv, a->scale);
            else attend_half(&tile, &kv, a->scale);
        }
    }
}

static void store_key_value(
    const float *keys, const float *values, size_t kv_heads, size_t head_dimension, size_t slot, void *block, ck_kv_element element
) {
    for (size_t head = 0; head < kv_heads; head++) {
        size_t key = head * head_dimension * LANES + slot;
        size_t value = ((kv_heads + head) * LANES + slot) * head_dimension;
        const float *k = keys + head * head_dimension, *v = values + head * head_dimension;
        for (size_t d = 0; d < head_dimension; d++) {
            if (element == CK_KV_F32) {
                ((float *)block)[key + d * LANES] = k[d];
                ((float *)block)[value + d] = v[d];
            } else {
                ((uint16_t *)block)[key + d * LANES] = float_to_half(k[d]);
                ((uint16_t *)block)[value + d] = float_to_half(v[d]);
            }
        }
    }
}

static void bidirectional_attention(const ck_bidirectional_attention *a) {
    size_t blocks = (a->tokens + LANES - 1) / LANES, dimension = a->head_dimension, block_floats = 2 * dimension * LANES;
    float *scores = a->scratch + blocks * block_floats;
    for (size_t head = a->head_begin; head < a->head_end; head++) {
        // This head's keys and values as blocks of their own.
        for (size_t token = 0; token < a->tokens; token++) {
            const float *key = a->keys + token * a->stride + head * dimension;
            float *block = a->scratch + token / LANES * block_floats;
            for (size_t d = 0; d < dimension; d++) block[d * LANES + token % LANES] = key[d];
            memcpy(block + (LANES + token % LANES) * dimension, a->values + token * a->stride + head * dimension, dimension * sizeof(float));
        }
        key_values kv = {
            .blocks = (const char *)a->scratch, .block_bytes = block_floats * sizeof(float), .key_offset = 0,
            .value_offset = dimension * LANES, .table = NULL, .dimension = dimension,
        };
        for (size_t token = 0; token < a->tokens; token += QUERY_TILE) {
            query_tile tile = {.count = (int)(a->tokens - token < QUERY_TILE ? a->tokens - token : QUERY_TILE)};
            for (int t = 0; t < tile.count; t++) {
                tile.queries[t] = a->queries + (token + t) * a->stride + head * dimension;
                tile.outputs[t] = a->output + (token + t) * a->output_stride + head * dimension;
                tile.scores[t] = scores + t * blocks * LANES;
                tile.begin[t] = 0;
                tile.end[t] = a->tokens;
            }
            attend_float(&tile, &kv, a->scale);
        }
    }
}
