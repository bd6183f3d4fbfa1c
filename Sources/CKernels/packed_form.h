// How the forms of include/packed.h lie in memory. A panel is a row of groups; a group is a head with the scales of its blocks, then the
// blocks' numbers, all of it whole lines of 64 bytes. In a line of words, word l belongs to output l.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "include/packed.h"

enum { PANEL = 16, BLOCK = 32, LINE = 64 };

// The numbers of a block. Byte 4 l + t of a line has parts of the inputs 4 j + t and 16 + 4 j + t of output l, j = 0…3.
typedef enum number_layout {
    TWO_BITS,    // 2 lines: of the first 16 inputs, of the others; input 4 j + t of them in bits 2 j and 2 j + 1
    THREE_BITS,  // as TWO_BITS, then a line of third bits: of input 4 j + t in bit j, of input 16 + 4 j + t in bit 4 + j
    FOUR_BITS,   // 4 lines, in the j-th: the low nibble is input 4 j + t, the high one input 16 + 4 j + t
    FIVE_BITS,   // as FOUR_BITS, then a line of fifth bits, which lie as third bits do
    SIX_BITS,    // as FOUR_BITS, then two lines of the upper two bits, as in TWO_BITS
    EIGHT_BITS,  // 8 lines, in the j-th (j = 0…7): input 4 j + t
} number_layout;

// The head of a group. h(i) are the 16 halves at byte 32 i of its first line.
typedef enum scale_layout {
    SCALES,          // 2 blocks; 1 line: d = h(i) for block i
    MINIMUMS,        // 1 block; 1 line: d = h(0), m = h(1)
    SUPER_SCALES,    // 8 blocks; 2 lines: d = h(0) (s - 32). The lower 4 bits of s are at bit 4 i of the words of line 1, the upper 2 at bit
                     // 2 i of the 16 bits in the place of h(1)
    SUPER_MINIMUMS,  // 8 blocks; 4 lines: d = h(0) s, m = -h(1) u, with 6 bits each in the words of lines 1…3: see super_field
    HALF_SCALES,     // 16 blocks; 1 line and one for every two blocks: d = h(i / 8) s, s of one signed byte for each 16 inputs: bytes 0, 1 (i
                     // is even) or 2, 3 of the words of line 1 + i / 2
    HALF_MINIMUMS,   // 8 blocks; 5 lines: the same with d = h(0) s and s the low nibble; m = -h(1) u with u the high nibble
} scale_layout;

typedef struct form_layout {
    number_layout numbers;
    scale_layout scales;
    int zero;    // the number that stands for 0 where there is no minimum
    const uint8_t *table;  // numbers are places in it; null: they are none
} form_layout;

// The values of iq4_nl and iq4_xs, + 128.
static const uint8_t iq4_values[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
// Twice the values of mxfp4, + 128.
static const uint8_t mxfp4_values[16] = {128, 129, 130, 131, 132, 134, 136, 140, 128, 127, 126, 125, 124, 122, 120, 116};

static inline form_layout layout_of(ck_packed_form form) {
    switch (form) {
    case CK_PACKED_Q4_0: return (form_layout){FOUR_BITS, SCALES, 8, NULL};
    case CK_PACKED_Q4_1: return (form_layout){FOUR_BITS, MINIMUMS, 0, NULL};
    case CK_PACKED_Q5_0: return (form_layout){FIVE_BITS, SCALES, 16, NULL};
    case CK_PACKED_Q5_1: return (form_layout){FIVE_BITS, MINIMUMS, 0, NULL};
    case CK_PACKED_Q2_K: return (form_layout){TWO_BITS, HALF_MINIMUMS, 0, NULL};
    case CK_PACKED_Q3_K: return (form_layout){THREE_BITS, HALF_SCALES, 4, NULL};
    case CK_PACKED_Q4_K: return (form_layout){FOUR_BITS, SUPER_MINIMUMS, 0, NULL};
    case CK_PACKED_Q5_K: return (form_layout){FIVE_BITS, SUPER_MINIMUMS, 0, NULL};
    case CK_PACKED_Q6_K: return (form_layout){SIX_BITS, HALF_SCALES, 32, NULL};
    case CK_PACKED_IQ4_NL: return (form_layout){FOUR_BITS, SCALES, 128, iq4_values};
    case CK_PACKED_IQ4_XS: return (form_layout){FOUR_BITS, SUPER_SCALES, 128, iq4_values};
    case CK_PACKED_MXFP4: return (form_layout){FOUR_BITS, SCALES, 128, mxfp4_values};
    case CK_PACKED_Q8_0: break;
    }
    return (form_layout){EIGHT_BITS, SCALES, 128, NULL};
}

static inline size_t block_lines(number_layout numbers) {
    switch (numbers) {
    case TWO_BITS: return 2;
    case THREE_BITS: return 3;
    case FOUR_BITS: return 4;
    case FIVE_BITS: return 5;
    case SIX_BITS: return 6;
    case EIGHT_BITS: break;
    }
    return 8;
}

enum { MOST_GROUP_BLOCKS = 16 };

static inline size_t group_blocks(scale_layout scales) {
    switch (scales) {
    case MINIMUMS: return 1;
    case SCALES: return 2;
    case SUPER_SCALES: case SUPER_MINIMUMS: case HALF_MINIMUMS: return 8;
    case HALF_SCALES: break;
    }
    return MOST_GROUP_BLOCKS;
}

// Lines of the head of a group of `blocks` blocks; the last group of a panel may have fewer than the others.
static inline size_t head_lines(scale_layout scales, size_t blocks) {
    switch (scales) {
    case SCALES: case MINIMUMS: return 1;
    case SUPER_SCALES: return 2;
    case SUPER_MINIMUMS: return 4;
    case HALF_MINIMUMS: return 5;
    case HALF_SCALES: break;
    }
    return 1 + blocks / 2;
}

// Lines of `blocks` blocks from the start of a group on.
static inline size_t panel_lines(form_layout layout, size_t blocks) {
    size_t whole = group_blocks(layout.scales), left = blocks % whole;
    return blocks * block_lines(layout.numbers) + blocks / whole * head_lines(layout.scales, whole) +
           (left ? head_lines(layout.scales, left) : 0);
}

// Where 6 bits of SUPER_MINIMUMS' three words lie: s of blocks 0…4 in word 0, u of blocks 0…4 in word 1, s of blocks 5…7 and u of blocks 5
// and 6 in word 2. The upper two bits of all three words, those of word 0 the lowest, are u of block 7.
typedef struct super_field {
    int word, shift;
} super_field;

static inline super_field scale_field(size_t block) {
    return block < 5 ? (super_field){0, 6 * (int)block} : (super_field){2, 6 * (int)block - 30};
}

static inline super_field minimum_field(size_t block) {
    return block < 5 ? (super_field){1, 6 * (int)block} : (super_field){2, 6 * (int)block - 12};
}
