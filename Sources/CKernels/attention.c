// Sizes of attention's memory: bytes of a block, and scratch for the scores and bf16 queries of the largest tile.
#include "include/attention.h"

enum { LARGEST_QUERY_TILE = 6 };

static size_t whole_blocks(size_t positions) { return (positions + CK_BLOCK_POSITIONS - 1) / CK_BLOCK_POSITIONS * CK_BLOCK_POSITIONS; }

size_t ck_kv_block_bytes(ck_kv_element element, size_t kv_heads, size_t head_dimension) {
    size_t elements = 2 * kv_heads * head_dimension * CK_BLOCK_POSITIONS;
    switch (element) {
    case CK_KV_F16: return 2 * elements;
    case CK_KV_F32: return 4 * elements;
    case CK_KV_BF16: return 2 * (elements + head_dimension % 2 * kv_heads * CK_BLOCK_POSITIONS);
    case CK_KV_INT8: return elements + 2 * kv_heads * CK_BLOCK_POSITIONS * sizeof(float);
    }
    return 0;
}

size_t ck_attention_scratch(size_t positions, size_t head_dimension) {
    return LARGEST_QUERY_TILE * (whole_blocks(positions) + (head_dimension + 1) / 2);
}

size_t ck_bidirectional_attention_scratch(size_t tokens, size_t head_dimension) {
    return whole_blocks(tokens) * (LARGEST_QUERY_TILE + 2 * head_dimension);
}
