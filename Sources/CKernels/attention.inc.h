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
    size_t key_scales, value_scales;  // bytes, of int8 elements
    const int32_t *table;             // null: block b is the b-th
    size_t dimension;
    const struct key_values *after;   // what is read next, or null
    size_t first, last;               // blocks that are read
} key_values;

CK_INLINE const char *block_at(const key_values *kv, size_t block) {
    return kv->blocks + (kv->table ? (size_t)kv->table[block] : block) * kv->block_bytes;
}

CK_INLINE size_t element_bytes(ck_kv_element element) { return element == CK_KV_F32 ? 4 : element == CK_KV_F16 ? 2 : 1; }

CK_INLINE f32x16 load_element(const char *p, ck_kv_element element, size_t index) {
    if (element == CK_KV_F32) return load((const float *)p + index);
    if (element == CK_KV_F16) return load_half((const uint16_t *)p + index);
    i8x16 numbers;
    memcpy(&numbers, p + index, sizeof numbers);
    return __builtin_convertvector(__builtin_convertvector(numbers, i32x16), f32x16);
}

CK_INLINE f32x16 load_element_part(const char *p, ck_kv_element element, size_t index, size_t count) {
    if (element == CK_KV_F32) return load_part((const float *)p + index, count);
    char lanes[2 * LANES] = {0};
    memcpy(lanes, p + index * element_bytes(element), count * element_bytes(element));
    return load_element(lanes, element, 0);
}

// Few queries find keys and values in memory, block by block where no hardware looks ahead; more of them, as in a prompt, find
// them in a cache after the first tile.
CK_INLINE bool fetches(int queries) { return 2 * queries <= QUERY_TILE; }

// Blocks between those that are fetched and those that are used.
enum { BLOCKS_AHEAD = 8 };

// What is fetched while a block is used, at the place of that block's head: a block further on, past the last one of what is
// read next.
CK_INLINE const char *block_ahead(const key_values *kv, ck_kv_element element, size_t block) {
    size_t blocks = kv->last - kv->first, ahead = block + (blocks < BLOCKS_AHEAD ? blocks : BLOCKS_AHEAD);
    if (ahead < kv->last) return block_at(kv, ahead);
    const key_values *after = kv->after;
    if (!after || after->first + (ahead - kv->last) >= after->last) return block_at(kv, block);
    return block_at(after, after->first + (ahead - kv->last))
        + ((ptrdiff_t)after->key_offset - (ptrdiff_t)kv->key_offset) * (ptrdiff_t)element_bytes(element);
}

