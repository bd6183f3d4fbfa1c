// See include/hash.h: the tree above the kernels, and the nodes that are computed one at a time (the last chunk and the root).
#include "include/hash.h"

#include <string.h>

#include "hash_words.h"

// Chunks whose chaining values are on the stack at once.
enum { LEAVES = 64 };

// `block` has `length` bytes; the rest of it is zero. The words are little-endian, as this machine's are.
static void compress(uint8_t chain[CK_HASH_BYTES], const uint8_t block[CK_HASH_BLOCK], size_t length, uint64_t counter, uint32_t flags) {
    uint32_t m[16], v[16];
    memcpy(m, block, sizeof m);
    memcpy(v, chain, CK_HASH_BYTES);
    memcpy(v + 8, hash_start, 16);
    v[12] = (uint32_t)counter, v[13] = (uint32_t)(counter >> 32), v[14] = (uint32_t)length, v[15] = flags;
    HASH_ROUNDS(v, m)
    for (int i = 0; i < 8; i++) v[i] ^= v[i + 8];
    memcpy(chain, v, CK_HASH_BYTES);
}

// A chunk of 0 to 1024 bytes; only a message that is empty has one of 0.
static void lone_chunk(const uint8_t *bytes, size_t count, uint64_t chunk, uint32_t root, uint8_t out[CK_HASH_BYTES]) {
    memcpy(out, hash_start, CK_HASH_BYTES);
    uint32_t flags = CK_HASH_CHUNK_START;
    for (size_t start = 0;; start += CK_HASH_BLOCK, flags = 0) {
        size_t length = count - start < CK_HASH_BLOCK ? count - start : CK_HASH_BLOCK;
        uint8_t block[CK_HASH_BLOCK] = {0};
        if (length > 0) memcpy(block, bytes + start, length);
        if (start + length == count) return compress(out, block, length, chunk, flags | CK_HASH_CHUNK_END | root);
        compress(out, block, length, chunk, flags);
    }
}

static void parent(const uint8_t pair[2 * CK_HASH_BYTES], uint32_t root, uint8_t out[CK_HASH_BYTES]) {
    uint8_t chain[CK_HASH_BYTES];
    memcpy(chain, hash_start, sizeof chain);
    compress(chain, pair, CK_HASH_BLOCK, 0, CK_HASH_PARENT | root);
    memcpy(out, chain, sizeof chain);
}

// The two chaining values below the top of a tree of more than one chunk, whose first is number `chunk`.
static void top_pair(const ck_hash_kernels *kernels, const uint8_t *bytes, size_t count, uint64_t chunk, uint8_t out[2 * CK_HASH_BYTES]) {
    if (count > (size_t)LEAVES * CK_HASH_CHUNK) {
        // Left is the greatest power of two of whole chunks that leaves something for the right.
        size_t left = (size_t)LEAVES * CK_HASH_CHUNK;
        while (2 * left < count) left *= 2;
        uint8_t pair[2 * CK_HASH_BYTES];
        top_pair(kernels, bytes, left, chunk, pair);
        parent(pair, 0, out);
        if (count - left <= CK_HASH_CHUNK) return lone_chunk(bytes + left, count - left, chunk + left / CK_HASH_CHUNK, 0, out + CK_HASH_BYTES);
        top_pair(kernels, bytes + left, count - left, chunk + left / CK_HASH_CHUNK, pair);
        return parent(pair, 0, out + CK_HASH_BYTES);
    }
    uint8_t chains[LEAVES * CK_HASH_BYTES];
    size_t nodes = count / CK_HASH_CHUNK;
    kernels->chunks(bytes, nodes, chunk, chains);
    size_t rest = count % CK_HASH_CHUNK;
    if (rest > 0) {
        lone_chunk(bytes + count - rest, rest, chunk + nodes, 0, chains + nodes * CK_HASH_BYTES);
        nodes++;
    }
    // Pairs from the left, an odd one goes up as it is: the same tree.
    while (nodes > 2) {
        size_t pairs = nodes / 2;
        kernels->parents(chains, pairs, chains);
        if (nodes % 2 == 1) memmove(chains + pairs * CK_HASH_BYTES, chains + (nodes - 1) * CK_HASH_BYTES, CK_HASH_BYTES);
        nodes = pairs + nodes % 2;
    }
    memcpy(out, chains, 2 * CK_HASH_BYTES);
}

void ck_hash(const ck_hash_kernels *kernels, const void *bytes, size_t count, uint8_t out[CK_HASH_BYTES]) {
    if (count <= CK_HASH_CHUNK) return lone_chunk(bytes, count, 0, CK_HASH_ROOT, out);
    uint8_t pair[2 * CK_HASH_BYTES];
    top_pair(kernels, bytes, count, 0, pair);
    parent(pair, CK_HASH_ROOT, out);
}
