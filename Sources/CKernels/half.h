// f16 and bf16 to f32 and back. Subnormals, infinities and NaN are kept; rounding is to nearest even.
#pragma once
#include "lanes.h"

CK_INLINE float half_to_float(uint16_t half) {
    uint32_t magnitude = half & 0x7fff;
    float value = __builtin_bit_cast(float, magnitude << 13) * 0x1p112f;
    uint32_t bits = __builtin_bit_cast(uint32_t, value);
    if (magnitude >= 0x7c00) bits = magnitude << 13 | 0x7f800000;
    return __builtin_bit_cast(float, bits | (uint32_t)(half & 0x8000) << 16);
}

CK_INLINE uint16_t float_to_half(float value) {
    uint32_t bits = __builtin_bit_cast(uint32_t, value);
    uint32_t sign = bits & 0x80000000, magnitude = bits ^ sign, half;
    if (magnitude > 0x7f800000) {
        half = 0x7e00;
    } else if (magnitude >= 0x477ff000) {  // 65520 and more round to infinity
        half = 0x7c00;
    } else if (magnitude < 0x38800000) {  // below 2^-14: adding 1/2 leaves the subnormal's bits
        half = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, magnitude) + 0.5f) - 0x3f000000;
    } else {
        half = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
    }
    return (uint16_t)(half | sign >> 16);
}

CK_INLINE float bfloat_to_float(uint16_t value) { return __builtin_bit_cast(float, (uint32_t)value << 16); }

CK_INLINE f32x16 load_half(const uint16_t *p) {
#if defined(CK_AVX512)
    return (f32x16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
#elif defined(CK_AVX2)
    f32x16 v;
    v.lo = (f32x8)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
    v.hi = (f32x8)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8)));
    return v;
#else
    u16x16 halves;
    memcpy(&halves, p, sizeof halves);
    u32x16 wide = __builtin_convertvector(halves, u32x16);
    i32x16 magnitude = (i32x16)(wide & 0x7fff);
    f32x16 value = of_bits(magnitude << 13) * splat(0x1p112f);
    value = choose(magnitude >= 0x7c00, of_bits(magnitude << 13 | 0x7f800000), value);
    return of_bits(bits_of(value) | (i32x16)((wide & 0x8000) << 16));
#endif
}

// Sixteen of float_to_half.
CK_INLINE u16x16 half_of(f32x16 v) {
    u16x16 halves;
#if defined(CK_AVX512) || defined(CK_AVX2)
    // All NaN are one, as in float_to_half.
    v = choose((bits_of(v) & 0x7fffffff) > 0x7f800000, of_bits((bits_of(v) & (i32x16)(INT32_MIN)) | 0x7fc00000), v);
#endif
#if defined(CK_AVX512)
    __m256i bits = _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT);
    memcpy(&halves, &bits, sizeof halves);
#elif defined(CK_AVX2)
    __m128i low = _mm256_cvtps_ph((__m256)v.lo, _MM_FROUND_TO_NEAREST_INT), high = _mm256_cvtps_ph((__m256)v.hi, _MM_FROUND_TO_NEAREST_INT);
    memcpy(&halves, &low, 16);
    memcpy((char *)&halves + 16, &high, 16);
#else
    for (int l = 0; l < LANES; l++) halves[l] = float_to_half(v[l]);
#endif
    return halves;
}

// Sixteen bf16. Magnitudes below 2^-55 become zero: then a product of two, and any sum of products, is zero or not below
// 2^-124, and no subnormal number arises, which VDPBF16PS would take as zero.
CK_INLINE u16x16 bfloat_of(f32x16 v) {
    i32x16 magnitude = bits_of(v) & 0x7fffffff;
#if defined(CK_AVX512_BF16)
    __mmask16 keep = _mm512_cmpge_epi32_mask((__m512i)magnitude, _mm512_set1_epi32(0x24000000));
    return __builtin_bit_cast(u16x16, _mm512_maskz_cvtneps_pbh(keep, (__m512)v));
#else
    i32x16 rounded = bits_of(v) + 0x7fff + (bits_of(v) >> 16 & 1), is_nan = magnitude > 0x7f800000;
    i32x16 kept = (is_nan & (bits_of(v) | 0x400000)) | (~is_nan & rounded);
    return __builtin_convertvector((u32x16)(kept & (magnitude >= 0x24000000)) >> 16, u16x16);
#endif
}

// In each lane two bf16, of which the low one is the first: fma(low a, low b, fma(high a, high b, c)), as VDPBF16PS has it.
CK_INLINE f32x16 dot_pairs(f32x16 a, f32x16 b, f32x16 c) {
#if defined(CK_AVX512_BF16)
    return (f32x16)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b);
#else
    const i32x16 high = (i32x16)(0xffff0000);
    c = fma16(of_bits(bits_of(a) & high), of_bits(bits_of(b) & high), c);
    return fma16(of_bits(bits_of(a) << 16), of_bits(bits_of(b) << 16), c);
#endif
}

CK_INLINE f32x16 bfloats(u16x16 halves) { return of_bits((i32x16)(__builtin_convertvector(halves, u32x16) << 16)); }

CK_INLINE f32x16 load_bfloat(const uint16_t *p) {
    u16x16 halves;
    memcpy(&halves, p, sizeof halves);
    return bfloats(halves);
}
