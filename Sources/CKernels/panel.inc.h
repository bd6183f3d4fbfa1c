// Opens the blocks of a panel: numbers to bytes, scales to f32. See packed_form.h. Included once an implementation.
#include "dot.inc.h"
#include "half.h"
#include "packed_form.h"

// What the numbers of some blocks are multiplied by and added to: w = d (q - zero) + m. Layouts with scales for each 16 inputs (`has_halves`)
// have one for the first 16 and one for the others, which are m / -32 in HALF_MINIMUMS: row blocks know -32 sum(q_x); the others have the
// first only. m is written where the layout has minimums.
typedef struct block_factors {
    f32x16 d[MOST_GROUP_BLOCKS][2], m[MOST_GROUP_BLOCKS][2];
} block_factors;

CK_INLINE bool has_halves(scale_layout layout) { return layout == HALF_SCALES || layout == HALF_MINIMUMS; }
CK_INLINE bool has_minimums(scale_layout layout) { return layout == MINIMUMS || layout == SUPER_MINIMUMS || layout == HALF_MINIMUMS; }

CK_INLINE i32x16 load_line(const uint8_t *p) {
    i32x16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

CK_INLINE i32x16 field_of(const i32x16 *words, super_field field) { return words[field.word] >> field.shift & 63; }

CK_INLINE f32x16 float_of(i32x16 v) { return __builtin_convertvector(v, f32x16); }

// The factors of a group of `count` blocks, the first of them as the `at`-th. `layout` is a constant where this is inlined.
CK_INLINE void open_scales(scale_layout layout, const uint8_t *head, size_t count, block_factors *f, size_t at) {
    const uint16_t *halves = (const uint16_t *)head;
    f32x16(*d)[2] = f->d + at, (*m)[2] = f->m + at;
    switch (layout) {
    case SCALES:
        for (size_t i = 0; i < count; i++) d[i][0] = load_half(halves + 16 * i);
        break;
    case MINIMUMS:
        d[0][0] = load_half(halves);
        m[0][0] = load_half(halves + 16);
        break;
    case SUPER_SCALES: {
        u16x16 upper;
        memcpy(&upper, halves + 16, sizeof upper);
        f32x16 super = load_half(halves);
        i32x16 high = __builtin_convertvector(upper, i32x16), low = load_line(head + LINE);
#pragma clang loop unroll(full)
        for (int i = 0; i < 8; i++) d[i][0] = super * float_of(((low >> 4 * i & 15) | (high >> 2 * i & 3) << 4) - 32);
        break;
    }
    case SUPER_MINIMUMS: {
        f32x16 super = load_half(halves), minimum = -load_half(halves + 16);
        i32x16 words[3] = {load_line(head + LINE), load_line(head + 2 * LINE), load_line(head + 3 * LINE)};
#pragma clang loop unroll(full)
        for (int i = 0; i < 8; i++) d[i][0] = super * float_of(field_of(words, scale_field((size_t)i)));
#pragma clang loop unroll(full)
        for (int i = 0; i < 7; i++) m[i][0] = minimum * float_of(field_of(words, minimum_field((size_t)i)));
        m[7][0] = minimum * float_of((words[0] >> 30 & 3) | (words[1] >> 30 & 3) << 2 | (words[2] >> 30 & 3) << 4);
        break;
    }
    case HALF_SCALES:
        for (size_t i = 0; i < count; i += 2) {
            i32x16 s = load_line(head + LINE * (1 + i / 2));
            f32x16 super = load_half(halves + 16 * (i / 8));
            d[i][0] = super * float_of(s << 24 >> 24);
            d[i][1] = super * float_of(s << 16 >> 24);
            d[i + 1][0] = super * float_of(s << 8 >> 24);
            d[i + 1][1] = super * float_of(s >> 24);
        }
        break;
    case HALF_MINIMUMS: {
        f32x16 super = load_half(halves), minimum = load_half(halves + 16) * splat(1.0f / 32);
        for (size_t i = 0; i < count; i += 2) {
            i32x16 s = load_line(head + LINE * (1 + i / 2));
            for (int k = 0; k < 4; k++) {
                d[i + k / 2][k % 2] = super * float_of(s >> 8 * k & 15);
                m[i + k / 2][k % 2] = minimum * float_of(s >> (8 * k + 4) & 15);
            }
        }
        break;
    }
    }
}

// The j-th (0…3) four of the first and of the last 16 inputs of a block, as bytes.
CK_INLINE void open_numbers(form_layout layout, const uint8_t *lines, int j, weights64 *low, weights64 *high) {
    switch (layout.numbers) {
    case TWO_BITS: case THREE_BITS:
        *low = bits_at(load_bytes(lines), 2 * j, 3);
        *high = bits_at(load_bytes(lines + LINE), 2 * j, 3);
        if (layout.numbers == TWO_BITS) return;
        weights64 third = load_bytes(lines + 2 * LINE);
        *low = join(*low, bits_at(third, j - 2, 4));
        *high = join(*high, bits_at(third, j + 2, 4));
        return;
    case EIGHT_BITS:
        *low = load_bytes(lines + LINE * j);
        *high = load_bytes(lines + LINE * (j + 4));
        return;
    case FOUR_BITS: case FIVE_BITS: case SIX_BITS: break;
    }
    weights64 both = load_bytes(lines + LINE * j);
    *low = bits_at(both, 0, 15);
    *high = bits_at(both, 4, 15);
    if (layout.numbers == FIVE_BITS) {
        weights64 fifth = load_bytes(lines + 4 * LINE);
        *low = join(*low, bits_at(fifth, j - 4, 16));
        *high = join(*high, bits_at(fifth, j, 16));
    } else if (layout.numbers == SIX_BITS) {
        *low = join(*low, bits_at(load_bytes(lines + 4 * LINE), 2 * j - 4, 48));
        *high = join(*high, bits_at(load_bytes(lines + 5 * LINE), 2 * j - 4, 48));
    }
    if (!layout.table) return;
    *low = look_up(layout.table, *low);
    *high = look_up(layout.table, *high);
}
