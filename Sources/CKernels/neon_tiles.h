// The tiles that stay in NEON's 32 registers, with and without i8mm.
#pragma once
#define TILE_ROWS 2
#define QUERY_TILE 2
#define BLOCK_TILE 1
#define MATMUL_ROWS 4
#define MATMUL_VECTORS 1
#define DIMENSION_TILE 2
