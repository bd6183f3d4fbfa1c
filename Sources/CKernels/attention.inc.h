// See include/attention.h. Included once an implementation, which defines QUERY_TILE (queries that share a pass over keys and
// values), BLOCK_TILE (blocks of positions) and DIMENSION_TILE (vectors of a value).
#include "attention_scores.inc.h"
#include "attention_values.inc.h"

CK_INLINE void attend_count(const query_tile *tile, int queries, const key_values *kv, ck_kv_element element, float scale) {
    size_t begin = tile->begin[0], end = tile->end[0], shared_begin = begin, shared_end = end;
    for (int t = 1; t < queries; t++) {
        begin = tile->begin[t] < begin ? tile->begin[t] : begin;
        end = tile->end[t] > end ? tile->end[t] : end;
        shared_begin = tile->begin[t] > shared_begin ? tile->begin[t] : shared_begin;
        shared_end = tile->end[t] < shared_end ? tile->end[t] : shared_end;
    }
    // No cut lies within a unit.
    size_t step = elements_in_unit(element);
    if (begin < shared_begin) shared_begin = (shared_begin + step - 1) / step * step;
    if (shared_end < end) shared_end = shared_end / step * step;
    if (shared_end < shared_begin) shared_end = shared_begin;
    scores_of(tile, queries, kv, element, begin / LANES, (end + LANES - 1) / LANES, scale);
    float inverse[QUERY_TILE];
    for (int t = 0; t < queries; t++) {
        size_t first = tile->begin[t] / LANES * LANES;
        if (tile->soft_cap > 0) soft_cap(tile->scores[t] + first, tile->soft_cap, tile->end[t] - first);
        inverse[t] = exponentials(tile->scores[t], kv, element, tile->begin[t], tile->end[t], tile->sinks[t]);
        memset(tile->outputs[t], 0, kv->dimension * sizeof(float));
    }
    // Positions that all queries see take one pass; those before and after take one for each query. Each query's order is the same.
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
static void attend_bfloat(const query_tile *tile, const key_values *kv, float scale) { attend_element(tile, kv, CK_KV_BF16, scale); }
static void attend_int8(const query_tile *tile, const key_values *kv, float scale) { attend_element(tile, kv, CK_KV_INT8, scale); }

// Keys and values of a KV head. The last row of the sequence is at `end - 1`, and its rows see from `begin` on.
CK_INLINE key_values head_of(const ck_attention *a, size_t kv_head, const int32_t *table, size_t begin, size_t end) {
    size_t elements = 2 * a->kv_heads * a->head_dimension * LANES, of_unit = elements_in_unit(a->element);
    size_t units = (a->head_dimension + of_unit - 1) / of_unit;
    return (key_values){
        .blocks = a->blocks, .block_bytes = a->block_bytes, .key_offset = kv_head * units * LANES,
        .value_offset = a->kv_heads * units * LANES + kv_head * a->head_dimension * (LANES / of_unit),
        .key_scales = elements + 4 * kv_head * LANES, .value_scales = elements + 4 * (a->kv_heads + kv_head) * LANES,
        .table = table, .dimension = a->head_dimension, .key_units = units,
        .first = begin / LANES, .last = (end + LANES - 1) / LANES,
    };
}

CK_INLINE size_t first_seen(const ck_attention *a, size_t end) { return a->window && end > a->window ? end - a->window : 0; }

// A query as bf16 in pairs; the last pair of an odd dimension ends with zero.
CK_INLINE void pack_query(const float *query, size_t dimension, float *pairs) {
    uint16_t *target = (uint16_t *)pairs;
    for (size_t d = 0; d < dimension; d += LANES) {
        size_t left = dimension - d < LANES ? dimension - d : LANES;
        u16x16 packed = bfloat_of(load_first(query + d, left));
        memcpy(target + d, &packed, (left + 1) / 2 * 2 * sizeof *target);
    }
}

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
            // Later tiles, as of a prompt, find the blocks of the first one in a cache.
            query_tile tile = {
                .count = (int)(pairs - pair < QUERY_TILE ? pairs - pair : QUERY_TILE), .soft_cap = a->soft_cap, .fetches = pair == 0,
            };
            for (int t = 0; t < tile.count; t++) {
                size_t row = (pair + t) / heads, head = first + (pair + t) % heads, end = a->position + row + 1;
                tile.queries[t] = a->queries + row * a->query_stride + head * a->head_dimension;
                tile.outputs[t] = a->output + row * a->output_stride + head * a->head_dimension;
                tile.scores[t] = a->scratch + t * capacity;
                tile.end[t] = end;
                tile.begin[t] = first_seen(a, end);
                tile.sinks[t] = a->sinks ? a->sinks[head] : -INFINITY;
                if (a->element != CK_KV_BF16) continue;
                float *pairs = a->scratch + QUERY_TILE * capacity + t * kv.key_units;
                pack_query(tile.queries[t], a->head_dimension, pairs);
                tile.queries[t] = pairs;
            }
            switch (a->element) {
            case CK_KV_F16: attend_half(&tile, &kv, a->scale); break;
            case CK_KV_F32: attend_float(&tile, &kv, a->scale); break;
            case CK_KV_INT8: attend_int8(&tile, &kv, a->scale); break;
            case CK_KV_BF16: attend_bfloat(&tile, &kv, a->scale); break;
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
            .value_offset = dimension * LANES, .table = NULL, .dimension = dimension, .key_units = dimension, .last = blocks,
        };
        for (size_t token = 0; token < a->tokens; token += QUERY_TILE) {
            query_tile tile = {.count = (int)(a->tokens - token < QUERY_TILE ? a->tokens - token : QUERY_TILE)};
            for (int t = 0; t < tile.count; t++) {
                tile.queries[t] = a->queries + (token + t) * a->stride + head * dimension;
                tile.outputs[t] = a->output + (token + t) * a->output_stride + head * dimension;
                tile.scores[t] = scores + t * blocks * LANES;
                tile.begin[t] = 0;
                tile.end[t] = a->tokens;
                tile.sinks[t] = -INFINITY;
            }
            attend_float(&tile, &kv, a->scale);
        }
    }
}
