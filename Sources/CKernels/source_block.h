// The files' rows of blocks, read 32 weights at a time.
#pragma once
#include "packed_form.h"

// 32 weights of one row, as a form has them. What a form does not have is not written.
typedef struct source_block {
    uint32_t numbers[8];   // 4 j … 4 j + 3 in the bytes of word j, the first the lowest
    uint16_t half[2];      // d, and m or the minimums' factor, of the block or its super-block
    uint8_t scale[2];      // s: of all 32 inputs; or of the first 16 and of the others
    uint8_t minimum[2];    // u
} source_block;

// Block `block` of a row. Elements past `columns` are zero.
typedef void (*source_reader)(const uint8_t *row, size_t block, size_t columns, source_block *out);

source_reader ck_source_reader(ck_source_type type);
