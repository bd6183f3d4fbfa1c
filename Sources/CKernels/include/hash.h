// BLAKE3 of a message: 32 bytes, no key (BLAKE3: one function, fast everywhere; sections 2.1 to 2.5 and 5.3).
//
// A message is cut into chunks of 1024 bytes (the last one may be shorter), the leaves of a binary tree. Nodes of one depth are
// computed side by side, one in each vector lane. The bytes need no alignment; nothing overlaps unless a comment says so.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CK_HASH_BYTES = 32, CK_HASH_BLOCK = 64, CK_HASH_CHUNK = 1024 };

// The kind of node that a compression is for; flags are added.
typedef enum ck_hash_flag {
    CK_HASH_CHUNK_START = 1,
    CK_HASH_CHUNK_END = 2,
    CK_HASH_PARENT = 4,
    CK_HASH_ROOT = 8,
} ck_hash_flag;

typedef struct ck_hash_kernels {
    // The chaining values of `count` inputs of `blocks` whole blocks each, one after another: chunks (`blocks` 16), the first of them
    // number `chunk`, or pairs of chaining values below a parent (`blocks` 1). `out`: 32 bytes each; it may be `inputs`.
    void (*chunks)(const uint8_t *inputs, size_t count, uint64_t chunk, uint8_t *out);
    void (*parents)(const uint8_t *inputs, size_t count, uint8_t *out);
} ck_hash_kernels;

// The hash of `count` bytes with the kernels of one instruction set. Cost: one read; memory on the stack only.
void ck_hash(const ck_hash_kernels *kernels, const void *bytes, size_t count, uint8_t out[CK_HASH_BYTES]);
