#define _GNU_SOURCE
#include "include/core_share.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CACHE_LINE = 64 };

struct ck_core_share {
    _Alignas(CACHE_LINE) atomic_uint busy;  // foreground threads
    atomic_bool is_open;
    _Alignas(CACHE_LINE) atomic_uint waiting;  // background threads
    pthread_mutex_t mutex;
    pthread_cond_t moved;
};

ck_core_share *ck_core_share_create(void) {
    ck_core_share *share = aligned_alloc(CACHE_LINE, sizeof *share);
    if (!share) return NULL;
    atomic_init(&share->busy, 0);
    atomic_init(&share->is_open, false);
    atomic_init(&share->waiting, 0);
    pthread_mutex_init(&share->mutex, NULL);
    pthread_cond_init(&share->moved, NULL);
    return share;
}

void ck_core_share_destroy(ck_core_share *share) {
    pthread_mutex_destroy(&share->mutex);
    pthread_cond_destroy(&share->moved);
    free(share);
}

// After a change. A waiting thread has either seen the change or is counted here, as both sides are sequentially consistent.
static void wake(ck_core_share *share) {
    if (atomic_load(&share->waiting) == 0) return;
    pthread_mutex_lock(&share->mutex);
    pthread_cond_broadcast(&share->moved);
    pthread_mutex_unlock(&share->mutex);
}

void ck_core_share_enter(ck_core_share *share) { atomic_fetch_add(&share->busy, 1); }

void ck_core_share_leave(ck_core_share *share) {
    if (atomic_fetch_sub(&share->busy, 1) == 1) wake(share);
}

static bool may_pass(ck_core_share *share) { return atomic_load(&share->busy) == 0 || atomic_load(&share->is_open); }

void ck_core_share_pass(ck_core_share *share) {
    if (atomic_load_explicit(&share->busy, memory_order_relaxed) == 0) return;
    pthread_mutex_lock(&share->mutex);
    atomic_fetch_add(&share->waiting, 1);
    while (!may_pass(share)) pthread_cond_wait(&share->moved, &share->mutex);
    atomic_fetch_sub(&share->waiting, 1);
    pthread_mutex_unlock(&share->mutex);
}

bool ck_core_share_is_awaited(const ck_core_share *share) {
    return atomic_load_explicit(&share->waiting, memory_order_relaxed) > 0;
}

void ck_core_share_open(ck_core_share *share) {
    atomic_store(&share->is_open, true);
    wake(share);
}

bool ck_lower_thread_priority(void) {
#ifdef SCHED_IDLE
    struct sched_param parameters = {0};
    if (sched_setscheduler(0, SCHED_IDLE, &parameters) == 0) return true;
#endif
#ifdef __linux__
    return setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19) == 0;
#else
    return false;
#endif
}

bool ck_make_thread_nice(void) {
#ifdef __linux__
    id_t thread = (id_t)syscall(SYS_gettid);
    int nice = getpriority(PRIO_PROCESS, thread) + 10;
    return setpriority(PRIO_PROCESS, thread, nice > 19 ? 19 : nice) == 0;
#else
    return false;
#endif
}
