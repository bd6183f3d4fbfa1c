// How much scratch attention needs: the scores of the largest tile of queries.
#include "include/attention.h"

enum { LARGEST_QUERY_TILE = 6 };

static size_t whole_blocks(size_t positions) { return (positions + CK_BLOCK_POSITIONS - 1) / CK_BLOCK_POSITIONS * CK_BLOCK_POSITIONS; }

size_t ck_attention_scratch(size_t positions) { return LARGEST_QUERY_TILE * whole_blocks(positions); }

size_t ck_bidirectional_attention_scratch(size_t tokens, size_t head_dimension) {
    return whole_blocks(tokens) * (LARGEST_QUERY_TILE + 2 * head_dimension);
}
