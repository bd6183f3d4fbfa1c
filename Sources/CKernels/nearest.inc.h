// See include/nearest.h. Plain loops, since integer sums may be taken in any order: the compiler makes of them what the target has.
#include "include/nearest.h"
#include "lanes.h"

// Words of 384 dimensions.
enum { SKETCH_WORDS = 6 };

CK_INLINE uint16_t differing_bits(const uint64_t *a, const uint64_t *b, size_t words) {
    uint32_t sum = 0;
    for (size_t w = 0; w < words; w++) sum += (uint32_t)__builtin_popcountll(a[w] ^ b[w]);
    return (uint16_t)sum;
}

static void hamming(const uint64_t *query, const uint64_t *rows, size_t count, size_t words, uint16_t *out) {
    if (words == SKETCH_WORDS) {
        uint64_t q[SKETCH_WORDS];
        memcpy(q, query, sizeof q);
        for (size_t r = 0; r < count; r++) out[r] = differing_bits(q, rows + r * SKETCH_WORDS, SKETCH_WORDS);
    } else {
        for (size_t r = 0; r < count; r++) out[r] = differing_bits(query, rows + r * words, words);
    }
}

static int32_t dot_int8(const int8_t *a, const int8_t *b, size_t n) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += (int32_t)a[i] * b[i];
    return sum;
}
