// See include/low_rank_load.h. Vectors of 8 lanes in the notation that every target has; two passes over what lies in the
// first cache cost less than one that does everything.
#include "low_rank_load.h"

#include <stdbool.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

// Vectors pass between inlined functions only, so that no calling convention is involved.
#pragma clang diagnostic ignored "-Wpsabi"

typedef uint16_t u16x8 __attribute__((ext_vector_type(8)));
typedef uint32_t u32x8 __attribute__((ext_vector_type(8)));
typedef int32_t i32x8 __attribute__((ext_vector_type(8)));
typedef float f32x8 __attribute__((ext_vector_type(8)));

enum { LANES = 8, CHUNK = 2048 };

INLINE size_t source_bytes(ck_source_type type) { return type == CK_SOURCE_F32 ? 4 : 2; }

// MARK: Elements as f32

INLINE u32x8 f32_of_f16(u32x8 half) {
    u32x8 magnitude = half & 0x7fff;
    // The bias of the exponent is put right by an exact product, subnormals included.
    f32x8 value = __builtin_bit_cast(f32x8, magnitude << 13) * 0x1p112f;
    u32x8 special = __builtin_bit_cast(u32x8, (i32x8)(magnitude >= 0x7c00));
    u32x8 bits = (special & (magnitude << 13 | 0x7f800000)) | (~special & __builtin_bit_cast(u32x8, value));
    return bits | (half & 0x8000) << 16;
}

// The bits of 8 elements as f32.
INLINE u32x8 load_bits(ck_source_type type, const uint8_t *p) {
    if (type == CK_SOURCE_F32) {
        u32x8 bits;
        memcpy(&bits, p, sizeof bits);
        return bits;
    }
    u16x8 halves;
    memcpy(&halves, p, sizeof halves);
    u32x8 wide = __builtin_convertvector(halves, u32x8);
    return type == CK_SOURCE_BF16 ? wide << 16 : f32_of_f16(wide);
}

INLINE u16x8 round_to_bf16(u32x8 bits) {
    u32x8 nan = __builtin_bit_cast(u32x8, (i32x8)((bits & 0x7fffffff) > 0x7f800000));
    u32x8 rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return __builtin_convertvector((nan & (bits >> 16 | 0x40)) | (~nan & rounded), u16x8);
}

INLINE u16x8 load_bf16(ck_source_type type, const uint8_t *p) {
    u16x8 halves;
    if (type != CK_SOURCE_BF16) return round_to_bf16(load_bits(type, p));
    memcpy(&halves, p, sizeof halves);
    return halves;
}

// The same for the first `count` of 8 elements; the others are zero.
INLINE void pad(ck_source_type type, const uint8_t *p, size_t count, uint8_t padded[32]) {
    memset(padded, 0, 32);
    memcpy(padded, p, count * source_bytes(type));
}

// MARK: Checks

static size_t first_beyond_f32(const uint8_t *p, size_t count, int32_t limit) {
    for (size_t start = 0; start < count; start += CHUNK) {
        size_t end = count - start < CHUNK ? count : start + CHUNK;
        int32_t greatest = 0;
        for (size_t i = start; i < end; i++) {
            int32_t bits;
            memcpy(&bits, p + 4 * i, sizeof bits);
            bits &= 0x7fffffff;
            greatest = bits > greatest ? bits : greatest;
        }
        if (greatest < limit) continue;
        for (size_t i = start;; i++) {
            int32_t bits;
            memcpy(&bits, p + 4 * i, sizeof bits);
            if ((bits & 0x7fffffff) >= limit) return i;
        }
    }
    return count;
}

static size_t first_beyond_16(const uint8_t *p, size_t count, int16_t limit) {
    for (size_t start = 0; start < count; start += CHUNK) {
        size_t end = count - start < CHUNK ? count : start + CHUNK;
        int16_t greatest = 0;
        for (size_t i = start; i < end; i++) {
            int16_t bits;
            memcpy(&bits, p + 2 * i, sizeof bits);
            bits &= 0x7fff;
            greatest = bits > greatest ? bits : greatest;
        }
        if (greatest < limit) continue;
        for (size_t i = start;; i++) {
            int16_t bits;
            memcpy(&bits, p + 2 * i, sizeof bits);
            if ((bits & 0x7fff) >= limit) return i;
        }
    }
    return count;
}

