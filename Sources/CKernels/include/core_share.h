// Who computes on the cores: foreground threads at once, background threads while none is in the foreground.
#pragma once
#include <stdbool.h>

typedef struct ck_core_share ck_core_share;

// Null without memory.
ck_core_share *ck_core_share_create(void);
// No thread uses it any more.
void ck_core_share_destroy(ck_core_share *share);
// A foreground thread begins, and has ended. Neither waits for background threads. Leaving takes a lock only where the foreground becomes
// empty while background threads wait.
void ck_core_share_enter(ck_core_share *share);
void ck_core_share_leave(ck_core_share *share);
// Background threads call it every few hundred microseconds. Returns when the foreground is empty, after one
// load if it already is.
void ck_core_share_pass(ck_core_share *share);
// Some background thread waits in pass.
bool ck_core_share_is_awaited(const ck_core_share *share);
// From now on pass returns at once, even if the foreground is busy.
void ck_core_share_open(ck_core_share *share);
// The calling thread runs from now on only where no other thread wants its core. False: the system refuses that.
bool ck_lower_thread_priority(void);
// Threads of the usual priority come first from now on, and the calling one still gets a tenth of its core beside one of them. False: the
// system refuses that.
bool ck_make_thread_nice(void);
