// Sixteen int8 dot products of four: acc[l] += sum over t of w[4 l + t] x[4 (l mod g) + t], x in -127…127. g is 1, unless x is a
// `spread` of 4 g bytes. Exact in every implementation.
//
// dot4: w is unsigned, at most 127. dot4_biased: w is a signed number + 128; wide_start subtracts the part of that offset which the
// instruction does not.
//
// bits_at: (byte >> shift) & mask of each byte, where shift may be negative and `mask` has no bit that came from a neighbour.
#pragma once
#include "lanes.h"
#include "include/packed.h"

#if defined(CK_AVX512)

typedef __m512i weights64;

CK_INLINE weights64 load_bytes(const uint8_t *p) { return _mm512_loadu_si512(p); }

CK_INLINE void store_bytes(uint8_t *p, weights64 w) { _mm512_storeu_si512(p, w); }

CK_INLINE weights64 bits_at(weights64 w, int shift, int mask) {
    __m512i moved = shift == 0 ? w : shift > 0 ? _mm512_srli_epi16(w, (unsigned)shift) : _mm512_slli_epi16(w, (unsigned)-shift);
    return _mm512_and_si512(moved, _mm512_set1_epi8((char)mask));
}

CK_INLINE weights64 join(weights64 a, weights64 b) { return _mm512_or_si512(a, b); }

CK_INLINE weights64 look_up(const uint8_t *table, weights64 places) {
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table)), places);
}

typedef __m512i spread64;

CK_INLINE spread64 spread(const int8_t *x, int groups) {
    int32_t four;
    int64_t eight;
    if (groups == 4) return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)x));
    if (groups == 2) {
        memcpy(&eight, x, 8);
        return _mm512_set1_epi64(eight);
    }
    memcpy(&four, x, 4);
    return _mm512_set1_epi32(four);
}

CK_INLINE i32x16 dot4_spread(i32x16 acc, weights64 w, spread64 x) { return (i32x16)_mm512_dpbusd_epi32((__m512i)acc, w, x); }
CK_INLINE i32x16 dot4(i32x16 acc, weights64 w, const int8_t *x) { return dot4_spread(acc, w, spread(x, 1)); }

// Unsigned bytes of any size: 128 * sum is subtracted as an integer.
CK_INLINE i32x16 wide_start(const ck_row_block *x) { return (i32x16)(x->bias); }
CK_INLINE i32x16 dot4_biased(i32x16 acc, weights64 w, spread64 x) { return dot4_spread(acc, w, x); }

#elif defined(CK_AVX2)

typedef struct weights64 { __m256i half[2]; } weights64;

CK_INLINE weights64 load_bytes(const uint8_t *p) {
    return (weights64){{_mm256_loadu_si256((const __m256i *)p), _mm256_loadu_si256((const __m256i *)(p + 32))}};
}

CK_INLINE void store_bytes(uint8_t *p, weights64 w) {
    for (int i = 0; i < 2; i++) _mm256_storeu_si256((__m256i *)(p + 32 * i), w.half[i]);
}

CK_INLINE weights64 bits_at(weights64 w, int shift, int mask) {
    for (int i = 0; i < 2; i++) {
        if (shift > 0) w.half[i] = _mm256_srli_epi16(w.half[i], shift);
        if (shift < 0) w.half[i] = _mm256_slli_epi16(w.half[i], -shift);
        w.half[i] = _mm256_and_si256(w.half[i], _mm256_set1_epi8((char)mask));
    }
    return w;
}

CK_INLINE weights64 join(weights64 a, weights64 b) {
    return (weights64){{_mm256_or_si256(a.half[0], b.half[0]), _mm256_or_si256(a.half[1], b.half[1])}};
}

CK_INLINE weights64 look_up(const uint8_t *table, weights64 places) {
    __m256i twice = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
    return (weights64){{_mm256_shuffle_epi8(twice, places.half[0]), _mm256_shuffle_epi8(twice, places.half[1])}};
}

// Pairs of products fit 16 bits: 2 * 127 * 127, 2 * 128 * 127.
CK_INLINE i32x8 dot4_half(i32x8 acc, __m256i unsigned_bytes, __m256i signed_bytes) {
    __m256i pairs = _mm256_maddubs_epi16(unsigned_bytes, signed_bytes);
    return acc + (i32x8)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

typedef __m256i spread64;

CK_INLINE spread64 spread(const int8_t *x, int groups) {
    int32_t four;
    int64_t eight;
    if (groups == 4) return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)x));
    if (groups == 2) {
        memcpy(&eight, x, 8);
        return _mm256_set1_epi64x(eight);
    }
    memcpy(&four, x, 4);
    return _mm256_set1_epi32(four);
}

CK_INLINE i32x16 dot4_spread(i32x16 acc, weights64 w, spread64 all) {
    acc.lo = dot4_half(acc.lo, w.half[0], all);
    acc.hi = dot4_half(acc.hi, w.half[1], all);
    return acc;
}

CK_INLINE i32x16 dot4(i32x16 acc, weights64 w, const int8_t *x) { return dot4_spread(acc, w, spread(x, 1)); }

// |w| times x with the sign of w.
CK_INLINE i32x16 wide_start(const ck_row_block *x) { return (i32x16)0; }
CK_INLINE i32x16 dot4_biased(i32x16 acc, weights64 w, spread64 all) {
    __m256i top = _mm256_set1_epi8((char)128);
    __m256i low = _mm256_xor_si256(w.half[0], top), high = _mm256_xor_si256(w.half[1], top);
    acc.lo = dot4_half(acc.lo, _mm256_abs_epi8(low), _mm256_sign_epi8(all, low));
    acc.hi = dot4_half(acc.hi, _mm256_abs_epi8(high), _mm256_sign_epi8(all, high));
    return acc;
}

