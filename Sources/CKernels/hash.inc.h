// See include/hash.h. Included once an implementation: a lane is a chunk, or a parent.
#include "hash_words.h"
#include "include/hash.h"
#include "lanes.h"

// About as many as let the state and the block fit the registers.
#if defined(CK_AVX512)
enum { HASH_LANES = 16 };
typedef u32x16 hash_lanes;
#define HASH_LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HASH_HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#else
enum { HASH_LANES = 8 };
typedef uint32_t hash_lanes __attribute__((ext_vector_type(8)));
#define HASH_LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HASH_HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#endif

// Rows become columns: interleaving vector i with vector i + LANES / 2 rotates the bits of an element's place by one.
CK_INLINE void hash_transpose(hash_lanes *m) {
#pragma clang loop unroll(full)
    for (int width = 1; width < HASH_LANES; width *= 2) {
        hash_lanes turned[HASH_LANES];
#pragma clang loop unroll(full)
        for (int i = 0; i < HASH_LANES / 2; i++) {
            turned[2 * i] = HASH_LOW(m[i], m[i + HASH_LANES / 2]);
            turned[2 * i + 1] = HASH_HIGH(m[i], m[i + HASH_LANES / 2]);
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < HASH_LANES; i++) m[i] = turned[i];
    }
}

// HASH_LANES inputs of `blocks` blocks, of which lane i begins at `inputs[i]`.
CK_INLINE void hash_group(
    const uint8_t *const inputs[HASH_LANES], int blocks, uint64_t counter, bool counts, uint32_t flags, uint32_t first, uint32_t last,
    hash_lanes h[8]
) {
    hash_lanes low = (hash_lanes)(uint32_t)counter, high = (hash_lanes)(uint32_t)(counter >> 32);
    if (counts) {
        for (int i = 0; i < HASH_LANES; i++) {
            low[i] = (uint32_t)(counter + (uint64_t)i);
            high[i] = (uint32_t)((counter + (uint64_t)i) >> 32);
        }
    }
    for (int i = 0; i < 8; i++) h[i] = (hash_lanes)hash_start[i];
    for (int block = 0; block < blocks; block++) {
        hash_lanes m[16];
#pragma clang loop unroll(full)
        for (int part = 0; part < 16; part += HASH_LANES) {
#pragma clang loop unroll(full)
            for (int i = 0; i < HASH_LANES; i++) memcpy(&m[part + i], inputs[i] + block * CK_HASH_BLOCK + part * 4, sizeof m[0]);
            hash_transpose(m + part);
        }
        uint32_t own = flags | (block == 0 ? first : 0) | (block == blocks - 1 ? last : 0);
        hash_lanes v[16] = {
            h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7],
            (hash_lanes)hash_start[0], (hash_lanes)hash_start[1], (hash_lanes)hash_start[2], (hash_lanes)hash_start[3],
            low, high, (hash_lanes)(uint32_t)CK_HASH_BLOCK, (hash_lanes)own,
        };
        HASH_ROUNDS(v, m)
#pragma clang loop unroll(full)
        for (int i = 0; i < 8; i++) h[i] = v[i] ^ v[i + 8];
    }
}

CK_INLINE void hash_many(
    const uint8_t *inputs, size_t count, int blocks, uint64_t counter, bool counts, uint32_t flags, uint32_t first, uint32_t last,
    uint8_t *out
) {
    for (size_t start = 0; start < count; start += HASH_LANES) {
        size_t here = count - start < HASH_LANES ? count - start : HASH_LANES;
        const uint8_t *lanes[HASH_LANES];
        // Lanes without an input of their own repeat the last one.
        for (size_t i = 0; i < HASH_LANES; i++)
            lanes[i] = inputs + (start + (i < here ? i : here - 1)) * (size_t)blocks * CK_HASH_BLOCK;
        hash_lanes h[HASH_LANES];
        hash_group(lanes, blocks, counter + (counts ? start : 0), counts, flags, first, last, h);
        for (int i = 8; i < HASH_LANES; i++) h[i] = (hash_lanes)0u;
        hash_transpose(h);
        for (size_t i = 0; i < here; i++) memcpy(out + (start + i) * CK_HASH_BYTES, &h[i], CK_HASH_BYTES);
    }
}

static void hash_chunks(const uint8_t *inputs, size_t count, uint64_t chunk, uint8_t *out) {
    hash_many(inputs, count, CK_HASH_CHUNK / CK_HASH_BLOCK, chunk, true, 0, CK_HASH_CHUNK_START, CK_HASH_CHUNK_END, out);
}

static void hash_parents(const uint8_t *inputs, size_t count, uint8_t *out) {
    hash_many(inputs, count, 1, 0, false, CK_HASH_PARENT, 0, 0, out);
}
