#include "lmoe_mappings.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct slot {
    // 0: free; 1: being filled; else the address.
    _Atomic(uintptr_t) start;
    _Atomic(uintptr_t) end;
    _Atomic(bool) damaged;
};

static struct slot slots[LMOE_MAPPINGS_MAX];
// No slot from this one on was ever used.
static atomic_int used;
// Where to look for a free slot first.
static atomic_int next;
static uintptr_t page_mask;
static struct sigaction earlier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool installed;

// The raw call: sanitizers intercept the function of libc, and their code must not run in a handler.
static bool map_zeros(uintptr_t start, uintptr_t end) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    return syscall(SYS_mmap, start, end - start, PROT_READ, flags, -1, 0) != -1;
}

// Whether the address is in a registered mapping that can be read on.
static bool repair(uintptr_t address) {
    int count = atomic_load_explicit(&used, memory_order_acquire);
    for (int i = 0; i < count; i++) {
        struct slot *slot = &slots[i];
        uintptr_t start = atomic_load(&slot->start);
        uintptr_t end = atomic_load(&slot->end);
        if (start <= 1 || address < start || address >= end) continue;
        // The slot may have been given to another mapping between the two loads.
        if (atomic_load(&slot->start) != start) continue;
        // Everything behind the end of the file would fault too: one fault repairs it all.
        atomic_store(&slot->damaged, true);
        return map_zeros(address & page_mask, end);
    }
    return false;
}

static void on_bus_error(int signal, siginfo_t *info, void *context) {
    int number = errno;
    // A signal that another process sent has no address.
    bool is_fault = info->si_code > 0;
    if (is_fault && repair((uintptr_t)info->si_addr)) {
        errno = number;
        return;
    }
    if (earlier.sa_flags & SA_SIGINFO) {
        earlier.sa_sigaction(signal, info, context);
    } else if (earlier.sa_handler == SIG_IGN && !is_fault) {
    } else if (earlier.sa_handler != SIG_DFL && earlier.sa_handler != SIG_IGN) {
        earlier.sa_handler(signal);
    } else {
        // The read is tried again and ends the process as it would have without us.
        struct sigaction standard = {.sa_handler = SIG_DFL};
        sigaction(SIGBUS, &standard, NULL);
        if (!is_fault) raise(SIGBUS);
    }
    errno = number;
}

static void install(void) {
    page_mask = ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    sigemptyset(&action.sa_mask);
    installed = sigaction(SIGBUS, NULL, &earlier) == 0 && sigaction(SIGBUS, &action, NULL) == 0;
}

int lmoe_mapping_register(const void *start, size_t length) {
    pthread_once(&once, install);
    if (!installed || start == NULL || length == 0) return -1;
    uintptr_t end = ((uintptr_t)start + length + ~page_mask) & page_mask;
    int first = atomic_load(&next);
    for (int i = 0; i < LMOE_MAPPINGS_MAX; i++) {
        int place = (first + i) % LMOE_MAPPINGS_MAX;
        struct slot *slot = &slots[place];
        uintptr_t free_slot = 0;
        if (atomic_load(&slot->start) != 0 || !atomic_compare_exchange_strong(&slot->start, &free_slot, 1)) continue;
        atomic_store(&slot->damaged, false);
        atomic_store(&slot->end, end);
        atomic_store(&slot->start, (uintptr_t)start);
        atomic_store(&next, place + 1);
        int count = atomic_load(&used);
        while (count <= place && !atomic_compare_exchange_weak(&used, &count, place + 1)) {
        }
        return place;
    }
    return -1;
}

void lmoe_mapping_forget(int mapping) {
    if (mapping < 0) return;
    atomic_store(&slots[mapping].start, 0);
    atomic_store(&next, mapping);
}

bool lmoe_mapping_is_damaged(int mapping) { return mapping >= 0 && atomic_load(&slots[mapping].damaged); }
