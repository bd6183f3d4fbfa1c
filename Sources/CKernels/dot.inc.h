// Sixteen int8 dot products of four: acc[l] += sum over t of w[4 l + t] x[t]. Exact in every implementation.
#include "lanes.h"

#if defined(CK_AVX512)

typedef __m512i weights64;

CK_INLINE weights64 load_bytes(const uint8_t *p) { return _mm512_loadu_si512(p); }

CK_INLINE void unpack_nibbles(const uint8_t *p, weights64 *low, weights64 *high) {
    const __m512i mask = _mm512_set1_epi8(15);
    __m512i both = _mm512_loadu_si512(p);
    *low = _mm512_and_si512(both, mask);
    *high = _mm512_and_si512(_mm512_srli_epi16(both, 4), mask);
}

CK_INLINE i32x16 dot4(i32x16 acc, weights64 w, const int8_t *x) {
    int32_t four;
    memcpy(&four, x, 4);
    return (i32x16)_mm512_dpbusd_epi32((__m512i)acc, w, _mm512_set1_epi32(four));
}

CK_INLINE i32x16 dot4_wide(i32x16 acc, weights64 w, const int8_t *x, bool small) { return dot4(acc, w, x); }

#else

typedef struct weights64 { uint8_t bytes[64]; } weights64;

CK_INLINE weights64 load_bytes(const uint8_t *p) {
    weights64 w;
    memcpy(w.bytes, p, 64);
    return w;
}

CK_INLINE void unpack_nibbles(const uint8_t *p, weights64 *low, weights64 *high) {
    for (int i = 0; i < 64; i++) {
        low->bytes[i] = p[i] & 15;
        high->bytes[i] = p[i] >> 4;
    }
}

CK_INLINE i32x16 dot4(i32x16 acc, weights64 w, const int8_t *x) {
    for (int lane = 0; lane < LANES; lane++)
        for (int t = 0; t < 4; t++) acc[lane] += (int32_t)w.bytes[4 * lane + t] * x[t];
    return acc;
}

CK_INLINE i32x16 dot4_wide(i32x16 acc, weights64 w, const int8_t *x, bool small) { return dot4(acc, w, x); }

#endif