#elif defined(CK_NEON)

typedef struct weights64 { uint8x16_t quarter[4]; } weights64;

CK_INLINE weights64 load_bytes(const uint8_t *p) {
    return (weights64){{vld1q_u8(p), vld1q_u8(p + 16), vld1q_u8(p + 32), vld1q_u8(p + 48)}};
}

CK_INLINE void store_bytes(uint8_t *p, weights64 w) {
    for (int i = 0; i < 4; i++) vst1q_u8(p + 16 * i, w.quarter[i]);
}

CK_INLINE weights64 bits_at(weights64 w, int shift, int mask) {
    for (int i = 0; i < 4; i++) w.quarter[i] = vandq_u8(vshlq_u8(w.quarter[i], vdupq_n_s8((int8_t)-shift)), vdupq_n_u8((uint8_t)mask));
    return w;
}

CK_INLINE weights64 join(weights64 a, weights64 b) {
    for (int i = 0; i < 4; i++) a.quarter[i] = vorrq_u8(a.quarter[i], b.quarter[i]);
    return a;
}

CK_INLINE weights64 look_up(const uint8_t *table, weights64 places) {
    for (int i = 0; i < 4; i++) places.quarter[i] = vqtbl1q_u8(vld1q_u8(table), places.quarter[i]);
    return places;
}

typedef int8x16_t spread64;

CK_INLINE spread64 spread(const int8_t *x, int groups) {
    int32_t four;
    int64_t eight;
    if (groups == 4) return vld1q_s8(x);
    if (groups == 2) {
        memcpy(&eight, x, 8);
        return vreinterpretq_s8_s64(vdupq_n_s64(eight));
    }
    memcpy(&four, x, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

#if defined(CK_I8MM)

// Unsigned bytes of any size, so nothing is flipped: 128 * sum is subtracted as an integer.
CK_INLINE int32x4_t dot4_quarter(int32x4_t acc, uint8x16_t w, uint8_t flip, int8x16_t x) { return vusdotq_s32(acc, w, x); }
CK_INLINE i32x16 wide_start(const ck_row_block *x) { return (i32x16)(x->bias); }

#else

CK_INLINE int32x4_t dot4_quarter(int32x4_t acc, uint8x16_t w, uint8_t flip, int8x16_t x) {
    return vdotq_s32(acc, vreinterpretq_s8_u8(veorq_u8(w, vdupq_n_u8(flip))), x);
}

CK_INLINE i32x16 wide_start(const ck_row_block *x) { return (i32x16)0; }

#endif

CK_INLINE i32x16 dot4_flipped(i32x16 acc, weights64 w, uint8_t flip, spread64 all) {
    int32_t lanes[LANES];
    memcpy(lanes, &acc, sizeof lanes);
    for (int i = 0; i < 4; i++) vst1q_s32(lanes + 4 * i, dot4_quarter(vld1q_s32(lanes + 4 * i), w.quarter[i], flip, all));
    memcpy(&acc, lanes, sizeof lanes);
    return acc;
}

CK_INLINE i32x16 dot4_spread(i32x16 acc, weights64 w, spread64 x) { return dot4_flipped(acc, w, 0, x); }
CK_INLINE i32x16 dot4(i32x16 acc, weights64 w, const int8_t *x) { return dot4_spread(acc, w, spread(x, 1)); }
CK_INLINE i32x16 dot4_biased(i32x16 acc, weights64 w, spread64 x) { return dot4_flipped(acc, w, 128, x); }

#else

typedef struct weights64 { uint8_t bytes[64]; } weights64;

CK_INLINE weights64 load_bytes(const uint8_t *p) {
    weights64 w;
    memcpy(w.bytes, p, 64);
    return w;
}

CK_INLINE void store_bytes(uint8_t *p, weights64 w) { memcpy(p, w.bytes, 64); }

CK_INLINE weights64 bits_at(weights64 w, int shift, int mask) {
    for (int i = 0; i < 64; i++) w.bytes[i] = (uint8_t)((shift > 0 ? w.bytes[i] >> shift : w.bytes[i] << -shift) & mask);
    return w;
}

CK_INLINE weights64 join(weights64 a, weights64 b) {
    for (int i = 0; i < 64; i++) a.bytes[i] |= b.bytes[i];
    return a;
}

CK_INLINE weights64 look_up(const uint8_t *table, weights64 places) {
    for (int i = 0; i < 64; i++) places.bytes[i] = table[places.bytes[i]];
    return places;
}

typedef struct spread64 {
    const int8_t *bytes;
    int groups;
} spread64;

CK_INLINE spread64 spread(const int8_t *x, int groups) { return (spread64){x, groups}; }

CK_INLINE i32x16 dot4_spread(i32x16 acc, weights64 w, spread64 x) {
    for (int lane = 0; lane < LANES; lane++)
        for (int t = 0; t < 4; t++) acc[lane] += (int32_t)w.bytes[4 * lane + t] * x.bytes[4 * (lane % x.groups) + t];
    return acc;
}

CK_INLINE i32x16 dot4(i32x16 acc, weights64 w, const int8_t *x) { return dot4_spread(acc, w, spread(x, 1)); }
CK_INLINE i32x16 wide_start(const ck_row_block *x) { return (i32x16)(x->bias); }
CK_INLINE i32x16 dot4_biased(i32x16 acc, weights64 w, spread64 x) { return dot4_spread(acc, w, x); }

#endif