// Scores of `blocks` blocks from `block` on; `queries` and `blocks` are constants where this is inlined.
CK_INLINE void score_blocks(
    const query_tile *tile, int queries, const key_values *kv, ck_kv_element element, size_t block, int blocks, float scale
) {
    f32x16 acc[QUERY_TILE][2 * BLOCK_TILE];
    const char *keys[2 * BLOCK_TILE], *next[2 * BLOCK_TILE];
    size_t line = 64 / (LANES * element_bytes(element));  // dimensions of a cache line
    for (int b = 0; b < blocks; b++) keys[b] = block_at(kv, block + b);
    if (fetches(queries))
        for (int b = 0; b < blocks; b++) {
            next[b] = block_ahead(kv, element, block + b);
            if (element != CK_KV_INT8) continue;
            __builtin_prefetch(next[b] + kv->key_scales);
            __builtin_prefetch(next[b] + kv->value_scales);
        }
    for (int t = 0; t < queries; t++)
        for (int b = 0; b < blocks; b++) acc[t][b] = splat(0);
    for (size_t d = 0; d < kv->dimension; d++) {
        f32x16 k[2 * BLOCK_TILE];
        if (fetches(queries) && d % line == 0)
            for (int b = 0; b < blocks; b++) __builtin_prefetch(next[b] + (kv->key_offset + d * LANES) * element_bytes(element));
        for (int b = 0; b < blocks; b++) k[b] = load_element(keys[b], element, kv->key_offset + d * LANES);
        for (int t = 0; t < queries; t++) {
            f32x16 q = splat(tile->queries[t][d]);
            for (int b = 0; b < blocks; b++) acc[t][b] = fma16(q, k[b], acc[t][b]);
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
    if (fetches(queries))
        for (; block + 2 * BLOCK_TILE <= last; block += 2 * BLOCK_TILE) score_blocks(tile, queries, kv, element, block, 2 * BLOCK_TILE, scale);
    for (; block + BLOCK_TILE <= last; block += BLOCK_TILE) score_blocks(tile, queries, kv, element, block, BLOCK_TILE, scale);
    for (; block < last; block++) score_blocks(tile, queries, kv, element, block, 1, scale);
}

// Scores become e = exp(score - max), of int8 values times their scale; zero outside of what the row sees, where nothing that
// lies there counts. Returns 1 / sum of exp(score - max).
CK_INLINE float exponentials(float *scores, const key_values *kv, ck_kv_element element, size_t begin, size_t end) {
    size_t first = begin / LANES * LANES, last = (end + LANES - 1) / LANES * LANES;
    for (size_t p = first; p < begin; p++) scores[p] = -INFINITY;
    for (size_t p = end; p < last; p++) scores[p] = -INFINITY;
    f32x16 top = splat(-INFINITY), sum = splat(0);
    for (size_t p = first; p < last; p += LANES) top = larger(load(scores + p), top);
    top = splat(max_lanes(top));
    for (size_t p = first; p < last; p += LANES) {
        f32x16 e = exp16(load(scores + p) - top);
        sum += e;
        if (element == CK_KV_INT8) e *= load((const float *)(block_at(kv, p / LANES) + kv->value_scales));
        store(scores + p, e);
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
        const char *next = fetches(queries) ? block_ahead(kv, element, p / LANES) : block;
        size_t stop = p / LANES * LANES + LANES < end ? p / LANES * LANES + LANES : end;
        for (; p < stop; p++) {
            f32x16 values[DIMENSION_TILE];
            size_t index = kv->value_offset + p % LANES * kv->dimension + dimension;
            if (fetches(queries))
                for (size_t v = 0; v < vectors * LANES * element_bytes(element); v += 64)
                    __builtin_prefetch(next + index * element_bytes(element) + v);
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
        inverse[t] = exponentials(tile->scores[t], kv, element, tile->begin[t], tile->end[t]);
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
static void attend_int8(const query_tile *tile, const key_values *kv, float scale) { attend_element(tile, kv, CK_KV_INT8, scale); }

// Of some KV head of the sequence whose last row is at `end - 1`, and whose rows see from `begin` on.
CK_INLINE key_values head_of(const ck_attention *a, size_t kv_head, const int32_t *table, size_t begin, size_t end) {
    size_t elements = 2 * a->kv_heads * a->head_dimension * LANES;
    return (key_values){
        .blocks = a->blocks, .block_bytes = a->block_bytes, .key_offset = kv_head * a->head_dimension * LANES,
        .value_offset = (a->kv_heads + kv_head) * a->head_dimension * LANES, .key_scales = elements + 4 * kv_head * LANES,
        .value_scales = elements + 4 * (a->kv_heads + kv_head) * LANES, .table = table, .dimension = a->head_dimension,
        .first = begin / LANES, .last = (end + LANES - 1) / LANES,
    };
}

CK_INLINE size_t first_seen(const ck_attention *a, size_t end) { return a->window && end > a->window ? end - a->window : 0; }

static void causal_attention(const ck_attention *a) {
    size_t group = a->heads / a->kv_heads;
    size_t capacity = (a->position + a->rows + LANES - 1) / LANES * LANES;
    for (size_t kv_head = a->head_begin / group; kv_head * group < a->head_end; kv_head++) {
        size_t first = kv_head * group > a->head_begin ? kv_head * group : a->head_begin;
        size_t last = (kv_head + 1) * group < a->head_end ? (kv_head + 1) * group : a->head_end;
        size_t begin = first_seen(a, a->position + 1), end = a->position + a->rows;
        key_values kv = head_of(a, kv_head, a->table, begin, end), after = {0};
        if ((kv_head + 1) * group < a->head_end) {
            after = head_of(a, kv_head + 1, a->table, begin, end);
        } else if (a->next_table) {
            after = head_of(a, 0, a->next_table, first_seen(a, a->next_positions), a->next_positions);
        }
        if (after.blocks) kv.after = &after;
        size_t heads = last - first, pairs = a->rows * heads;
        for (size_t pair = 0; pair < pairs; pair += QUERY_TILE) {
            query_tile tile = {.count = (int)(pairs - pair < QUERY_TILE ? pairs - pair : QUERY_TILE)};
            for (int t = 0; t < tile.count; t++) {
                size_t row = (pair + t) / heads, head = first + (pair + t) % heads, end = a->position + row + 1;
                tile.queries[t] = a->queries + row * a->query_stride + head * a->head_dimension;
                tile.outputs[t] = a->output + row * a->output_stride + head * a->head_dimension;
                tile.scores[t] = a->scratch + t * capacity;
                tile.end[t] = end;
                tile.begin[t] = first_seen(a, end);
            }
            switch (a->element) {
            case CK_KV_F16: attend_half(&tile, &kv, a->scale); break;
            case CK_KV_F32: attend_float(&tile, &kv, a->scale); break;
            case CK_KV_INT8: attend_int8(&tile, &kv, a->scale); break;
            }
        }
    }
}

// Element i goes to target[i * step]; returns the scale.
static float store_int8(const float *x, size_t count, size_t step, int8_t *target) {
    // The largest magnitude as bits: NaN and infinity come out on top.
    i32x16 magnitudes = (i32x16)0;
    for (size_t i = 0; i < count; i += LANES) {
        f32x16 v = count - i < LANES ? load_part(x + i, count - i) : load(x + i);
        magnitudes = __builtin_elementwise_max(magnitudes, bits_of(v) & 0x7fffffff);
    }
    int32_t top = __builtin_reduce_max(magnitudes);
    float largest = __builtin_bit_cast(float, top);
    bool finite = top < 0x7f800000, zero = largest < 1e-30f;
    float scale = !finite ? NAN : zero ? 0.0f : largest / 127.0f;
    f32x16 inverse = splat(!finite || zero ? 0.0f : 1.0f / scale);
    const f32x16 magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
    i32x16 keep = (i32x16)(finite ? -1 : 0);
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i < LANES ? count - i : LANES;
        f32x16 v = left < LANES ? load_part(x + i, left) : load(x + i);
        i8x16 q = __builtin_convertvector((bits_of(v * inverse + magic) - bits_of(magic)) & keep, i8x16);
        for (size_t k = 0; k < left; k++) target[(i + k) * step] = q[k];
    }
    return scale;
}

static void store_key_value(
    const float *keys, const float *values, size_t kv_heads, size_t head_dimension, size_t slot, void *block, ck_kv_element element
) {
    float *scales = (float *)((char *)block + 2 * kv_heads * head_dimension * LANES);  // of int8 elements
    for (size_t head = 0; head < kv_heads; head++) {
        size_t key = head * head_dimension * LANES + slot;
        size_t value = ((kv_heads + head) * LANES + slot) * head_dimension;
        const float *k = keys + head * head_dimension, *v = values + head * head_dimension;
        switch (element) {
        case CK_KV_F32:
            for (size_t d = 0; d < head_dimension; d++) ((float *)block)[key + d * LANES] = k[d];
            memcpy((float *)block + value, v, head_dimension * sizeof(float));
            break;
        case CK_KV_F16:
            for (size_t d = 0; d < head_dimension; d += LANES) {
                size_t left = head_dimension - d < LANES ? head_dimension - d : LANES;
                u16x16 keys16 = half_of(left < LANES ? load_part(k + d, left) : load(k + d));
                u16x16 values16 = half_of(left < LANES ? load_part(v + d, left) : load(v + d));
                for (size_t i = 0; i < left; i++) ((uint16_t *)block)[key + (d + i) * LANES] = keys16[i];
                memcpy((uint16_t *)block + value + d, &values16, left * sizeof(uint16_t));
            }
            break;
        case CK_KV_INT8:
            scales[head * LANES + slot] = store_int8(k, head_dimension, LANES, (int8_t *)block + key);
            scales[(kv_heads + head) * LANES + slot] = store_int8(v, head_dimension, 1, (int8_t *)block + value);
            break;
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
            .value_offset = dimension * LANES, .table = NULL, .dimension = dimension, .last = blocks,
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
