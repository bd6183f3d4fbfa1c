// The kernels for any CPU: what the compiler makes of 16 lanes without special instructions.
#define CK_NAME "scalar"
#define CK_TABLE ck_kernels_scalar
#define TILE_ROWS 1
#define QUERY_TILE 1
#define BLOCK_TILE 1
#define MATMUL_ROWS 1
#define MATMUL_VECTORS 1
#define DIMENSION_TILE 1
#include "implementation.inc.h"
