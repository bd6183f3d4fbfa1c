// A pool is made of gates: counters that threads wait for, spinning first and then sleeping.
//
// `serving` and `next_ticket` are a ticket lock: callers run one after the other, in order of arrival. A run sets body and context,
// opens `started`, and waits until `finished` counts all threads; only then does the next ticket run.
//
// Threads arrive at a barrier in groups: the last of a group arrives for it at the counter of the pool, and the last of all opens the
// gates of all groups. A line that n threads change or wait for moves n times from core to core, one after the other; so more than
// MOST_UNGROUPED threads are in groups of GROUP, neighbours by index. Fewer are one group.
#define _GNU_SOURCE
#include "include/worker_pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#if defined(__x86_64__)
#define relax() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define relax() __asm__ volatile("yield")
#else
#define relax() ((void)0)
#endif

enum { SPINS = 2000, CACHE_LINE = 64, MOST_UNGROUPED = 16, GROUP = 8 };

typedef struct gate {
    _Alignas(CACHE_LINE) atomic_uint value;
    atomic_uint sleepers;
    pthread_mutex_t mutex;
    pthread_cond_t moved;
} gate;

static void gate_open(gate *g) {
    atomic_init(&g->value, 0);
    atomic_init(&g->sleepers, 0);
    pthread_mutex_init(&g->mutex, NULL);
    pthread_cond_init(&g->moved, NULL);
}

static void gate_close(gate *g) {
    pthread_mutex_destroy(&g->mutex);
    pthread_cond_destroy(&g->moved);
}

// Call it after a change of the value. A sleeper has either seen the change or is counted here, as both sides are sequentially
// consistent.
static void gate_wake(gate *g) {
    if (atomic_load(&g->sleepers) == 0) return;
    pthread_mutex_lock(&g->mutex);
    pthread_cond_broadcast(&g->moved);
    pthread_mutex_unlock(&g->mutex);
}

// Returns once the value is no longer `old` (`until_equal` false) or has become `old` (true).
static void gate_wait(gate *g, unsigned old, bool until_equal) {
    for (int i = 0; i < SPINS; i++) {
        if ((atomic_load_explicit(&g->value, memory_order_acquire) == old) == until_equal) return;
        // When another program runs on the other thread's core, spinning keeps both waiting.
        if (i % 50 == 49)
            sched_yield();
        else
            relax();
    }
    pthread_mutex_lock(&g->mutex);
    atomic_fetch_add(&g->sleepers, 1);
    while ((atomic_load(&g->value) == old) != until_equal) pthread_cond_wait(&g->moved, &g->mutex);
    atomic_fetch_sub(&g->sleepers, 1);
    pthread_mutex_unlock(&g->mutex);
}

typedef struct worker {
    ck_worker_pool *pool;
    size_t index;
    pthread_t thread;
} worker;

// Neighbours by index that meet first.
typedef struct group {
    gate passed;       // counts barriers
    _Alignas(CACHE_LINE) atomic_uint arrived;
    unsigned threads;
} group;

// Of the run that this thread takes part in.
static _Thread_local size_t own_index;

struct ck_worker_pool {
    gate serving;      // the ticket whose caller may run
    gate started;      // counts runs
    gate finished;     // pool threads that are done with this run
    _Alignas(CACHE_LINE) atomic_uint next_ticket;
    _Alignas(CACHE_LINE) atomic_uint arrived;  // groups, at the barrier
    _Alignas(CACHE_LINE) void (*body)(void *, size_t);  // from here on what runs and barriers only read
    void *context;
    bool ending;
    ck_core_share *background;  // null: of the foreground
    bool idle;
    size_t threads;
    size_t running;    // of the pool's own threads
    worker *workers;
    size_t group_threads, group_count;
    group *groups;
    bool pinned;
    cpu_set_t first;   // where callers run, if pinned
};

static void *work(void *argument) {
    worker *self = argument;
    ck_worker_pool *pool = self->pool;
    own_index = self->index;
    if (pool->background && pool->idle) ck_lower_thread_priority();
    if (pool->background && !pool->idle) ck_make_thread_nice();
    for (unsigned runs = 0;; runs++) {
        gate_wait(&pool->started, runs, false);
        if (pool->ending) return NULL;
        pool->body(pool->context, self->index);
        atomic_fetch_add(&pool->finished.value, 1);
        gate_wake(&pool->finished);
    }
}

static cpu_set_t only(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return set;
}

// Starts on its CPU, so that its stack lies near it. `cpu` -1: anywhere.
static int start(worker *w, int cpu) {
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error) return error;
    if (cpu >= 0) {
        cpu_set_t set = only(cpu);
        error = pthread_attr_setaffinity_np(&attributes, sizeof set, &set);
    }
    if (error == 0) error = pthread_create(&w->thread, &attributes, work, w);
    pthread_attr_destroy(&attributes);
    return error;
}

