#pragma once
#include <cblas.h>

// LAPACK, which OpenBLAS brings with it. Matrices are column-major.

// The Cholesky factor of a symmetric matrix, in place.
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info);

// A = Q R: R and reflectors in place of A; then Q of the reflectors. `lwork` -1 asks for the size of `work`.
void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork, int *info);
void dorgqr_(
    const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau, double *work, const int *lwork, int *info);

// A = U S V^T by divide and conquer; A is overwritten. `iwork` has 8 min(m, n) elements.
void dgesdd_(
    const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u, const int *ldu, double *vt,
    const int *ldvt, double *work, const int *lwork, int *iwork, int *info);
