// Shared by the vector kernels and the scalar one.
#pragma once
#include <stdint.h>

static const uint32_t hash_start[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

// Which word of the block each of the sixteen places of a round takes: the permutation, applied round after round.
static const uint8_t hash_order[7][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1}, {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4}, {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

#define HASH_ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define HASH_MIX(v, a, b, c, d, x, y)                 \
    v[a] = v[a] + v[b] + (x);                         \
    v[d] = v[d] ^ v[a], v[d] = HASH_ROTATE(v[d], 16); \
    v[c] = v[c] + v[d];                               \
    v[b] = v[b] ^ v[c], v[b] = HASH_ROTATE(v[b], 12); \
    v[a] = v[a] + v[b] + (y);                         \
    v[d] = v[d] ^ v[a], v[d] = HASH_ROTATE(v[d], 8);  \
    v[c] = v[c] + v[d];                               \
    v[b] = v[b] ^ v[c], v[b] = HASH_ROTATE(v[b], 7);

// The seven rounds over sixteen words of state `v` and of block `m`, scalars or vectors.
#define HASH_ROUNDS(v, m)                                       \
    _Pragma("clang loop unroll(full)")                          \
    for (int round = 0; round < 7; round++) {                   \
        const uint8_t *s = hash_order[round];                   \
        HASH_MIX(v, 0, 4, 8, 12, m[s[0]], m[s[1]])              \
        HASH_MIX(v, 1, 5, 9, 13, m[s[2]], m[s[3]])              \
        HASH_MIX(v, 2, 6, 10, 14, m[s[4]], m[s[5]])             \
        HASH_MIX(v, 3, 7, 11, 15, m[s[6]], m[s[7]])             \
        HASH_MIX(v, 0, 5, 10, 15, m[s[8]], m[s[9]])             \
        HASH_MIX(v, 1, 6, 11, 12, m[s[10]], m[s[11]])           \
        HASH_MIX(v, 2, 7, 8, 13, m[s[12]], m[s[13]])            \
        HASH_MIX(v, 3, 4, 9, 14, m[s[14]], m[s[15]])            \
    }