// The least magnitude of a 16-bit type that is at or beyond an f32's; 0x8000 when none is. Magnitudes are in the order of their bits.
static uint32_t least_beyond(ck_source_type type, uint32_t limit) {
    uint32_t low = 0, high = 0x8000;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        u32x8 wide = middle;
        uint32_t bits = type == CK_SOURCE_BF16 ? middle << 16 : f32_of_f16(wide)[0];
        if (bits >= limit) high = middle;
        else low = middle + 1;
    }
    return low;
}

size_t ck_first_beyond(ck_source_type type, const void *elements, size_t count, uint32_t limit) {
    if (count == 0 || limit > 0x7fffffff) return count;
    if (limit == 0) return 0;
    if (type == CK_SOURCE_F32) return first_beyond_f32(elements, count, (int32_t)limit);
    uint32_t least = least_beyond(type, limit);
    return least > 0x7fff ? count : first_beyond_16(elements, count, (int16_t)least);
}

INLINE bool is_nonzero(ck_source_type type, const uint8_t *p, size_t index) {
    if (type == CK_SOURCE_F32) {
        uint32_t bits;
        memcpy(&bits, p + 4 * index, sizeof bits);
        return (bits & 0x7fffffff) != 0;
    }
    uint16_t bits;
    memcpy(&bits, p + 2 * index, sizeof bits);
    return (bits & 0x7fff) != 0;
}

void ck_nonzero_rows(ck_source_type type, const void *elements, size_t rows, size_t columns, uint8_t *flags) {
    for (size_t r = 0; r < rows; r++) {
        size_t c = 0;
        // Rows that are all zero are rare: the first element mostly ends this.
        while (c < columns && !is_nonzero(type, elements, r * columns + c)) c++;
        flags[r] = c < columns;
    }
}

void ck_nonzero_columns(ck_source_type type, const void *elements, size_t rows, size_t columns, uint8_t *flags) {
    memset(flags, 0, columns);
    size_t missing = columns;
    for (size_t r = 0; r < rows && missing > 0; r++) {
        for (size_t c = 0; c < columns; c++) {
            if (flags[c] || !is_nonzero(type, elements, r * columns + c)) continue;
            flags[c] = 1;
            missing--;
        }
    }
}

// MARK: Copying

INLINE void copy_to_f32(ck_source_type type, const uint8_t *p, size_t count, float *out) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        u32x8 bits = load_bits(type, p + i * source_bytes(type));
        memcpy(out + i, &bits, sizeof bits);
    }
    if (i == count) return;
    uint8_t padded[32];
    pad(type, p + i * source_bytes(type), count - i, padded);
    u32x8 bits = load_bits(type, padded);
    memcpy(out + i, &bits, (count - i) * sizeof *out);
}

INLINE void copy_to_bf16(ck_source_type type, const uint8_t *p, size_t count, uint16_t *out) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        u16x8 halves = load_bf16(type, p + i * source_bytes(type));
        memcpy(out + i, &halves, sizeof halves);
    }
    if (i == count) return;
    uint8_t padded[32];
    pad(type, p + i * source_bytes(type), count - i, padded);
    u16x8 halves = load_bf16(type, padded);
    memcpy(out + i, &halves, (count - i) * sizeof *out);
}

void ck_low_rank_copy(ck_source_type type, const void *elements, size_t count, ck_low_rank_element element, void *out) {
    if (count == 0) return;
    bool same = element == CK_LOW_RANK_F32 ? type == CK_SOURCE_F32 : type == CK_SOURCE_BF16;
    if (same) memcpy(out, elements, count * source_bytes(type));
    else if (element == CK_LOW_RANK_F32 && type == CK_SOURCE_F16) copy_to_f32(CK_SOURCE_F16, elements, count, out);
    else if (element == CK_LOW_RANK_F32) copy_to_f32(CK_SOURCE_BF16, elements, count, out);
    else if (type == CK_SOURCE_F32) copy_to_bf16(CK_SOURCE_F32, elements, count, out);
    else copy_to_bf16(CK_SOURCE_F16, elements, count, out);
}

