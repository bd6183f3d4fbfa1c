// One table of kernels for each instruction set, chosen at run time.
//
// All tables come from the same sources and return the same bits: "scalar" (any CPU), "avx2" (with FMA and F16C), "avx512"
// (with VNNI), "avx512_bf16" (with its products of bf16, too), "neon" (with dot products), "neon_i8mm" (with
// matrix products of bytes, too).
#pragma once
#include "attention.h"
#include "elementwise.h"
#include "encode.h"
#include "hash.h"
#include "low_rank.h"
#include "low_rank_int8.h"
#include "merge.h"
#include "nearest.h"
#include "packed.h"
#include "peak.h"
#include "sampling.h"
#include "training.h"

typedef struct ck_kernels {
    const char *name;
    ck_elementwise elementwise;
    ck_packed_kernels packed;
    ck_attention_kernels attention;
    ck_low_rank_kernels low_rank;
    ck_sampling sampling;
    ck_peak_kernels peak;
    ck_hash_kernels hash;
    ck_int8_kernels low_rank_int8;
    ck_training_kernels training;
    ck_nearest_kernels nearest;
    ck_encode_kernels encode;
    ck_merge_kernels merge;
} ck_kernels;

// Null when the name is unknown or this CPU lacks it.
const ck_kernels *ck_kernels_named(const char *name);
// The fastest of this CPU, or the one that the environment's LMOE_KERNELS names. A name that is unknown, or of kernels that this CPU
// lacks, is reported on stderr, and the fastest is used. Never null.
const ck_kernels *ck_kernels_chosen(void);
