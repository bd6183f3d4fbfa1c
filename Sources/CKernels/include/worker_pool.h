// Persistent threads that run slices of one step.
#pragma once
#include "core_share.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ck_worker_pool ck_worker_pool;

// `threads` threads take part in a run: the caller and threads - 1 of the pool's. Null when a thread cannot be started or there is
// no memory; *error is then the system's error number.
//
// `cpus` are the CPUs of the threads, one each, which the process may use: a thread runs on its CPU only, a caller during its runs. Null:
// anywhere. A body starts no threads, as those would stay where it is.
//
// With `background`, which outlives the pool, runs and barriers wait until its threads may pass, and its own threads have a low priority:
// `idle` ones run only where no other thread of the machine wants their core.
ck_worker_pool *ck_worker_pool_create(size_t threads, const int *cpus, ck_core_share *background, bool idle, int *error);
// Ends and joins the threads. The caller has seen every run return.
void ck_worker_pool_destroy(ck_worker_pool *pool);
// Calls body(context, t) for t in 0..<threads, each on its thread, 0 on the caller's, and returns when all calls have. Several threads
// may call at once: they are served one after the other, in order of arrival. A body must not call it.
void ck_worker_pool_run(ck_worker_pool *pool, void (*body)(void *context, size_t thread), void *context);
// Returns when every thread of the run has called it. Writes before it are seen after it.
void ck_worker_pool_barrier(ck_worker_pool *pool);
