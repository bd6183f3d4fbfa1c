#pragma once
#include <cblas.h>

// LAPACK, which OpenBLAS brings with it: the Cholesky factor of a symmetric matrix, column-major, in place.
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);