// Interleaving vector i with vector i + 4 rotates the bits of an element's place (row, lane) by one; three times is the transpose.
#define TRANSPOSE_8(VECTOR, m)                                                                              \
    for (int turn = 0; turn < 3; turn++) {                                                                  \
        VECTOR t[8];                                                                                        \
        for (int i = 0; i < 4; i++) {                                                                       \
            t[2 * i] = __builtin_shufflevector(m[i], m[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);                   \
            t[2 * i + 1] = __builtin_shufflevector(m[i], m[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);             \
        }                                                                                                   \
        for (int i = 0; i < 8; i++) m[i] = t[i];                                                            \
    }

// A tile of `rows` x `columns` elements, both at most 8 and constants 8 in the common case.
INLINE void transpose_tile(
    ck_source_type type, const uint8_t *p, size_t row_bytes, size_t rows, size_t columns, ck_low_rank_element element,
    uint8_t *out, size_t out_row_bytes
) {
    bool whole = columns == LANES;
    uint8_t padded[32];
    if (element == CK_LOW_RANK_F32) {
        u32x8 m[8];
        for (size_t i = 0; i < 8; i++) {
            m[i] = 0;
            if (i >= rows) continue;
            if (!whole) pad(type, p + i * row_bytes, columns, padded);
            m[i] = load_bits(type, whole ? p + i * row_bytes : padded);
        }
        TRANSPOSE_8(u32x8, m)
        for (size_t c = 0; c < columns; c++) memcpy(out + c * out_row_bytes, &m[c], rows * 4);
    } else {
        u16x8 m[8];
        for (size_t i = 0; i < 8; i++) {
            m[i] = 0;
            if (i >= rows) continue;
            if (!whole) pad(type, p + i * row_bytes, columns, padded);
            m[i] = load_bf16(type, whole ? p + i * row_bytes : padded);
        }
        TRANSPOSE_8(u16x8, m)
        for (size_t c = 0; c < columns; c++) memcpy(out + c * out_row_bytes, &m[c], rows * 2);
    }
}

INLINE void transpose(
    ck_source_type type, const uint8_t *p, size_t rows, size_t columns, ck_low_rank_element element, uint8_t *out
) {
    size_t in = source_bytes(type), bytes = element == CK_LOW_RANK_F32 ? 4 : 2;
    size_t row_bytes = columns * in, out_row_bytes = rows * bytes;
    for (size_t r = 0; r < rows; r += LANES) {
        size_t height = rows - r < LANES ? rows - r : LANES;
        for (size_t c = 0; c < columns; c += LANES) {
            size_t width = columns - c < LANES ? columns - c : LANES;
            const uint8_t *from = p + r * row_bytes + c * in;
            uint8_t *to = out + c * out_row_bytes + r * bytes;
            if (height == LANES && width == LANES)
                transpose_tile(type, from, row_bytes, LANES, LANES, element, to, out_row_bytes);
            else
                transpose_tile(type, from, row_bytes, height, width, element, to, out_row_bytes);
        }
    }
}

void ck_low_rank_transpose(
    ck_source_type type, const void *elements, size_t rows, size_t columns, ck_low_rank_element element, void *out
) {
    // A constant type and element each, so that the inner loops have no branches.
    if (element == CK_LOW_RANK_F32) {
        if (type == CK_SOURCE_F32) transpose(CK_SOURCE_F32, elements, rows, columns, CK_LOW_RANK_F32, out);
        else if (type == CK_SOURCE_F16) transpose(CK_SOURCE_F16, elements, rows, columns, CK_LOW_RANK_F32, out);
        else transpose(CK_SOURCE_BF16, elements, rows, columns, CK_LOW_RANK_F32, out);
    } else {
        if (type == CK_SOURCE_F32) transpose(CK_SOURCE_F32, elements, rows, columns, CK_LOW_RANK_BF16, out);
        else if (type == CK_SOURCE_F16) transpose(CK_SOURCE_F16, elements, rows, columns, CK_LOW_RANK_BF16, out);
        else transpose(CK_SOURCE_BF16, elements, rows, columns, CK_LOW_RANK_BF16, out);
    }
}