// The last group may be smaller.
static bool make_groups(ck_worker_pool *pool) {
    pool->group_threads = pool->threads > MOST_UNGROUPED ? GROUP : pool->threads;
    pool->group_count = (pool->threads + pool->group_threads - 1) / pool->group_threads;
    pool->groups = aligned_alloc(CACHE_LINE, pool->group_count * sizeof *pool->groups);
    if (!pool->groups) return false;
    for (size_t g = 0; g < pool->group_count; g++) {
        size_t left = pool->threads - g * pool->group_threads;
        gate_open(&pool->groups[g].passed);
        atomic_init(&pool->groups[g].arrived, 0);
        pool->groups[g].threads = (unsigned)(left < pool->group_threads ? left : pool->group_threads);
    }
    return true;
}

ck_worker_pool *ck_worker_pool_create(size_t threads, const int *cpus, ck_core_share *background, bool idle, int *error) {
    *error = 0;
    if (threads == 0) threads = 1;
    ck_worker_pool *pool = aligned_alloc(CACHE_LINE, sizeof *pool);
    if (!pool) {
        *error = ENOMEM;
        return NULL;
    }
    gate_open(&pool->serving);
    gate_open(&pool->started);
    gate_open(&pool->finished);
    atomic_init(&pool->next_ticket, 0);
    atomic_init(&pool->arrived, 0);
    pool->ending = false;
    pool->background = background;
    pool->idle = idle;
    pool->threads = threads;
    pool->running = 0;
    pool->pinned = cpus != NULL;
    if (cpus) pool->first = only(cpus[0]);
    pool->workers = calloc(threads, sizeof *pool->workers);
    if (!make_groups(pool) || !pool->workers) *error = ENOMEM;
    for (size_t i = 1; *error == 0 && i < threads; i++) {
        worker *w = &pool->workers[i];
        *w = (worker){.pool = pool, .index = i};
        *error = start(w, cpus ? cpus[i] : -1);
        if (*error == 0) pool->running++;
    }
    if (*error == 0) return pool;
    ck_worker_pool_destroy(pool);
    return NULL;
}

void ck_worker_pool_destroy(ck_worker_pool *pool) {
    pool->ending = true;
    atomic_fetch_add(&pool->started.value, 1);
    gate_wake(&pool->started);
    for (size_t i = 1; i <= pool->running; i++) pthread_join(pool->workers[i].thread, NULL);
    gate_close(&pool->serving);
    gate_close(&pool->started);
    gate_close(&pool->finished);
    for (size_t g = 0; pool->groups && g < pool->group_count; g++) gate_close(&pool->groups[g].passed);
    free(pool->groups);
    free(pool->workers);
    free(pool);
}

// Whether the caller now runs on the pool's first CPU only; `before` is where it could run.
static bool pin_caller(const ck_worker_pool *pool, cpu_set_t *before) {
    return pool->pinned && sched_getaffinity(0, sizeof *before, before) == 0 && sched_setaffinity(0, sizeof pool->first, &pool->first) == 0;
}

void ck_worker_pool_run(ck_worker_pool *pool, void (*body)(void *, size_t), void *context) {
    unsigned ticket = atomic_fetch_add(&pool->next_ticket, 1);
    gate_wait(&pool->serving, ticket, true);
    if (pool->background) ck_core_share_pass(pool->background);
    cpu_set_t before;
    bool moved = pin_caller(pool, &before);
    if (pool->threads > 1) {
        pool->body = body;
        pool->context = context;
        atomic_store(&pool->finished.value, 0);
        atomic_fetch_add(&pool->started.value, 1);
        gate_wake(&pool->started);
    }
    size_t outer = own_index;  // the caller may be in a run of another pool
    own_index = 0;
    body(context, 0);
    own_index = outer;
    if (pool->threads > 1) gate_wait(&pool->finished, (unsigned)(pool->threads - 1), true);
    atomic_store(&pool->serving.value, ticket + 1);
    gate_wake(&pool->serving);
    if (moved) sched_setaffinity(0, sizeof before, &before);
}

void ck_worker_pool_barrier(ck_worker_pool *pool) {
    if (pool->background) ck_core_share_pass(pool->background);
    if (pool->threads == 1) return;
    group *own = &pool->groups[own_index / pool->group_threads];
    unsigned passed = atomic_load(&own->passed.value);
    if (atomic_fetch_add(&own->arrived, 1) + 1 < own->threads) return gate_wait(&own->passed, passed, false);
    atomic_store(&own->arrived, 0);
    if (pool->group_count > 1) {
        if (atomic_fetch_add(&pool->arrived, 1) + 1 < pool->group_count) return gate_wait(&own->passed, passed, false);
        atomic_store(&pool->arrived, 0);
    }
    for (size_t g = 0; g < pool->group_count; g++) {
        atomic_fetch_add(&pool->groups[g].passed.value, 1);
        gate_wake(&pool->groups[g].passed);
    }
}
