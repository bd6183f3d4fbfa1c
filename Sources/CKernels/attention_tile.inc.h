// The operands of attention: a tile of queries, and the keys and values of one head, as blocks in memory.
#pragma once
#include "half.h"
#include "include/attention.h"

// Queries of one KV head: any of its rows and heads.
typedef struct query_tile {
    const float *queries[QUERY_TILE];  // a factor for each unit of a key
    float *outputs[QUERY_TILE];
    float *scores[QUERY_TILE];  // by position, from 0; then the factor of each unit of a value
    size_t begin[QUERY_TILE];   // the positions seen
    size_t end[QUERY_TILE];
    float sinks[QUERY_TILE];    // -INFINITY: none
    float soft_cap;             // 0: none
    int count;
    bool fetches;               // it finds keys and values in memory, block by block where no hardware looks ahead
} query_tile;

// Keys and values of one KV head.
typedef struct key_values {
    const char *blocks;
    size_t block_bytes;
    size_t key_offset, value_offset;  // units
    size_t key_scales, value_scales;  // bytes, of int8 elements
    const int32_t *table;             // null: block b is the b-th
    size_t dimension, key_units;      // of a head: elements, and units of a key
    const struct key_values *after;   // what is read next, or null
    size_t first, last;               // blocks that are read
} key_values;

CK_INLINE const char *block_at(const key_values *kv, size_t block) {
    return kv->blocks + (kv->table ? (size_t)kv->table[block] : block) * kv->block_bytes;
}

// A unit is what a lane multiplies at once: one element, or two of bf16. In keys these are neighbours, in values two positions of one
// dimension.
CK_INLINE size_t elements_in_unit(ck_kv_element element) { return element == CK_KV_BF16 ? 2 : 1; }
CK_INLINE size_t unit_bytes(ck_kv_element element) { return element == CK_KV_F16 ? 2 : element == CK_KV_INT8 ? 1 : 4; }

// Units of both.
CK_INLINE f32x16 multiply_add(ck_kv_element element, f32x16 a, f32x16 b, f32x16 c) {
    return element == CK_KV_BF16 ? dot_pairs(a, b, c) : fma16(a, b, c);
}

CK_INLINE f32x16 load_units(const char *p, ck_kv_element element, size_t index) {
    if (unit_bytes(element) == 4) return load((const float *)p + index);
    if (element == CK_KV_F16) return load_half((const uint16_t *)p + index);
    i8x16 numbers;
    memcpy(&numbers, p + index, sizeof numbers);
    return __builtin_convertvector(__builtin_convertvector(numbers, i32x16), f32x16);
}

CK_INLINE f32x16 load_units_part(const char *p, ck_kv_element element, size_t index, size_t count) {
    if (unit_bytes(element) == 4) return load_part((const float *)p + index, count);
    char lanes[2 * LANES] = {0};
    memcpy(lanes, p + index * unit_bytes(element), count * unit_bytes(element));
    return load_units(lanes, element, 0);
}

// Blocks between those that are fetched and those that are used.
enum { BLOCKS_AHEAD = 8 };

// To the second-level cache: the first one's sets are few for blocks that lie far apart.
CK_INLINE void fetch_line(const char *line) { __builtin_prefetch(line, 0, 2); }

// The block that is fetched while a block is used, at the same head: a later one of this sequence, past its end one of the sequence
// that is read next.
CK_INLINE const char *block_ahead(const key_values *kv, ck_kv_element element, size_t block) {
    size_t blocks = kv->last - kv->first, ahead = block + (blocks < BLOCKS_AHEAD ? blocks : BLOCKS_AHEAD);
    if (ahead < kv->last) return block_at(kv, ahead);
    const key_values *after = kv->after;
    if (!after || after->first + (ahead - kv->last) >= after->last) return block_at(kv, block);
    return block_at(after, after->first + (ahead - kv->last))
        + ((ptrdiff_t)after->key_offset - (ptrdiff_t)kv->key_offset) * (ptrdiff_t)unit_bytes(element);
}
